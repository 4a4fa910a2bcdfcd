"""Which of greensage's serving images a model needs: the smallest that can load it, and all that may come in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from ..catalog.engines import Engine, engines
from ..spec import ModelSource, ModelSpec

# Pickled and trusted types may be of any library.
_TRUSTED = "GREENSAGE_TRUSTED_TYPES"


def engine_of(spec: ModelSpec, source: ModelSource) -> Engine:
    """Return the engine of the image that serves `source` of `spec`."""
    # What is retrained may come as the library writes it, and captures are written by boto3.
    compiled = source.given is not None and source == spec.model and source.framework != "onnx"
    return "trees" if compiled and not (spec.retraining or spec.drift) else _of_framework(source)


def training_engine(spec: ModelSpec) -> Engine:
    """Return the engine of the image in which `spec` is trained, and challenger and champion are compared."""
    own = spec.model.given or spec.model
    return common_engine([_of_framework(own), _of_framework(spec.model)])


def common_engine(found: Iterable[Engine]) -> Engine:
    """Return the engine that stands for several: their own if they agree, else all."""
    different: list[Engine] = list(dict.fromkeys(item for item in found if item != "trees"))
    if len(different) < 2:
        return different[0] if different else "trees"
    # pandas has all that `all` has.
    return "pandas" if "pandas" in different else "all"


def _of_framework(source: ModelSource) -> Engine:
    own = source.framework
    if source.dataframe:
        return "pandas"
    foreign = [
        part for part in source.environment.get(_TRUSTED, "").split(",") if part.strip().split(".")[0] != "sklearn" and part
    ]
    if source.allow_pickle or foreign or own not in engines():
        return "all"
    return cast(Engine, own)
