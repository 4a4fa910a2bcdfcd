"""What greensage's serving image is built with: one image for each engine, so that none carries what it does not use."""

from __future__ import annotations

from typing import Literal

Engine = Literal["trees", "onnx", "xgboost", "lightgbm", "sklearn", "all", "pandas", "catboost", "optimize"]
_SERVER = ("numpy", "orjson", "httptools", "uvloop")
# boto3 writes captures. Compiled trees need nothing but the server; their captures need the image of their framework.
_OWN = {
    "trees": (),
    "onnx": ("onnxruntime", "boto3"),
    "xgboost": ("scipy", "xgboost-cpu", "boto3"),
    "lightgbm": ("scipy", "lightgbm", "boto3"),
    "sklearn": ("scipy", "scikit-learn", "skops", "boto3"),
}
# Only where a model file asks for them: pandas is for pipelines that take columns by name, CatBoost brings pandas and more.
_ASKED = {"pandas": ("pandas",), "catboost": ("catboost", "pandas", "boto3")}
_EVERY = ("onnxruntime", "scipy", "xgboost-cpu", "lightgbm", "scikit-learn", "skops", "boto3")
# What makes models smaller: a job's image, in which nothing is served.
_OPTIMIZE = ("treelite", "tl2cgen", "onnx", "skl2onnx", "onnxmltools", "onnxconverter-common")


def engines() -> tuple[Engine, ...]:
    """Return every engine."""
    return ("trees", "onnx", "xgboost", "lightgbm", "sklearn", "all", "pandas", "catboost", "optimize")


def packages_of(engine: Engine) -> tuple[str, ...]:
    """Return the packages that the image of `engine` has, by the names that serving/requirements*.txt pin."""
    if engine == "optimize":
        return (*_SERVER, *_EVERY, *_OPTIMIZE)
    if engine in _ASKED:
        return (*_SERVER, *(_EVERY if engine == "pandas" else ()), *_ASKED[engine])
    return (*_SERVER, *(_EVERY if engine == "all" else _OWN[engine]))
