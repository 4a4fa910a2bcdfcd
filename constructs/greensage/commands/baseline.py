"""`greensage baseline`: the statistics of training data, for monitoring, in Model Monitor's format."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import GreensageError
from . import Commands

_EXAMPLES = """examples:
  greensage baseline train.csv --label target -o artifacts/churn.statistics.json
  greensage baseline train.csv --label target --predictions scores.csv -o artifacts/churn.statistics.json

train.csv has a header with the features in the order in which they are sent; scores.csv has the model's answer for each
row, without a header. Needs numpy: pip install 'greensage[drift]'.
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
    parser.add_argument("-o", "--output", type=Path, required=True, help="statistics.json; constraints are put beside it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write statistics and constraints."""
    try:
        import numpy as np

        from ..drift.monitor_files import to_constraints, to_statistics
        from ..drift.tables import read_numbers, read_table
        from ..drift.window import of_table
    except ImportError:
        raise GreensageError("baseline needs numpy: pip install 'greensage[drift]'") from None
    try:
        names, features, _ = read_table([options.data], options.label)
        answers = read_numbers(options.predictions) if options.predictions else None
        if answers is not None and len(answers) != len(features):
            raise ValueError(f"{options.predictions} has {len(answers)} rows, {options.data} has {len(features)}")
        made = of_table(names, features, answers if answers is None else np.asarray(answers))
    except (ValueError, UnicodeDecodeError) as problem:
        raise GreensageError(str(problem)) from None
    options.output.write_text(json.dumps(to_statistics(made)), encoding="utf-8")
    beside = options.output.with_name(options.output.name.replace("statistics", "constraints"))
    # A name without "statistics" leaves no second name, and must not be overwritten.
    if beside != options.output:
        beside.write_text(json.dumps(to_constraints(made, distance=0.1, method="Robust"), indent=1), encoding="utf-8")
    print(f"{options.output}: {made.rows:,} rows, {len(made.features)} features, {len(made.outputs)} outputs")
    return 0
