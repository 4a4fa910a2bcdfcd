"""Stands in for Model Monitor's container: reads its variables and its folders, writes its statistics.json.

The figures are the evaluator's own; only the contract (variables, preprocessor script, file) is the container's.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from greensage.drift.monitor_files import to_statistics
from greensage.drift.window import PREDICTION, Statistics


def main() -> int:
    """Analyze `dataset_source`, of captured requests, into `output_path`."""
    source, output = Path(_said("dataset_source")), Path(_said("output_path"))
    script = Path(_said("record_preprocessor_script"))
    prepare = _preprocessor(script)
    statistics: Statistics | None = None
    for row in _records(source, prepare):
        names = [name for name in row if not name.startswith(PREDICTION)]
        statistics = statistics or Statistics.of(names)
        for name in names:
            statistics.features[name].update(np.array([float(row[name])]))
        statistics.add_outputs(np.array([[float(row[name]) for name in row if name.startswith(PREDICTION)]]))
        statistics.rows += 1
        statistics.requests += 1
    output.mkdir(parents=True, exist_ok=True)
    (output / "statistics.json").write_text(json.dumps(to_statistics(statistics or Statistics())))
    return 0


def _said(name: str) -> str:
    """The container's variables are written small."""
    return os.environ[name]


def _records(source: Path, prepare: Any) -> Iterator[dict[str, Any]]:
    for path in sorted(source.rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            captured = json.loads(line)["captureData"]
            sides = [SimpleNamespace(**captured[name]) for name in ("endpointInput", "endpointOutput")]
            found = prepare(SimpleNamespace(endpoint_input=sides[0], endpoint_output=sides[1]))
            yield from [found] if isinstance(found, dict) else found


def _preprocessor(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location("preprocessor", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The script names the container's own folders; here they lie below the job's root.
    root = Path(os.environ["GREENSAGE_ML_ROOT"]) / "processing"
    module._BASELINE, module._OUTPUT = root / "baseline/stats", root / "output"  # type: ignore[attr-defined]
    return module.preprocess_handler


if __name__ == "__main__":
    sys.exit(main())
