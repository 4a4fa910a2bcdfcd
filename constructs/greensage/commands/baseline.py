"""`greensage baseline`: the statistics of training data, for monitoring, in Model Monitor's format."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GreensageError
from . import Commands

if TYPE_CHECKING:
    from ..drift.window import Statistics

_EXAMPLES = """examples:
  greensage baseline train.csv --label target -o artifacts/churn.statistics.json
  greensage baseline train.csv --label target --predictions scores.csv -o artifacts/churn.statistics.json
  greensage baseline train.csv --label target --time created_at -o artifacts/churn.statistics.json

train.csv has a header with the features in the order in which they are sent; scores.csv has the model's answer for each
row, without a header. Columns may hold words. With times, windows are compared with the same hour of the week.
Needs numpy: pip install 'greensage[drift]'.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "baseline", help="statistics of training data, to compare captured requests with", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, help="CSV with a header, the training data")
    parser.add_argument("--label", help="column that is not a feature")
    parser.add_argument("--predictions", type=Path, help="CSV without a header: the model's answer for each row")
    parser.add_argument("--time", metavar="COLUMN", help="when each row was: ISO 8601, or seconds since 1970; no feature")
    parser.add_argument("-o", "--output", type=Path, required=True, help="statistics.json; constraints are put beside it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write statistics and constraints."""
    try:
        import numpy as np

        from ..drift.monitor_files import to_constraints, to_statistics
        from ..drift.tables import read_mixed, read_numbers
        from ..drift.window import of_table
    except ImportError:
        raise GreensageError("baseline needs numpy: pip install 'greensage[drift]'") from None
    try:
        table = read_mixed([options.data], options.label, time=options.time)
        answers = read_numbers(options.predictions) if options.predictions else None
        if answers is not None and len(answers) != len(table):
            raise ValueError(f"{options.predictions} has {len(answers)} rows, {options.data} has {len(table)}")
        if answers is not None and options.time:
            raise ValueError("--time puts the rows in the order of time, and --predictions has none: sort both, leave --time out")
        made = of_table(
            table.names, table.features, answers if answers is None else np.asarray(answers), words=table.words, times=table.times
        )
    except (ValueError, UnicodeDecodeError) as problem:
        raise GreensageError(str(problem)) from None
    options.output.write_text(json.dumps(to_statistics(made)), encoding="utf-8")
    beside = options.output.with_name(options.output.name.replace("statistics", "constraints"))
    # A name without "statistics" leaves no second name, and must not be overwritten.
    if beside != options.output:
        beside.write_text(json.dumps(to_constraints(made, distance=0.1, method="Robust"), indent=1), encoding="utf-8")
    print(f"{options.output}: {made.rows:,} rows, {len(made.features)} features, {len(made.outputs)} outputs")
    print("\n".join(_kinds(made, timed=bool(table.times))))
    return 0


def _kinds(made: Statistics, *, timed: bool) -> list[str]:
    """How each column will be compared, and what may be a mistake."""
    found: dict[str, list[str]] = {"numbers": [], "categories": [], "texts": [], "constant": []}
    lines: list[str] = []
    for name, column in {**made.features, **made.outputs}.items():
        kind = "texts" if column.prose else "categories" if column.discrete else "numbers"
        found["constant" if len(column.counts) == 1 and column.counted else kind].append(name)
        if 0 < column.text < column.present:
            lines.append(f"  {name}: {column.text:,} of {column.present:,} values are no numbers, and count as words")
    lines = [*(f"  {kind}: {_few(names)}" for kind, names in found.items() if names), *lines]
    if not timed:
        lines.append("  without --time COLUMN rows are taken in the order of the file, and seasons are not known")
    return lines


def _few(names: list[str]) -> str:
    shown, most = ", ".join(names[:6]), 6
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
