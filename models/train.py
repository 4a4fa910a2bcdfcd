"""Trains the example models for real, on data bundled with scikit-learn, and packs them as SageMaker expects.

Beside each archive stands a NAME.expected.json with rows the model has not seen and its own predictions in
Python: what the deployed endpoint has to answer. What is there is not trained again, so stacks do not change
(skops stores object ids, so iris would be other bytes each time; the rest would be the same).
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

OUT = Path(__file__).resolve().parent / "artifacts"
SEED = 7
SAMPLES = 5
Trained = tuple[str, bytes, Any]


def main() -> int:
    """Train what is missing, or everything with --force."""
    OUT.mkdir(exist_ok=True)
    for name, (load, train) in MODELS.items():
        if (OUT / f"{name}.expected.json").exists() and "--force" not in sys.argv:
            print(f"  {name}: is there")
            continue
        data = load()
        x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.25, random_state=SEED)
        file, content, predict = train(x_train, y_train)
        predictions = predict(x_test)
        _pack(name, file, content)
        rows = {"rows": x_test[:SAMPLES].tolist(), "predictions": np.asarray(predictions[:SAMPLES]).tolist()}
        (OUT / f"{name}.expected.json").write_text(json.dumps(rows))
        print(f"  {name}: trained on {len(x_train)} rows, accuracy {_accuracy(predictions, y_test):.3f} on {len(x_test)} others")
    return 0


def train_churn(x: np.ndarray, y: np.ndarray) -> Trained:
    """Gradient boosted trees with XGBoost."""
    import xgboost

    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "seed": SEED, "nthread": 1},
        xgboost.DMatrix(x, label=y), num_boost_round=100,
    )  # fmt: skip
    return "xgboost-model.ubj", bytes(booster.save_raw("ubj")), lambda rows: booster.predict(xgboost.DMatrix(rows))


def train_wine(x: np.ndarray, y: np.ndarray) -> Trained:
    """Gradient boosted trees with LightGBM, three classes."""
    import lightgbm

    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "seed": SEED, "num_threads": 1,
                "deterministic": True, "min_data_in_leaf": 5}  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(x, label=y), num_boost_round=60)
    return "model.txt", booster.model_to_string().encode(), booster.predict


def train_iris(x: np.ndarray, y: np.ndarray) -> Trained:
    """A scaled logistic regression with scikit-learn, stored with skops (no pickle)."""
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED)).fit(x, y)
    return "model.skops", skops.io.dumps(pipeline), pipeline.predict_proba


def train_digits(x: np.ndarray, y: np.ndarray) -> Trained:
    """A random forest on 8 x 8 pixels, converted to ONNX."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=60, random_state=SEED, n_jobs=1).fit(x, y)
    graph = to_onnx(forest, x[:1].astype(np.float32), options={"zipmap": False}, target_opset=20)
    return "model.onnx", graph.SerializeToString(deterministic=True), forest.predict_proba


MODELS: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray, np.ndarray], Trained]]] = {
    "churn": (datasets.load_breast_cancer, train_churn),
    "wine": (datasets.load_wine, train_wine),
    "iris": (datasets.load_iris, train_iris),
    "digits": (datasets.load_digits, train_digits),
}


def _pack(name: str, file: str, content: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(file)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    target = OUT / f"{name}.tar.gz"
    target.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def _accuracy(predictions: Any, labels: np.ndarray) -> float:
    scores = np.asarray(predictions)
    found = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.5).astype(int)
    return float((found == labels).mean())


if __name__ == "__main__":
    sys.exit(main())
