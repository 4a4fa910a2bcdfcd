"""`greensage carbon`: the estimate in the columns of AWS's carbon data export, or beside that export."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from . import Commands
from .models import Fleet, add_model_arguments, read_fleet
from .observe import add_window_arguments, look, tell_problems

if TYPE_CHECKING:
    from ..footprint import Footprint
    from ..operate.carbon import Compared

EXAMPLES = """examples:
  greensage carbon > estimate.csv                        a month as planned, in AWS's columns, a row per Region
  greensage carbon --live --window 4w > estimate.csv     as CloudWatch saw it
  greensage carbon --month 2026-10 --reconcile export.csv.gz   beside what AWS states
AWS states a month about three weeks after its end, in metric tons, and for all of SageMaker: notebooks and trainings too.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "carbon", help="export the estimate in AWS's columns, or set it beside AWS's export", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    parser.add_argument("--month", default=time.strftime("%Y-%m", time.gmtime()), metavar="YYYY-MM", help="default: this month")
    parser.add_argument("--reconcile", type=Path, metavar="FILE", help="AWS's export of carbon emissions, CSV or CSV.gz")
    parser.add_argument("--account", default="", help="the account's number, for the columns that have it")
    parser.add_argument("--live", action="store_true", help="by what CloudWatch saw, instead of the plan")
    add_window_arguments(parser, window="4w")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rows, or the comparison."""
    from importlib.metadata import version

    from ..operate.carbon import as_export, compare, month_of, read_export

    month_of(options.month)
    fleet = read_fleet(options)
    by_region, problems = _live(options, fleet) if options.live else (_planned(fleet), [])
    tell_problems(problems)
    if options.reconcile is None:
        words = f"greensage-{version('greensage')}-{'live' if options.live else 'plan'}"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(as_export(by_region, options.month, version=words, at=at, account=options.account), end="")
        return 1 if problems else 0
    rows = compare(by_region, options.month, read_export(options.reconcile))
    if options.json:
        print(json.dumps([{**vars(row), "ratio": row.ratio} for row in rows], indent=2))
    else:
        print(_table(rows, options.month))
    return 1 if problems else 0


def _planned(fleet: Fleet) -> dict[str, Footprint]:
    return _by_region((model.region, fleet.footprint.of(model.name).footprint) for model in fleet.plan.models)


def _live(options: argparse.Namespace, fleet: Fleet) -> tuple[dict[str, Footprint], list[str]]:
    from ..operate.live import live_footprint

    deployed, observed = look(options, fleet.plan.regions)
    return _by_region((item.observed.host.region, item.month) for item in live_footprint(observed)), deployed.problems


def _by_region(rows: Iterable[tuple[str, Footprint]]) -> dict[str, Footprint]:
    found: dict[str, Footprint] = {}
    for region, footprint in rows:
        found[region] = found[region] + footprint if region in found else footprint
    return found


def _table(rows: list[Compared], month: str) -> str:
    from ..text import number, table

    header = ("REGION", "ESTIMATE g", "BAND", "AWS LBM g", "AWS MBM g", "ESTIMATE/AWS")
    shown: list[tuple[str, ...]] = [header]
    for row in rows:
        band = f"{number(row.low_g)} to {number(row.high_g)}" if row.low_g is not None and row.high_g is not None else ""
        grams = (
            number(value) if value is not None else "none" for value in (row.estimated_g, row.stated_lbm_g, row.stated_mbm_g)
        )
        own, lbm, mbm = grams
        shown.append((row.region, own, band, lbm, mbm, f"{row.ratio:.2f} x" if row.ratio is not None else "?"))
    if all(row.stated_lbm_g is None and row.stated_mbm_g is None for row in rows):
        return f"{table(shown, right=range(1, 6))}\n\nAWS's export has nothing of SageMaker in {month}."
    words = "AWS counts all of SageMaker, so its figure may be larger; location-based is what can be compared."
    return f"{month}\n{table(shown, right=range(1, 6))}\n\n{words}"
