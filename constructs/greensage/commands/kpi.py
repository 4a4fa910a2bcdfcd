"""`greensage kpi`: what each model took per 1,000 inferences, month by month, measured and kept."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from . import Commands
from .models import add_model_arguments, read_fleet
from .observe import add_account_arguments, say, tell_problems

if TYPE_CHECKING:
    from ..operate.kpi import Kpi

EXAMPLES = """examples:
  greensage kpi                              this month so far and the months before it, a table per model
  greensage kpi --since 2026-01 churn        one model since January
  greensage kpi --record                     keep what was measured in the platform's bucket (kpi/2026-11.jsonl)
  greensage kpi --since 2026-01 --jsonl > history.jsonl; greensage report --history history.jsonl
Requests, hours and use are measured by CloudWatch; kWh and gCO2e follow from them with the catalog's watts and grams,
which are estimates. The platform's weekly review records by itself. Exit code 1: something could not be read.
"""
_MONTHS = 6


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "kpi", help="show the proxy metrics of each model, month by month", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="MODEL", help="default: all")
    add_model_arguments(parser, positional=False)
    parser.add_argument("--since", metavar="YYYY-MM", help=f"the first month (default: {_MONTHS - 1} months before this one)")
    parser.add_argument("--record", action="store_true", help="write what was measured into the platform's bucket")
    parser.add_argument("--jsonl", action="store_true", help="the rows of the table, a line of JSON each")
    add_account_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and show or record."""
    import boto3

    from ..operate.carbon import month_of
    from ..operate.deployed import read_deployed
    from ..operate.kpi import by_model, months_of, to_json
    from ..operate.measure import month_at, read_kpis
    from .models import find_model

    now = time.time()
    since = options.since or _months_before(month_at(now), _MONTHS - 1)
    month_of(since)
    fleet = read_fleet(options)
    names = {find_model(fleet, name) for name in options.names}
    session = boto3.Session()
    regions = sorted({*fleet.plan.regions, *options.regions})
    deployed = read_deployed(session, regions, root=options.parameters, say=say)
    found = read_kpis(
        session, deployed, fleet.footprint, since=since, now=now, root=options.parameters, record=options.record, say=say
    )
    tell_problems(found.problems)
    rows = [row for row in found.rows if not names or row.model in names]
    if options.jsonl:
        print("\n".join(json.dumps(to_json(row)) for row in rows))
    elif options.json:
        models = {name: [_json(row) for row in months] for name, months in by_model(rows).items()}
        fleet_rows = [_json(row) for row in months_of(rows)]
        print(
            json.dumps({"models": models, "fleet": fleet_rows, "measured": found.measured, "problems": found.problems}, indent=2)
        )
    else:
        print("\n".join(_lines(rows, month_at(now))))
    return 1 if found.problems else 0


def _months_before(month: str, count: int) -> str:
    year, number = map(int, month.split("-"))
    whole = year * 12 + number - 1 - count
    return f"{whole // 12:04}-{whole % 12 + 1:02}"


def _json(row: Kpi) -> dict[str, object]:
    from ..operate.kpi import to_json

    return {
        **to_json(row), "vcpu_hours_per_1000": row.kpi, "carbon_g_per_1000": row.per_unit(row.carbon_g),
        "energy_kwh_per_1000": row.per_unit(row.energy_kwh),
    }  # fmt: skip


def _lines(rows: list[Kpi], this: str) -> list[str]:
    from ..operate.kpi import by_model, improvement_line, months_of
    from ..text import number, table

    if not rows:
        return ["Nothing is recorded, and nothing is deployed that has an endpoint."]
    header = ("MODEL", "MONTH", "REQUESTS", "CPU", "IDLE h", "gCO2e", "gCO2e/1,000", "Wh/1,000", "vCPU-h/1,000")
    shown: list[tuple[str, ...]] = [header]
    models = by_model(rows)
    whole = [("fleet", months_of(rows))] if len(models) > 1 else []
    for name, months in [*models.items(), *whole]:
        for index, row in enumerate(months):
            grams, energy = row.per_unit(row.carbon_g), row.per_unit(row.energy_kwh * 1000)
            shown.append((
                "" if index else name, f"{row.month}{'*' if row.month == this else ''}", number(row.requests),
                f"{row.cpu:.0%}" if row.cpu is not None else "", number(row.idle_hours, 2), number(row.carbon_g, 2),
                *(number(value, 2) if value is not None else "none" for value in (grams, energy, row.kpi)),
            ))  # fmt: skip
    lines = [table(shown, right=range(2, 9)), "* so far; what was not asked anything has no figure per 1,000", ""]
    lines.append("Improvement (proxy: vCPU-hours provisioned; business unit: 1,000 inferences):")
    return [*lines, *(f"  {improvement_line(name, months)}" for name, months in models.items())]
