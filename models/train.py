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
Trained = tuple[dict[str, tuple[str, bytes]], Any]


def main() -> int:
    """Train what is missing, or everything with --force."""
    OUT.mkdir(exist_ok=True)
    for name, (load, train) in MODELS.items():
        if (OUT / f"{name}.expected.json").exists() and "--force" not in sys.argv:
            print(f"  {name}: is there")
            continue
        data = load()
        x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.25, random_state=SEED)
        files, predict = train(x_train, y_train)
        predictions = predict(x_test)
        for archive, (file, content) in files.items():
            _pack(archive.format(name=name), file, content)
        rows = {"rows": x_test[:SAMPLES].tolist(), "predictions": np.asarray(predictions[:SAMPLES]).tolist()}
        (OUT / f"{name}.expected.json").write_text(json.dumps(rows))
        print(f"  {name}: trained on {len(x_train)} rows, {_quality(predictions, y_test)} on {len(x_test)} others")
    return 0


def one(file: str, content: bytes, predict: Any) -> Trained:
    """Return a model that is one archive of its own name."""
    return {"{name}": (file, content)}, predict


def train_churn(x: np.ndarray, y: np.ndarray) -> Trained:
    """Gradient boosted trees with XGBoost."""
    import xgboost

    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "seed": SEED, "nthread": 1},
        xgboost.DMatrix(x, label=y), num_boost_round=100,
    )  # fmt: skip
    return one("xgboost-model.ubj", bytes(booster.save_raw("ubj")), lambda rows: booster.predict(xgboost.DMatrix(rows)))


def train_wine(x: np.ndarray, y: np.ndarray) -> Trained:
    """Gradient boosted trees with LightGBM, three classes."""
    import lightgbm

    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "seed": SEED, "num_threads": 1,
                "deterministic": True, "min_data_in_leaf": 5}  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(x, label=y), num_boost_round=60)
    return one("model.txt", booster.model_to_string().encode(), booster.predict)


def train_iris(x: np.ndarray, y: np.ndarray) -> Trained:
    """A scaled logistic regression with scikit-learn, stored with skops (no pickle)."""
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED)).fit(x, y)
    return one("model.skops", skops.io.dumps(pipeline), pipeline.predict_proba)


def train_digits(x: np.ndarray, y: np.ndarray) -> Trained:
    """A random forest on 8 x 8 pixels, converted to ONNX."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=60, random_state=SEED, n_jobs=1).fit(x, y)
    graph = to_onnx(forest, x[:1].astype(np.float32), options={"zipmap": False}, target_opset=20)
    return one("model.onnx", graph.SerializeToString(deterministic=True), forest.predict_proba)


def train_diabetes(x: np.ndarray, y: np.ndarray) -> Trained:
    """A regression with LightGBM."""
    import lightgbm

    settings = {"objective": "regression", "verbose": -1, "seed": SEED, "num_threads": 1, "deterministic": True}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, label=y), num_boost_round=40)
    return one("model.txt", booster.model_to_string().encode(), booster.predict)


def train_linnerud(x: np.ndarray, y: np.ndarray) -> Trained:
    """Three targets at once: a ridge regression with scikit-learn."""
    import skops.io
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0).fit(x, y)
    return one("model.skops", skops.io.dumps(model), model.predict)


def train_glucose(x: np.ndarray, y: np.ndarray) -> Trained:
    """A chain of two containers: a scaler, then boosted trees trained on scaled rows."""
    import skops.io
    import xgboost
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    settings = {"objective": "reg:squarederror", "max_depth": 3, "eta": 0.1, "seed": SEED, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(scaler.transform(x), label=y), num_boost_round=60)
    files = {
        "{name}-scaler": ("model.skops", skops.io.dumps(scaler)),
        "{name}": ("xgboost-model.ubj", bytes(booster.save_raw("ubj"))),
    }
    return files, lambda rows: booster.predict(xgboost.DMatrix(scaler.transform(rows)))


def train_pixels(x: np.ndarray, y: np.ndarray) -> Trained:
    """A logistic regression on 8 x 8 pixels, converted to ONNX."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    model = make_pipeline(MinMaxScaler(), LogisticRegression(random_state=SEED, max_iter=500)).fit(x, y)
    graph = to_onnx(model, x[:1].astype(np.float32), options={"zipmap": False}, target_opset=20)
    return one("model.onnx", graph.SerializeToString(deterministic=True), model.predict_proba)


MODELS: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray, np.ndarray], Trained]]] = {
    "churn": (datasets.load_breast_cancer, train_churn),
    "wine": (datasets.load_wine, train_wine),
    "iris": (datasets.load_iris, train_iris),
    "digits": (datasets.load_digits, train_digits),
    "diabetes": (datasets.load_diabetes, train_diabetes),
    "linnerud": (datasets.load_linnerud, train_linnerud),
    "glucose": (datasets.load_diabetes, train_glucose),
    "pixels": (datasets.load_digits, train_pixels),
    "forest": (datasets.load_digits, train_digits),
    "scans": (datasets.load_digits, train_digits),
    "claims": (datasets.load_breast_cancer, train_churn),
    "sensor": (datasets.load_digits, train_pixels),
}


def _pack(name: str, file: str, content: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(file)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    target = OUT / f"{name}.tar.gz"
    target.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def _quality(predictions: Any, labels: np.ndarray) -> str:
    scores = np.asarray(predictions)
    if labels.dtype.kind == "f":
        return f"mean error {np.abs(scores - labels).mean():.1f}"
    found = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0.5).astype(int)
    return f"accuracy {float((found == labels).mean()):.3f}"


if __name__ == "__main__":
    sys.exit(main())
