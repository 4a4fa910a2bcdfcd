"""Models that tests train and pack to put them in the place of others."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path


def pack(path: Path, name: str, content: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def other_churn_model() -> tuple[bytes, list[float], list[list[float]]]:
    """Train another model on the same data; return it with its own predictions."""
    import xgboost
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 1, "nthread": 1}, xgboost.DMatrix(data.data, label=data.target), 3
    )
    rows = data.data[:1]
    return bytes(booster.save_raw("ubj")), booster.predict(xgboost.DMatrix(rows)).tolist(), rows.tolist()
