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
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report", help="write one self-contained HTML page", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), help="default: report.html")
    parser.add_argument("--title", default="Inference footprint", help="the page's heading")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    import json

    from ..report import report_data, report_html

    fleet = read_fleet(options)
    data = report_data(
        fleet.plan, fleet.chosen, fleet.footprint, title=options.title, say=lambda text: print(text, file=sys.stderr)
    )
    if options.json:
        print(json.dumps(data))
        return 0
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(report_html(data), encoding="utf-8")
    print(f"wrote {options.output} ({options.output.stat().st_size / 1e6:.1f} MB; needs no network)")
    return 0
