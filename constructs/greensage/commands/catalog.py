"""`greensage catalog`: show any figure down to its source; refresh prices and instance types from AWS's public APIs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import Commands

if TYPE_CHECKING:
    from ..catalog.figures import Figure

EXAMPLES = """examples:
  greensage catalog show                  what there is to show
  greensage catalog show ml.c8g.medium    watts, embodied emissions, speed, price
  greensage catalog show eu-north-1       grid intensity, PUE, WUE, renewables
  greensage catalog show beside           what a deployment makes beside its host, and what is not counted
  greensage catalog show H100             watts and joules measured, by precision and batch
  greensage catalog show lifespan_hours   a coefficient, or a price such as logs_ingest_gb
  greensage catalog refresh               prices and types of all Regions, with your AWS credentials
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "catalog", help="figures and their sources: show, refresh", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="a figure with its quality, band, source and date")
    show.add_argument("name", nargs="?", help="an instance type, a Region, a coefficient or a price")
    show.add_argument("--region", default="us-east-1", help="for prices (default: us-east-1)")
    show.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(run=run_show)
    refresh = actions.add_parser("refresh", help="fetch hosting prices and types from the AWS Price List (needs credentials)")
    refresh.add_argument("--regions", nargs="+", metavar="REGION", help="default: every Region of the catalog")
    refresh.add_argument("--out", type=Path, default=Path("greensage-catalog"), help="default: greensage-catalog")
    refresh.set_defaults(run=run_refresh)


def run_show(options: argparse.Namespace) -> int:
    """Print the figures of one name, or the names."""
    from ..catalog.beside import left_out
    from ..catalog.figures import figure_json
    from ..catalog.lookup import figures_of, names_of_figures
    from ..text import paragraph, terminal_width

    width = terminal_width()
    if options.name is None:
        print("\n".join(paragraph(f"{kind}: {', '.join(names)}", width, "    ") for kind, names in names_of_figures().items()))
        return 0
    figures = figures_of(options.name, options.region)
    if options.json:
        print(json.dumps([figure_json(item) for item in figures], indent=2))
        return 0
    print("\n".join(_text(item, width) for item in figures))
    if options.name == "beside":
        print("\n".join(["Not counted:", *(paragraph(f"    {text}", width, "    ") for text in left_out())]))
    return 0


def run_refresh(options: argparse.Namespace) -> int:
    """Fetch, and write what replaces the shipped figures."""
    from ..catalog.refresh import refresh

    written = refresh(options.regions, options.out, say=lambda text: print(text, file=sys.stderr))
    print("\n".join(f"wrote {path}" for path in written))
    print(f"They replace the shipped figures wherever {options.out}/ is in the working folder, or $GREENSAGE_CATALOG names it.")
    return 0


def _text(item: Figure, width: int) -> str:
    from ..text import paragraph

    value = f"{item.value:g} {item.unit}" if item.known else "unknown"
    band = f", taken to lie between {item.low:.4g} and {item.high:.4g}" if item.known else ""
    lines = (f"{item.name}: {value}", f"    {item.quality}{band}", f"    {item.source} ({item.date})")
    return "\n".join(paragraph(line, width, "    ") for line in lines)
