"""How labels and answers are written: which classes there are, and whether answers are probabilities, margins or classes.

It is declared (`drift.classes`), or inferred from labels and answers together, and what does not fit is refused with what
was found: a KPI of wrongly understood answers is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Task = Literal["binary", "multiclass", "multilabel", "regression"]
Answers = Literal["probabilities", "margins", "classes", "values"]
_MOST_CLASSES = 1_000


class CodingError(ValueError):
    """Labels and answers do not fit together."""


@dataclass(frozen=True)
class Coding:
    """`classes` in the order of the answers' columns; the last of two is the positive one. Regression has none."""

    task: Task
    classes: tuple[float, ...]
    answers: Answers


REGRESSION = Coding("regression", (), "values")


def coding_of(labels: np.ndarray, scores: np.ndarray, *, regression: bool, classes: Sequence[float] = ()) -> Coding:
    """Return how labels, shape (rows,) or (rows, labels), and scores, (rows,) or (rows, outputs), are written.

    classes: as they were declared; default: inferred. Raises CodingError.
    """
    width = scores.shape[1] if scores.ndim == 2 else 1
    if regression:
        wide = labels.shape[1] if labels.ndim == 2 else 1
        if wide != width:
            raise CodingError(f"an answer has {width} values and a label {wide}; label files need {width} values, with commas")
        return REGRESSION
    if labels.ndim == 2 and labels.shape[1] > 1:
        if labels.shape[1] != width or not np.isin(labels, (0, 1)).all():
            raise CodingError(
                f"labels of {labels.shape[1]} values must be 0 or 1, one for each of the {width} values of an answer"
            )
        probable = bool(((scores >= 0) & (scores <= 1)).all())
        return Coding("multilabel", (0.0, 1.0), "probabilities" if probable else "margins")
    found = tuple(float(value) for value in np.unique(labels))
    if classes:
        unknown = sorted(set(found) - {float(value) for value in classes})
        if unknown:
            raise CodingError(f"labels {_some(unknown)} are not among drift.classes: {_some(classes)}")
    known = tuple(float(value) for value in classes) or found
    if len(known) > _MOST_CLASSES or any(value != int(value) for value in known):
        raise CodingError(f"labels such as {_some(found)} are no classes; for numbers watch rmse, mae, mse or r2")
    return (
        _of_columns(known, width, declared=bool(classes))
        if width > 1
        else _of_one(known, scores.reshape(len(scores)), bool(classes))
    )


def _of_columns(known: tuple[float, ...], width: int, *, declared: bool) -> Coding:
    """A probability for each class; classes that no label has yet are counted from 0 or 1."""
    if len(known) != width:
        if declared or len(known) > width:
            raise CodingError(f"an answer has {width} values and there are {len(known)} classes: {_some(known)}")
        begin = 1.0 if known and min(known) >= 1 and max(known) == width else 0.0
        full = tuple(begin + place for place in range(width))
        if set(known) - set(full):
            raise CodingError(f"an answer has {width} values and labels are {_some(known)}; name all in drift.classes")
        known = full
    return Coding("binary" if width == 2 else "multiclass", known, "probabilities")


def _of_one(known: tuple[float, ...], scores: np.ndarray, declared: bool) -> Coding:
    """One value an answer: a class where all of them are, else the score of the positive one of two classes."""
    usable = scores[np.isfinite(scores)]
    values: set[float] = set(np.unique(usable).astype(float).tolist())
    whole = all(value == int(value) for value in values)
    if whole and len(values) <= _MOST_CLASSES and (len(values | set(known)) > 2 or values <= set(known)):
        if declared and values - set(known):
            raise CodingError(f"answers {_some(sorted(values - set(known)))} are not among drift.classes: {_some(known)}")
        together = tuple(sorted(values | set(known)))
        if len(together) <= 2:
            return Coding("binary", _two(together), "classes")
        return Coding("multiclass", together, "classes")
    if len(known) > 2:
        raise CodingError(f"an answer is one value such as {usable[0]:.4g}, and there are {len(known)} classes: {_some(known)}")
    probable = bool(((usable >= 0) & (usable <= 1)).all())
    return Coding("binary", _two(known), "probabilities" if probable else "margins")


def _two(known: tuple[float, ...]) -> tuple[float, ...]:
    """Both classes where only one was seen: 0 and 1, or -1 and 1."""
    if len(known) >= 2:
        return known
    only = known[0] if known else 1.0
    return (0.0, 1.0) if only in (0.0, 1.0) else (-1.0, 1.0) if only == -1.0 else (only - 1, only)


def _some(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:6])
    return f"{shown}, ..." if len(values) > 6 else shown
