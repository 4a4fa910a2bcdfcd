"""Turns the files of an unpacked archive into a function from rows to predictions, by the ending of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ServingError
from .settings import Settings

Predict = Callable[[np.ndarray], np.ndarray]


def load(folder: Path, settings: Settings) -> Predict:
    """Return the prediction function of the one model file in `folder`.

    Rows go in as float64 (rows, features); out come scores as (rows,) or class probabilities as (rows, classes).
    Raises ServingError when there is no model file, more than one, or one that must not or cannot be loaded.
    """
    found = [(path, loader) for path in sorted(folder.rglob("*")) if path.is_file() for loader in [_loader_of(path)] if loader]
    if not found:
        names = ", ".join(sorted(path.name for path in folder.rglob("*") if path.is_file())) or "nothing"
        raise ServingError(500, f"no model file; the archive holds {names}; known endings: {', '.join(_LOADERS)}")
    if len(found) > 1:
        raise ServingError(500, f"more than one model file: {', '.join(path.name for path, _ in found)}")
    path, loader = found[0]
    return loader(path, settings)


def _loader_of(path: Path) -> Callable[[Path, Settings], Predict] | None:
    if path.name == "xgboost-model":
        return _xgboost
    return _LOADERS.get(path.suffix)


def _xgboost(path: Path, settings: Settings) -> Predict:
    import xgboost

    booster = xgboost.Booster(model_file=str(path))
    features = booster.num_features()

    def predict(rows: np.ndarray) -> np.ndarray:
        # XGBoost itself takes columns that are not there as missing values, and answers something.
        if rows.shape[1] != features:
            raise ValueError(f"{features} features are needed, got {rows.shape[1]}")
        return booster.predict(xgboost.DMatrix(rows))

    return predict


def _lightgbm(path: Path, settings: Settings) -> Predict:
    import lightgbm

    booster = lightgbm.Booster(model_file=str(path))
    return lambda rows: np.asarray(booster.predict(rows))


def _onnx(path: Path, settings: Settings) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), [item.name for item in session.get_outputs()]
    if len(inputs) != 1:
        raise ServingError(500, f"an ONNX model with one input is needed, this one has {len(inputs)}")
    kind = {"tensor(double)": np.float64, "tensor(int64)": np.int64}.get(inputs[0].type, np.float32)
    name = "probabilities" if "probabilities" in outputs else outputs[0]
    return lambda rows: np.asarray(session.run([name], {inputs[0].name: rows.astype(kind)})[0])


def _neo(path: Path, settings: Settings) -> Predict:
    """What SageMaker Neo compiled: a library beside its graph and parameters, run by Neo's own runtime."""
    import dlr  # type: ignore[import-not-found] - on devices only, where its last release still installs

    model = dlr.DLRModel(str(path.parent), "cpu")
    name = model.get_input_names()[0]
    return lambda rows: np.asarray(model.run({name: rows.astype(np.float32)})[0])


def _skops(path: Path, settings: Settings) -> Predict:
    import skops.io

    unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(settings.trusted_types))
    if unknown:
        raise ServingError(
            500, f"types that are not trusted: {', '.join(unknown)}; set GREENSAGE_TRUSTED_TYPES if you made the file"
        )
    return _estimator(skops.io.load(path, trusted=list(settings.trusted_types)))


def _pickle(path: Path, settings: Settings) -> Predict:
    if not settings.allow_pickle:
        raise ServingError(500, f"{path.name} is a pickle, which runs code when loaded; store the model with skops or as ONNX, "
                           "or set allow_pickle: true in its model file if you made it yourself")  # fmt: skip
    import joblib

    return _estimator(joblib.load(path))


def _estimator(estimator: Any) -> Predict:
    # A transformer is the preprocessing container of a pipeline.
    names = ("predict_proba", "predict", "transform")
    method = next((getattr(estimator, name) for name in names if hasattr(estimator, name)), None)
    if method is None:
        raise ServingError(500, f"{type(estimator).__name__} has none of {', '.join(names)}")
    return lambda rows: np.asarray(method(rows))


_LOADERS: dict[str, Callable[[Path, Settings], Predict]] = {
    ".ubj": _xgboost, ".json": _xgboost, ".txt": _lightgbm, ".onnx": _onnx, ".skops": _skops, ".so": _neo,
    ".pkl": _pickle, ".pickle": _pickle, ".joblib": _pickle,
}  # fmt: skip
