"""Every models/*.yaml becomes a stack of its own; `-c model=NAME` synthesizes that one alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "constructs"))

from aws_cdk import App  # noqa: E402

from greensage.commands.plan_output import synth_line  # noqa: E402
from greensage.core.names import Parameters  # noqa: E402
from greensage.errors import GreensageError, render  # noqa: E402
from greensage.planner import fleet_footprint  # noqa: E402
from stacks.fleet import add_fleet  # noqa: E402
from stacks.read import read_plan  # noqa: E402


def main() -> int:
    """Read, plan, build, synthesize; 2 when the model files are wrong, or what they ask for is not installed."""
    app = App()
    models = Path(app.node.try_get_context("models") or ROOT / "models")
    only = app.node.try_get_context("model")
    try:
        region = os.environ.get("AWS_REGION") or os.environ.get("CDK_DEFAULT_REGION")
        fleet = read_plan(models, only=only, region=region, intensity=app.node.try_get_context("intensity"))
        footprint = fleet_footprint(fleet)
        root = app.node.try_get_context("parameters") or Parameters().root
        account = os.environ.get("CDK_DEFAULT_ACCOUNT")
        add_fleet(app, fleet, account=account, parameters=Parameters(root), only=only, footprint=footprint)
    except GreensageError as error:
        print(render(error), file=sys.stderr)
        return 2
    print(synth_line(footprint, only), file=sys.stderr)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
