"""`greensage footprint --live`: what the deployed endpoints took, from CloudWatch, beside what the plan said."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import Commands
from .models import add_model_arguments, read_fleet
from .observe import add_window_arguments, look, tell_problems

if TYPE_CHECKING:
    from ..operate.reconcile import Reconciled

EXAMPLES = """examples:
  greensage footprint                  the plan's estimate, a line per model
  greensage footprint --live           the last two weeks as CloudWatch has them, as a month, beside the plan
  greensage footprint --live --window 24h --json
Instance-hours, use and requests are measured; watts, embodied carbon and grams a kWh are the catalog's estimates.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "footprint", help="show what models take: as planned, or live", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    parser.add_argument("--live", action="store_true", help="from CloudWatch, beside the plan")
    add_window_arguments(parser, window="14d")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the footprint."""
    from .plan_json import plan_json
    from .plan_output import plan_overview

    fleet = read_fleet(options)
    if not options.live:
        shown = json.dumps(plan_json(fleet.plan, fleet.footprint, fleet.ladders), indent=2) if options.json else None
        print(shown or plan_overview(fleet.plan, fleet.footprint, fleet.ladders))
        return 0
    from ..operate.live import live_footprint
    from ..operate.reconcile import reconcile

    deployed, observed = look(options, fleet.plan.regions)
    rows = reconcile(fleet.plan, fleet.footprint, live_footprint(observed))
    tell_problems(deployed.problems)
    if options.json:
        found = {
            "endpoints": [_json(row) for row in rows],
            "without_endpoint": deployed.without_endpoint,
            "problems": deployed.problems,
        }
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(_lines(rows)))
        if deployed.without_endpoint:
            print(f"Not measured, because they have no endpoint: {', '.join(sorted(deployed.without_endpoint))}.")
    return 1 if deployed.problems else 0


def _lines(rows: list[Reconciled]) -> list[str]:
    from ..text import money, number, table

    if not rows:
        return ["Nothing is deployed that has an endpoint."]
    header = ("ENDPOINT OF", "RUNS", "CPU", "REQUESTS", "kWh", "gCO2e", "USD", "PLANNED gCO2e")
    shown: list[tuple[str, ...]] = [header]
    notes: list[str] = []
    for row in rows:
        month = row.live.month
        planned = number(row.planned.carbon_g.mid) if row.planned else "?"
        shown.append((
            _models(row), _runs(row), _cpu(row), number(month.requests), number(month.energy_kwh.mid), number(month.carbon_g.mid),
            money(month.cost_usd.mid), planned,
        ))  # fmt: skip
        notes += [f"  {_models(row)}: {text}" for text in row.differences]
    months = [row.live.month for row in rows]
    energy, carbon, cost = (sum(getattr(month, name).mid for month in months) for name in ("energy_kwh", "carbon_g", "cost_usd"))
    planned = sum(row.planned.carbon_g.mid for row in rows if row.planned)
    shown.append(("total", "", "", "", number(energy), number(carbon), money(cost), number(planned)))
    low, high = (sum(getattr(month.carbon_g, end) for month in months) for end in ("low", "high"))
    hours = max(row.live.observed.hours for row in rows)
    lines = [table(shown, right=range(2, 8)), ""]
    lines.append(
        f"A month of 30 days at the rate of the last {number(hours, 2)} hours; use is measured, watts and carbon are estimates "
        f"({number(low)} to {number(high)} g)."
    )
    return [*lines, *(["Where the plan and what was seen differ:", *notes] if notes else ["As planned, within a tenth."])]


def _models(row: Reconciled) -> str:
    models = row.live.observed.host.models
    return models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more"


def _runs(row: Reconciled) -> str:
    from ..operate.rightsize import words_of_host

    return words_of_host(row.live.observed)


def _cpu(row: Reconciled) -> str:
    shares = [item.cpu for item in row.live.observed.machines if item.cpu is not None]
    return f"{100 * max(shares):.1f}%" if shares else "?"


def _json(row: Reconciled) -> dict[str, Any]:
    from .plan_json import footprint_json

    observed = row.live.observed
    return {
        "endpoint": observed.host.endpoint, "region": observed.host.region, "models": list(observed.host.models),
        "hours": observed.hours, "traffic": asdict(observed.traffic),
        "machines": [asdict(item) for item in observed.machines],
        "month": footprint_json(row.live.month), "planned": footprint_json(row.planned) if row.planned else None,
        "differences": list(row.differences),
    }  # fmt: skip
