"""Every models/*.yaml becomes a stack of its own; `-c model=NAME` synthesizes that one alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "constructs"))

from aws_cdk import App  # noqa: E402

from greensage.catalog.intensity import read_intensity  # noqa: E402
from greensage.errors import GreensageError, SpecError, render  # noqa: E402
from greensage.footprint import fleet_footprint  # noqa: E402
from greensage.names import Parameters  # noqa: E402
from greensage.planner import Plan, plan  # noqa: E402
from greensage.show import synth_line  # noqa: E402
from greensage.spec import load_neighbours, load_specs  # noqa: E402
from stacks.fleet import add_fleet  # noqa: E402


def main() -> int:
    """Read, plan, build, synthesize; 2 when the model files are wrong."""
    app = App()
    models = Path(app.node.try_get_context("models") or ROOT / "models")
    only = app.node.try_get_context("model")
    try:
        fleet = _plan(models, only, app.node.try_get_context("intensity"))
        footprint = fleet_footprint(fleet)
    except GreensageError as error:
        print(render(error), file=sys.stderr)
        return 2
    root = app.node.try_get_context("parameters") or Parameters().root
    account = os.environ.get("CDK_DEFAULT_ACCOUNT")
    add_fleet(app, fleet, account=account, parameters=Parameters(root), only=only, footprint=footprint)
    print(synth_line(footprint, only), file=sys.stderr)
    app.synth()
    return 0


def _plan(models: Path, only: str | None, intensity: str | None) -> Plan:
    """Plan all models; with `only`, other files' problems stop it only where its endpoint depends on them."""
    specs, problems = (load_specs(models), []) if only is None else load_neighbours(models, only)
    region = os.environ.get("AWS_REGION") or os.environ.get("CDK_DEFAULT_REGION")
    hourly = read_intensity(intensity) if intensity else None
    fleet = plan(specs, default_region=region, intensity=hourly, only=only)
    shares = any(only in group.members for group in fleet.groups)
    if problems and shares:
        raise SpecError(problems)
    return fleet


if __name__ == "__main__":
    sys.exit(main())
