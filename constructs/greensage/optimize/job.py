"""What runs inside a processing job, in the image of the engine `optimize`: `python -m greensage.optimize.job`.

It gets the winner of a retraining and the training's rows, and writes the archive that is to be registered: an optimized one,
or the winner as it is where nothing legal is better.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..drift.job import ROOT, last_words
from .choose import Result, optimize
from .parity import Limits

# More show little more about parity, and cost time.
_MOST_ROWS = 2_000


def main() -> int:
    """Optimize; the exit code is the job's, and its last words are in /opt/ml/output/failure."""
    try:
        run(ROOT / "processing/input", ROOT / "processing/output", json.loads(os.environ["GREENSAGE_OPTIMIZE"]))
    except Exception as problem:
        last_words(f"{type(problem).__name__}: {problem}")
        raise
    return 0


def run(inputs: Path, output: Path, asked: dict[str, Any]) -> Result:
    """Write model.tar.gz and optimized.json below `output`; return what was found."""
    (archive,) = sorted((inputs / "challenger").glob("*.tar.gz"))
    rows, labels = _rows(inputs, asked["label"])
    output.mkdir(parents=True, exist_ok=True)
    target = output / "model.tar.gz"
    result = optimize(
        archive, rows=rows, labels=labels, architecture=asked.get("for", "arm64"), load=asked.get("load", "one"),
        limits=Limits(**asked.get("limits", {})), passes=asked.get("passes", ()), out=target,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
    if not result.archive_bytes:
        shutil.copy(archive, target)
    print(f"chosen: {result.chosen}", flush=True)
    report = {**asdict(result), "source": result.source.name, "after": asdict(result.after)}
    (output / "optimized.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return result


def _rows(inputs: Path, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows that the challenger was not fitted to where there are some, else those that it was."""
    from ..drift.tables import read_table

    for name in ("holdout", "window", "train"):
        paths = sorted((inputs / name).glob("*.csv"))
        if paths:
            _, features, labels = read_table(paths, label)
            if len(features):
                chosen = np.unique(np.linspace(0, len(features) - 1, _MOST_ROWS).astype(int))
                return features[chosen], labels[chosen]
    raise FileNotFoundError(f"no CSV file with rows in {inputs}")


if __name__ == "__main__":
    sys.exit(main())
