"""`greensage report`: one self-contained page with what the fleet takes, what was saved, why, and every source."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import Commands
from .models import add_model_arguments, read_fleet

EXAMPLES = """examples:
  greensage report -o report.html               models/*.yaml
  greensage report models/fleet -o fleet.html   another folder
  greensage kpi --jsonl > history.jsonl; greensage report --history history.jsonl
                                                with what was measured in each month
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report", help="write one self-contained HTML page", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), help="default: report.html")
    parser.add_argument("--title", default="Inference footprint", help="the page's heading")
    parser.add_argument("--history", type=Path, metavar="FILE", help="show the trend: what `greensage kpi --jsonl` printed")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    import json

    from ..report import report_data, report_html

    fleet = read_fleet(options)
    history = _history(options.history) if options.history else ()
    data = report_data(
        fleet.plan, fleet.chosen, fleet.footprint, title=options.title, history=history, ladders=fleet.ladders,
        say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    if options.json:
        print(json.dumps(data))
        return 0
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(report_html(data), encoding="utf-8")
    print(f"wrote {options.output} ({options.output.stat().st_size / 1e6:.1f} MB; needs no network)")
    return 0


def _history(file: Path) -> list[dict[str, object]]:
    """The months of a table of KPIs, as the page wants them."""
    from ..operate.history import read_rows
    from ..operate.kpi import by_model, months_of

    rows = read_rows(file.read_text(encoding="utf-8"), str(file))
    of_models: dict[str, dict[str, float | None]] = {}
    for name, months in by_model(rows).items():
        for row in months:
            of_models.setdefault(row.month, {})[name] = row.kpi
    return [
        {"month": row.month, "requests": row.requests, "g": row.carbon_g, "kwh": row.energy_kwh, "usd": row.cost_usd,
         "vcpu_hours": row.vcpu_hours, "models": of_models[row.month]}
        for row in months_of(rows)
    ]  # fmt: skip
