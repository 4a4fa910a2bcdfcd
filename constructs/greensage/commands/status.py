"""`greensage status`: what is deployed, whether it is well, since when, and the kWh so far this month."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import Commands
from .observe import add_account_arguments, say, tell_problems

if TYPE_CHECKING:
    from ..operate.status import Status

_EXAMPLES = """examples:
  greensage status                     in the Region of your AWS profile
  greensage status churn wine          two models
  greensage status --regions eu-west-1 eu-north-1
Ends with 1 where a model is not well. Use is measured, watts are estimates; what shares an endpoint is divided equally.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "status", help="show what is deployed and whether it is well", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="MODEL", help="default: all")
    add_account_arguments(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a row for each model; 1 where one is not well, or could not be read."""
    import boto3

    from ..errors import GreensageError
    from ..operate.deployed import read_deployed
    from ..operate.live import live_footprint
    from ..operate.metrics import Window
    from ..operate.observed import observe
    from ..operate.status import status_of, status_of_jobs

    session: Any = boto3.Session()
    now = time.time()
    asked: list[str] = options.regions
    here: list[str] = [str(session.region_name)] if session.region_name else []
    regions = sorted({*here, *asked})
    if not regions:
        raise GreensageError("no Region: set AWS_REGION, or name it: greensage status --regions eu-north-1")
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    deployed = read_deployed(session, regions, root=options.parameters, say=say)
    live = live_footprint(observe(session, deployed.hosts, Window(month, now), say=say))
    rows = status_of(deployed, live, status_of_jobs(session, deployed, options.parameters))
    unknown = sorted(set(options.names) - {row.model for row in rows})
    if unknown:
        known = ", ".join(row.model for row in rows) or "nothing"
        raise GreensageError(f"{', '.join(unknown)}: not deployed in {', '.join(regions)}; there is {known}")
    shown = [row for row in rows if not options.names or row.model in options.names]
    tell_problems(deployed.problems)
    if options.json:
        print(json.dumps({"models": [asdict(row) for row in shown], "problems": deployed.problems}, indent=2))
    else:
        print("\n".join(_lines(shown, regions, now)))
    return 1 if deployed.problems or any(not row.healthy for row in shown) else 0


def _lines(rows: list[Status], regions: list[str], now: float) -> list[str]:
    from ..text import number, table

    if not rows:
        return [f"Nothing of greensage's is deployed in {', '.join(regions)}."]
    header = ("MODEL", "RUNS", "STATE", "CHANGED", "REQUESTS", "ERRORS", "kWh")
    cells: list[tuple[str, ...]] = [header]
    for row in rows:
        counts = ("" if value is None else f"{value:,.0f}" for value in (row.requests, row.errors))
        amounts = (*counts, "" if row.kwh is None else number(row.kwh))
        cells.append((row.model, row.runs, row.state, _ago(row.updated, now), *amounts))
    notes = [f"  {row.model}: {row.detail}" for row in rows if row.detail]
    return [table(cells, right=range(4, 7)), "", "Since the month began. kWh are estimates from measured use.", *notes]


def _ago(at: float | None, now: float) -> str:
    if at is None:
        return ""
    seconds = max(0.0, now - at)
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"
