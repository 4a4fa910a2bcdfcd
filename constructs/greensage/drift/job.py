"""What runs inside jobs, in the container of the serving image: `python -m greensage.drift.job train | compare`.

The code comes to the job as an archive, so the image needs no build for it. `train` runs the user's script as
SageMaker's toolkits do, with SM_ variables; `compare` asks champion and challenger for their answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from .compare import score, slices, surely_better
from .monitor_files import to_constraints, to_statistics
from .quality import flat, understood, usable
from .tables import Table, read_mixed
from .window import of_table

Predict = Callable[[Table], np.ndarray]
# So many labelled captures are a baseline of their own.
_FRESH = 1_000
# A local cloud has no /opt/ml of its own; it says where its stand-in is.
ROOT = Path(os.environ.get("GREENSAGE_ML_ROOT", "/opt/ml"))


def main(arguments: list[str]) -> int:
    """Run a step; its exit code is the job's, and its last words are in /opt/ml/output/failure."""
    steps = {"train": train, "compare": compare_models}
    if len(arguments) != 1 or arguments[0] not in steps:
        print(f"usage: python -m greensage.drift.job {' | '.join(steps)}", file=sys.stderr)
        return 2
    try:
        return steps[arguments[0]]()
    except Exception as problem:
        last_words(f"{type(problem).__name__}: {problem}")
        raise


def train() -> int:
    """Unpack the user's code and run its script; SIGTERM, which announces the end of a Spot instance, is passed on."""
    parameters = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
    folder = Path(tempfile.mkdtemp(prefix="code-"))
    for archive in sorted((ROOT / "input/data/source").glob("*.zip")):
        _unpack(archive, folder)
    script = folder / parameters.get("script", "train.py")
    if not script.is_file():
        raise FileNotFoundError(f"the source has no {script.name}")
    process = subprocess.Popen([sys.executable, str(script)], cwd=folder, env=_environment(), stderr=subprocess.PIPE, text=True)

    def stop(_number: int, _frame: FrameType | None) -> None:
        process.terminate()

    signal.signal(signal.SIGTERM, stop)
    _, said = process.communicate()
    sys.stderr.write(said)
    if process.returncode:
        last_words(f"{script.name} ended with {process.returncode}: {said.strip()[-600:]}")
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def compare_models() -> int:
    """Write evaluation.json, and the challenger's baseline: statistics.json and constraints.json."""
    given = json.loads(os.environ["GREENSAGE_COMPARE"])
    inputs, output = ROOT / "processing/input", ROOT / "processing/output"
    tables = _tables(inputs, given["label"])
    models = {name: _model(inputs / name) for name in ("champion", "challenger")}
    metrics: dict[str, Any] = {}
    for name, table in tables.items():
        if name == "train" or not len(table):
            continue
        scores = {who: flat(predict(table)) for who, predict in models.items()}
        # What one of them cannot answer is no row to compare them on.
        kept = np.all([usable(found) for found in scores.values()], axis=0)
        answers = {
            who: understood(table.labels[kept], found[kept], given["metrics"], given.get("codes") or ())
            for who, found in scores.items()
        }  # fmt: skip
        metrics[name] = {who: score(found, given["metrics"]) for who, found in answers.items()}
        sure = surely_better(answers["champion"], answers["challenger"], given["metric"])
        metrics[name] |= {"rows": int(kept.sum()), "low": sure[1] if sure else None}
        if name == "window" and given["protected"]:
            cells = table.column(given["protected"], np.flatnonzero(kept))
            for label, mask in slices(cells, given["least_rows"]).items():
                metrics[f"slice {given['protected']} {label}"] = {
                    who: score(found.taken(np.flatnonzero(mask)), given["metrics"]) for who, found in answers.items()
                }
    # What comes from now on is like the newest rows; beside all of the training data it would look drifted at once.
    fresh = _read(inputs, ("recent/recent", "window/"), given["label"])
    known = fresh if fresh is not None and len(fresh) >= _FRESH else tables["train"]
    baseline = of_table(known.names, known.features, flat(models["challenger"](known)), words=known.words)
    output.mkdir(parents=True, exist_ok=True)
    _write(output / "evaluation.json", {"metrics": metrics, "rows": {name: len(table) for name, table in tables.items()}})
    _write(output / "statistics.json", to_statistics(baseline))
    _write(output / "constraints.json", to_constraints(baseline, distance=given["threshold"], method="Robust"))
    return 0


def _tables(inputs: Path, label: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, folders in (("train", ("train/", "recent/")), ("holdout", ("holdout/",)), ("window", ("window/",))):
        table = _read(inputs, folders, label)
        if table is not None:
            tables[name] = table
    if "train" not in tables:
        raise FileNotFoundError(f"no CSV file in {inputs / 'train'}")
    return tables


def _read(inputs: Path, starts: tuple[str, ...], label: str) -> Table | None:
    """The CSV files whose paths begin so, as one table; None where there are none."""
    paths = [path for start in starts for path in sorted(inputs.glob(f"{start}*.csv"))]
    return read_mixed(paths, label) if paths else None


def _model(folder: Path) -> Predict:
    """Load a model as the server would: this is what will answer requests."""
    from server.loaders import load
    from server.settings import Settings

    unpacked = Path(tempfile.mkdtemp(prefix="model-"))
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as content:
            content.extractall(unpacked, filter="data")
    model = load(unpacked, Settings.from_environment(os.environ))
    read = model.reader
    if read is None:
        return lambda table: model.answer(table.features)
    return lambda table: model.answer(read(table.to_csv(), "text/csv; header=present"))


def _environment() -> dict[str, str]:
    """The variables that training scripts for SageMaker read."""
    channels = sorted(
        path.name for path in (ROOT / "input/data").iterdir() if path.is_dir() and path.name not in ("source", "code")
    )
    return {
        **os.environ,
        "SM_MODEL_DIR": str(ROOT / "model"),
        "SM_OUTPUT_DATA_DIR": str(ROOT / "output/data"),
        "SM_CHECKPOINT_DIR": str(ROOT / "checkpoints"),
        "SM_CHANNELS": json.dumps(channels),
        **{f"SM_CHANNEL_{name.upper()}": str(ROOT / "input/data" / name) for name in channels},
    }


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for name in content.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{archive.name} holds {name!r}, which lies outside of it")
        content.extractall(folder)  # noqa: S202 - every name was looked at


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def last_words(text: str) -> None:
    """Write why the job failed, where SageMaker looks for it."""
    place = ROOT / "output/failure"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text[:1_024], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
