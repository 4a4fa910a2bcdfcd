"""`greensage plan`: what would be deployed, and what it takes against the usual deployment; `--explain` says why."""

from __future__ import annotations

import argparse
import json

from . import Commands
from .models import MODELS, add_model_arguments, find_model, read_fleet

EXAMPLES = """examples:
  greensage plan                       models/*.yaml
  greensage plan churn                 one of them; it is planned with those it may share an endpoint with
  greensage plan models/churn.yaml     one file
  greensage plan models/fleet          another folder
  greensage plan --environment prod    with what the files say for prod
  greensage plan --explain churn       why, what lost and by how much, what a looser SLA would save
  greensage plan --json                the same for a program (its schema: greensage schema plan)
  greensage plan --wide                all columns, however wide
  greensage plan --baseline usual      against the first Region that the files allow
  greensage plan --baseline current    against the endpoints that run now
  greensage plan --baseline lift-and-shift=machines.yaml --savings-plan 0.64
"""


# More than any line.
WIDE = 10_000


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plan", help="show what would be deployed, what it takes and why", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    parser.add_argument("--wide", action="store_true", help="all columns, whatever the width of the terminal")
    parser.add_argument("--explain", metavar="MODEL", help="the reasons of one model, or of `all`")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the plan."""
    from .plan_json import plan_json
    from .plan_output import optimize_lines, origin_lines, plan_overview, plan_reasons
    from .why import advice_lines

    fleet = read_fleet(options)
    if options.json:
        print(json.dumps(plan_json(fleet.plan, fleet.footprint, fleet.ladders), indent=2))
        return 0
    width = WIDE if options.wide else None
    if options.explain and options.explain != "all":
        name = find_model(fleet, options.explain)
        reasons = plan_reasons(fleet.plan, name, fleet.footprint, width=width)
        rows = [reasons, *advice_lines(fleet, name), *origin_lines(fleet.located[name])]
        print("\n".join(rows))
        return 0
    print(plan_overview(fleet.plan, fleet.footprint, fleet.ladders, width=width))
    if lines := optimize_lines(fleet.plan):
        print("\n" + "\n".join(lines))
    if options.explain:
        print(f"\n{plan_reasons(fleet.plan, None, fleet.footprint, width=width)}")
    else:
        first, where = fleet.plan.models[0].name, "" if options.models == [MODELS] else f" {' '.join(options.models)}"
        print(f"\nWhy: greensage plan{where} --explain {first} (or all); every column: --wide.")
        print(f"For your lead: greensage report{where} -o report.html")
    return 0
