"""Turns the files of an unpacked archive into a Model, by the ending of the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import tables, trees
from .engines import ENDINGS, SAMPLES, files_of, kind_of, named_model
from .errors import ServingError, first_lines
from .hooks import hooked, hooks_of
from .models import Model
from .payload import PayloadError, decode
from .settings import Settings


def load(folder: Path, settings: Settings) -> Model:
    """Return the one model in `folder`.

    Raises ServingError when there is no model file, more than one, or one that must not or cannot be loaded.
    """
    module = hooks_of(folder, settings)
    if module is not None:
        table = tables.reader(folder, _names(folder), settings.max_cells) if settings.dataframe else None
        return hooked(module, folder, lambda: _load(folder, settings), table)
    return _load(folder, settings)


def _load(folder: Path, settings: Settings) -> Model:
    named = named_model(folder)
    found = [(path, _LOADERS[kind]) for path in files_of(folder) if (kind := kind_of(path)) and named in (None, path.name)]
    if not found and named:
        raise ServingError(400, f"greensage.json names {named} as the model, and there is no such model in the archive")
    if not found:
        names = ", ".join(sorted(path.name for path in files_of(folder))) or "nothing"
        raise ServingError(400, f"no model file; the archive holds {names}; known endings: {', '.join(ENDINGS)}")
    if len(found) > 1:
        names = ", ".join(path.name for path, _ in found)
        raise ServingError(400, f'more than one model file: {names}; name it in greensage.json: {{"model": "FILE"}}')
    path, loader = found[0]
    try:
        model = loader(path, settings)
    except ServingError:
        raise
    except ImportError as error:
        raise ServingError(400, f"{path.name} needs {error.name}, which this image does not have") from None
    except Exception as error:  # each library has errors of its own for files that are broken
        raise ServingError(400, f"{path.name} cannot be loaded: {first_lines(error)}") from None
    model.names = _names(path.parent) or model.names
    model.sample = _sample(path.parent, model)
    return model


def _names(folder: Path) -> tuple[str, ...]:
    path = folder / "feature_names.json"
    if not path.is_file():
        return ()
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ServingError(400, f"{path.name} is not valid JSON: {error}") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ServingError(400, f"{path.name} is not a list of names")
    return tuple(names)


def _sample(folder: Path, model: Model) -> Any:
    for name, media in SAMPLES.items():
        if (folder / name).is_file():
            try:
                if model.reader is not None:
                    return model.reader((folder / name).read_bytes(), media)
                return decode((folder / name).read_bytes(), media)
            except PayloadError as error:
                raise ServingError(400, f"{name}: {error.message}") from None
    return None


def _xgboost(path: Path, settings: Settings) -> Model:
    import xgboost

    # From memory XGBoost looks at the content; from a path it guesses by an ending, which xgboost-model does not have.
    booster = xgboost.Booster(model_file=bytearray(path.read_bytes()))
    booster.set_param({"nthread": 1})
    features, names = booster.num_features(), tuple(booster.feature_names or ())
    # Linear boosters have no prediction in place.
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        return Model(lambda rows: booster.predict(xgboost.DMatrix(rows), validate_features=False), features, names)
    return Model(lambda rows: booster.inplace_predict(rows, validate_features=False), features, names)


def _lightgbm(path: Path, settings: Settings) -> Model:
    import lightgbm

    booster = lightgbm.Booster(model_file=str(path))
    return Model(
        lambda rows: np.asarray(booster.predict(rows, num_threads=1)), booster.num_feature(), tuple(booster.feature_name())
    )


def _onnx(path: Path, settings: Settings) -> Model:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Of many models each would keep an arena and a thread for itself, also while nobody calls it.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    for key, value in _session_options(path.parent).items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), [item.name for item in session.get_outputs()]
    kinds = {item.name: _ONNX_TYPES.get(item.type, np.float32) for item in inputs}
    wanted = [next((name for name in _ANSWERS if name in outputs), outputs[0])]
    if len(inputs) > 1:

        def of_several(rows: dict[str, np.ndarray]) -> np.ndarray:
            return np.asarray(session.run(wanted, {name: rows[name].astype(kind) for name, kind in kinds.items()})[0])

        return Model(of_several, inputs=tuple(kinds))
    (name, kind), shape = next(iter(kinds.items())), inputs[0].shape
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    tail = sizes[1:]
    run = session.run
    if len(shape) <= 2 or any(size is None for size in tail):
        features = tail[0] if len(shape) == 2 else None
        return Model(
            lambda rows: np.asarray(run(wanted, {name: rows.astype(kind)})[0]), features, fixed_rows=sizes[0] if sizes else None
        )
    # Images and series come as flat rows; the graph says what shape they have.
    features = int(np.prod([size for size in tail if size]))
    return Model(
        lambda rows: np.asarray(run(wanted, {name: rows.astype(kind).reshape(len(rows), *tail)})[0]),
        features,
        fixed_rows=sizes[0],
    )


def _session_options(folder: Path) -> dict[str, str]:
    """What greensage optimize found to be better for this model, for instance products in bfloat16."""
    path = folder / "greensage.json"
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8")).get("onnx", {}).get("session", {})
    return {str(key): str(value) for key, value in found.items() if key in _SESSION_OPTIONS}


def _neo(path: Path, settings: Settings) -> Model:
    """What SageMaker Neo compiled: a library beside its graph and parameters, run by Neo's own runtime."""
    import dlr  # type: ignore[import-not-found] - on devices only, where its last release still installs

    model = dlr.DLRModel(str(path.parent), "cpu")
    name = model.get_input_names()[0]
    return Model(lambda rows: np.asarray(model.run({name: rows.astype(np.float32)})[0]))


def _skops(path: Path, settings: Settings) -> Model:
    import skops.io

    unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(settings.trusted_types))
    if unknown:
        raise ServingError(
            400, f"types that are not trusted: {', '.join(unknown)}; set GREENSAGE_TRUSTED_TYPES if you made the file"
        )
    return _estimator(skops.io.load(path, trusted=list(settings.trusted_types)), path, settings)


def _pickle(path: Path, settings: Settings) -> Model:
    if not settings.allow_pickle:
        raise ServingError(400, f"{path.name} is a pickle, which runs code when loaded; store the model with skops or as ONNX, "
                           "or set allow_pickle: true in its model file if you made it yourself")  # fmt: skip
    import joblib

    return _estimator(joblib.load(path), path, settings)


def _estimator(estimator: Any, path: Path, settings: Settings) -> Model:
    # A transformer is the preprocessing container of a pipeline.
    names = ("predict_proba", "predict", "transform")
    method = next((getattr(estimator, name) for name in names if hasattr(estimator, name)), None)
    if method is None:
        raise ServingError(400, f"{type(estimator).__name__} has none of {', '.join(names)}")
    _one_thread(estimator)
    columns = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
    made = Model(lambda rows: _dense(method(rows)), getattr(estimator, "n_features_in_", None), columns, strict=False)
    if settings.dataframe:
        made.reader = _reader(path, columns, settings)
    return made


def _reader(path: Path, columns: tuple[str, ...], settings: Settings) -> tables.Reader:
    return tables.reader(path.parent, _names(path.parent) or columns, settings.max_cells)


def _catboost(path: Path, settings: Settings) -> Model:
    import catboost

    # Whose types are partial.
    model: Any = catboost.CatBoost()
    model.load_model(str(path))
    columns = tuple(map(str, model.feature_names_))
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    # What predict_proba and predict of CatBoost's own classes answer.
    kind = (
        "Probability"
        if loss in _OF_CLASSES
        else "Exponent"
        if loss in _OF_COUNTS
        else loss
        if loss == _UNCERTAIN
        else "RawFormulaVal"
    )
    words = [columns[index] for index in (*model.get_cat_feature_indices(), *model.get_text_feature_indices())]
    if not words:
        return Model(lambda rows: model.predict(rows, prediction_type=kind, thread_count=1), len(columns), columns)

    def of_a_table(frame: Any) -> np.ndarray:
        # Categories are words to CatBoost: a whole number is its digits, and what is missing "nan", as pandas writes it.
        frame = frame.assign(**{name: frame[name].map(_word) for name in words})
        return np.asarray(model.predict(frame, prediction_type=kind, thread_count=1))

    return Model(
        of_a_table,
        len(columns),
        columns,
        strict=False,
        reader=_reader(path, columns, settings),
    )


def _word(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "nan" if value is None else str(value)


def _one_thread(estimator: Any) -> None:
    """Models share the processors by requests; a model that starts threads of its own takes them from the others."""
    if hasattr(estimator, "get_params"):
        every = [name for name in estimator.get_params(deep=True) if name.rsplit("__", 1)[-1] == "n_jobs"]
        estimator.set_params(**dict.fromkeys(every, 1))


def _dense(answer: Any) -> np.ndarray:
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)


_OF_CLASSES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy", "Focal")
_OF_COUNTS = ("Poisson", "Tweedie")
_UNCERTAIN = "RMSEWithUncertainty"
# Of several outputs, what people call for; else the first.
_ANSWERS = ("probabilities", "sentence_embedding", "logits")
_SESSION_OPTIONS = ("mlas.enable_gemm_fastmath_arm64_bfloat16",)
_ONNX_TYPES = {
    "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
    "tensor(float16)": np.float16,
}  # fmt: skip
_LOADERS: dict[str, Callable[[Path, Settings], Model]] = {
    "trees": trees.load, "xgboost": _xgboost, "lightgbm": _lightgbm, "onnx": _onnx, "skops": _skops, "pickle": _pickle,
    "catboost": _catboost,
    "neo": _neo,
}  # fmt: skip
