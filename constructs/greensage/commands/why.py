"""`greensage why`: why a model is hosted as it is, why not otherwise, and what a looser file would save."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..text import paragraph, terminal_width
from . import Commands
from .models import Fleet, add_model_arguments, find_model, read_fleet

if TYPE_CHECKING:
    from ..planner import Advice

EXAMPLES = """examples:
  greensage why churn                  the reasons, the losers with their numbers, the break-even points
  greensage why churn serverless       why not serverless
  greensage why churn ml.c7g.large     why not that instance type
  greensage why churn eu-west-3        why not there
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "why", help="explain one model, or why not X", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="the model's name")
    parser.add_argument("other", nargs="?", metavar="X", help="a hosting kind, an instance type, a Region or a silicon")
    add_model_arguments(parser, positional=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the answer."""
    from ..planner import why_not
    from .plan_output import plan_reasons

    fleet = read_fleet(options)
    name = find_model(fleet, options.model)
    if options.other:
        answer = why_not(fleet.chosen[name], options.other)
        print(
            json.dumps({"model": name, "asked": options.other, "answer": answer})
            if options.json
            else paragraph(f"{name}, {options.other}: {answer}", terminal_width(), "    ")
        )
        return 0
    if options.json:
        print(json.dumps(_json(fleet, name), indent=2))
        return 0
    print("\n".join([plan_reasons(fleet.plan, name, fleet.footprint), *advice_lines(fleet, name)]))
    return 0


def advice_lines(fleet: Fleet, name: str) -> list[str]:
    """Return the break-even points, and what relaxing the SLA would save."""
    from ..planner import break_evens

    chosen = fleet.chosen[name]
    # A kind that the file insists on does not change with the traffic.
    lines = [f"  traffic   {break_evens(chosen)}"] if chosen.request.spec.hosting == "auto" else []
    lines += [f"  looser    {item}" for item in advice_of(fleet, name)]
    return [paragraph(line, terminal_width(), " " * 12) for line in lines]


def advice_of(fleet: Fleet, name: str) -> tuple[Advice, ...]:
    """Return what relaxing each constraint would save against the model's part of the fleet."""
    from ..planner import advise

    return advise(fleet.chosen[name], fleet.footprint.of(name).host)


def _json(fleet: Fleet, name: str) -> dict[str, object]:
    from ..planner import break_evens
    from .plan_json import plan_json

    row = next(item for item in plan_json(fleet.plan, fleet.footprint, fleet.ladders)["models"] if item["name"] == name)
    found = break_evens(fleet.chosen[name])
    return {
        **row,
        "break_evens": [asdict(item) for item in found.switches],
        "advice": [asdict(item) for item in advice_of(fleet, name)],
    }
