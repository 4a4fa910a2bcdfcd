"""`greensage rightsize`: what the planner would have chosen for the traffic that was seen, as a patch of the model files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import Commands
from .models import add_environment_argument
from .observe import add_window_arguments, look, seconds_of, tell_problems

if TYPE_CHECKING:
    from ..operate.rightsize import Proposal
    from ..spec import Located, ModelSpec

EXAMPLES = """examples:
  greensage rightsize                       every model, by the last two weeks
  greensage rightsize churn claims          these
  greensage rightsize --patch > sizes.patch what would be changed; git apply sizes.patch
  greensage rightsize --write               change the files; then cdk deploy
  greensage rightsize --window 4w --json    for programs
A model with less than --min-history behind it is "not enough data". Exit code 1: something could not be read.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "rightsize", help="propose smaller sizes and better kinds, by what was used", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="MODEL", help="default: all")
    parser.add_argument(
        "--models", nargs="+", default=["models"], metavar="FOLDER", help="folders of model files (default: models)"
    )
    add_environment_argument(parser)
    parser.add_argument("--region", help="for files that allow any Region (default: $AWS_REGION)")
    add_window_arguments(parser, window="14d")
    parser.add_argument("--min-history", default="3d", metavar="TIME", help="less is not enough data (default: 3d)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--patch", action="store_true", help="print a unified diff of the model files")
    how.add_argument("--write", action="store_true", help="change the model files")
    parser.add_argument("--json", action="store_true", help="for programs; with --write, the files are changed too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Propose, and show, print or write it."""
    from ..operate.live import live_footprint
    from ..operate.rightsize import propose
    from ..planner import plan
    from ..spec import load_specs

    least = seconds_of(options.min_history) / 3600
    specs = load_specs([Path(folder) for folder in options.models], environment=options.environment)
    _check_names(options.names, specs)
    region = options.region or os.environ.get("AWS_REGION")
    current = plan(specs, default_region=region)
    deployed, observed = look(options, current.regions)
    proposals = propose(
        specs, current, live_footprint(observed), default_region=region, min_history_hours=least, names=options.names
    )
    tell_problems(deployed.problems)
    files = {spec.name: located.file for spec, located in specs}
    if options.json:
        if options.write:
            _write(proposals, files, options.environment)
        print(json.dumps({"proposals": [_json(item, files) for item in proposals], "problems": deployed.problems}, indent=2))
    elif options.patch:
        print("".join(patch for patch, _ in _patches(proposals, files, options.environment).values()), end="")
    else:
        print("\n".join(_lines(proposals)))
        if options.write:
            _write(proposals, files, options.environment)
        elif any(item.changes for item in proposals):
            print("\nTake it: greensage rightsize --write, then cdk diff and cdk deploy. A patch: --patch.")
    return 1 if deployed.problems else 0


def _check_names(names: list[str], specs: list[tuple[ModelSpec, Located]]) -> None:
    from difflib import get_close_matches

    from ..errors import CatalogError

    known = [spec.name for spec, _ in specs]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            raise CatalogError(f"no model is called {name!r}; {', '.join(near or known[:12])}?")


def _lines(proposals: list[Proposal]) -> list[str]:
    from ..operate.rightsize import totals
    from ..text import green, money, number, red, signed_percent

    lines: list[str] = []
    for item in sorted(proposals, key=lambda item: ("change", "keep", "not enough data").index(item.state)):
        lines.append(f"{item.model}: {item.state}; {item.reason}")
        if item.state != "change" or item.now is None or item.then is None:
            continue
        lines.append(f"  {item.runs} -> {item.proposed}")
        saved = 1 - item.then.carbon_g.mid / item.now.carbon_g.mid if item.now.carbon_g.mid else 0.0
        colour = green if saved >= 0 else red
        lines.append(
            f"  a month: {number(item.now.energy_kwh.mid)} -> {number(item.then.energy_kwh.mid)} kWh, "
            f"{number(item.now.carbon_g.mid)} -> {number(item.then.carbon_g.mid)} gCO2e ({colour(signed_percent(saved))}), "
            f"{money(item.now.cost_usd.mid)} -> {money(item.then.cost_usd.mid)} USD"
        )
        lines.append(f"  in the file: {', '.join(f'{_key(path)}: {value}' for path, value in item.changes)}")
        lines.append(f"  risk: {item.risk}")
    saved = totals(proposals)
    lines.append("")
    changes = sum(item.state == "change" for item in proposals)
    lines.append(
        f"{changes} of {len(proposals)} to change; together {number(saved['energy_kwh'])} kWh, {number(saved['carbon_g'])} gCO2e "
        f"and {money(saved['cost_usd'])} USD a month less. Use is measured; watts, carbon and what would run are estimates."
        if changes
        else f"Nothing to change among {len(proposals)}."
    )
    return lines


def _key(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _patches(proposals: list[Proposal], files: dict[str, str], environment: str | None) -> dict[str, tuple[str, str]]:
    """The patch and the new text of each file that a proposal changes; for one environment, what the file says for it."""
    place = ("environments", environment) if environment else ()
    from ..checks.fix import patch, with_values

    found: dict[str, tuple[str, str]] = {}
    for item in proposals:
        if item.state == "change" and item.changes:
            before = Path(files[item.model]).read_text(encoding="utf-8")
            after = with_values(before, [((*place, *path), value) for path, value in item.changes])
            found[files[item.model]] = (patch(before, after, files[item.model]), after)
    return found


def _write(proposals: list[Proposal], files: dict[str, str], environment: str | None) -> None:
    for name, (_, text) in _patches(proposals, files, environment).items():
        # In one step: a file that is half written would be no model file.
        beside = Path(f"{name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(name)
        print(f"changed {name}", file=sys.stderr)


def _json(item: Proposal, files: dict[str, str]) -> dict[str, Any]:
    from dataclasses import asdict

    from .plan_json import footprint_json

    return {
        "model": item.model, "file": files[item.model], "state": item.state, "reason": item.reason, "risk": item.risk,
        "runs": item.runs, "proposed": item.proposed,
        "changes": {_key(path): value for path, value in item.changes},
        "seen": asdict(item.seen) if item.seen else None,
        "now": footprint_json(item.now) if item.now else None, "then": footprint_json(item.then) if item.then else None,
    }  # fmt: skip
