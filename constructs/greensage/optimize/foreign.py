"""Runs what the serving container does not run as it is, so that it can be measured and compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .given import kind_of
from .libraries import library


@dataclass(frozen=True)
class ForeignModel:
    """A model in its own library: `answer` maps rows to answers, `features` is how many columns it takes, if it says."""

    answer: Callable[[Any], np.ndarray]
    features: int | None = None
    inputs: tuple[str, ...] = ()
    vocabulary: int = 0


def load_foreign(file: Path) -> ForeignModel:
    """Load a CatBoost, PyTorch or transformer model. Raises GreensageError, or ImportError of its library."""
    kind = kind_of(file)
    if kind == "catboost":
        return _catboost(file)
    from .torch_models import load_torch, load_transformer

    if kind == "transformer":
        answer, inputs, vocabulary = load_transformer(file.parent)
        return ForeignModel(answer, None, inputs, vocabulary)
    library("torch").set_num_threads(1)
    program = load_torch(file)
    return ForeignModel(program.answer, int(np.prod(program.tail)) if program.tail else None)


def _catboost(file: Path) -> ForeignModel:
    model = library("catboost").CatBoost().load_model(str(file))
    classifies = str(model.get_all_params().get("loss_function", "")).split(":")[0] in _CLASSES
    kind = "Probability" if classifies else "RawFormulaVal"
    return ForeignModel(lambda rows: model.predict(rows, prediction_type=kind, thread_count=1), len(model.feature_names_))


_CLASSES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")
