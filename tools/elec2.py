"""Makes the example of drift: real electricity prices (ELEC2), the first champion trained on them, and its baseline.

The data come out of a package on PyPI (scikit-multiflow 0.4.1, BSD-3-Clause) and are checked by their hash; they are not
committed, because nobody states a licence for the data themselves (M. Harries, Splice-2, UNSW 1999).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.drift.monitor_files import to_constraints, to_statistics  # noqa: E402
from greensage.drift.window import of_table  # noqa: E402

OUT = ROOT / "examples/drift/artifacts"
PACKAGE, MEMBER = "scikit-multiflow==0.4.1", "src/skmultiflow/data/datasets/elec.csv"
HASH = "ebdfe5480ae25a43a7d054286135e3a9484697a2850d5158a333b1578c28bb97"
NAMES = ["period", "nswdemand", "price_lag48", "vicprice", "vicdemand", "transfer"]
LABEL = "target"
DAY = 48
# In the file a day stands twice around the change (rows 17,376 to 17,423 and the next day); the first goes.
TWICE = slice(17_376, 17_424)
CHANGE = 17_376
TRAINED, HELD_OUT = slice(3_360, 10_080), slice(10_080, 10_656)


def main() -> int:
    """Make what is missing."""
    OUT.mkdir(parents=True, exist_ok=True)
    if (OUT / "elec2.tar.gz").exists():
        return 0
    features, labels = series()
    _table(OUT / "elec2-train.csv", features[TRAINED], labels[TRAINED])
    _table(OUT / "elec2-holdout.csv", features[HELD_OUT], labels[HELD_OUT])
    _champion(features[TRAINED])
    print("  elec2: trained on half an hour each of 20 weeks of 1996")
    return 0


def series() -> tuple[np.ndarray, np.ndarray]:
    """Return features of NAMES, shape (rows, 6), and labels (1: the price rises), in the order of time."""
    rows = np.array([[float(cell) for cell in row] for row in list(csv.reader(_file().decode().splitlines()))[1:]])
    rows = np.delete(rows, np.r_[TWICE], axis=0)
    period, price, demand, vicprice, vicdemand, transfer, target = rows.T
    lagged = np.concatenate([np.full(DAY, price[0]), price[:-DAY]])
    return np.stack([period, demand, lagged, vicprice, vicdemand, transfer], axis=1), target


def _file() -> bytes:
    kept = OUT / "elec.csv"
    if not kept.exists():
        kept.write_bytes(_downloaded())
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != HASH:
        kept.unlink()
        raise SystemExit("elec.csv is not the file that was expected; it was removed, try again")
    return content


def _downloaded() -> bytes:
    """Take the file out of the package's source archive; pip wants to look at its metadata, which needs some tools."""
    print(f"  fetching real electricity prices out of {PACKAGE} (once, 15 MB) ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(f"{folder}/env", with_pip=True)
        pip = [f"{folder}/env/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "numpy<2.3", "Cython<3.1", "setuptools<81", "wheel"], check=True)
        fetch = ["download", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", folder, PACKAGE]
        subprocess.run([*pip, *fetch], check=True)
        with tarfile.open(next(Path(folder).glob("scikit*.tar.gz"))) as archive:
            member = next(item for item in archive.getmembers() if item.name.endswith(MEMBER))
            found = archive.extractfile(member)
            assert found is not None
            return found.read()


def _table(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([[*NAMES, LABEL], *np.column_stack([features, labels]).tolist()])


def _champion(features: np.ndarray) -> None:
    """Train with the very script that retrains, and keep the baseline beside the archive."""
    import xgboost

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train").mkdir()
        os.link(OUT / "elec2-train.csv", Path(folder) / "train/train.csv")
        variables = {"SM_CHANNEL_TRAIN": f"{folder}/train", "SM_MODEL_DIR": folder, "SM_CHECKPOINT_DIR": f"{folder}/kept"}
        script = ROOT / "examples/drift/training/train.py"
        subprocess.run([sys.executable, str(script)], env={**os.environ, **variables}, check=True, stdout=subprocess.DEVNULL)
        model = (Path(folder) / "model.ubj").read_bytes()
    scores = xgboost.Booster(model_file=bytearray(model)).inplace_predict(features)
    baseline = of_table(NAMES, features, np.asarray(scores))
    (OUT / "elec2.statistics.json").write_text(json.dumps(to_statistics(baseline)))
    (OUT / "elec2.constraints.json").write_text(json.dumps(to_constraints(baseline, distance=0.1, method="Robust")))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("model.ubj")
        entry.size = len(model)
        archive.addfile(entry, io.BytesIO(model))
    (OUT / "elec2.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))


if __name__ == "__main__":
    sys.exit(main())
