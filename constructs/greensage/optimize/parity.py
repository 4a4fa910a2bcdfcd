"""Whether two models answer the same on the user's sample, and by how much they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answers = NDArray[np.float64]


@dataclass(frozen=True)
class Parity:
    """How the answers differ.

    `max_delta` and `mean_delta`: of all numbers, in the answers' own unit. `agreement`: the share of rows for which both
    would choose the same class; None for regressions. `worse`: by how much the metric got worse, None without labels.
    """

    rows: int
    max_delta: float
    mean_delta: float
    agreement: float | None
    worse: float | None


def compare(before: Answers, after: Answers, labels: Answers | None) -> Parity | str:
    """Return how `after` differs from `before`, or a reason why they cannot be compared."""
    if before.shape != after.shape:
        return f"its answers have another shape: {after.shape} for {before.shape}"
    if not np.array_equal(np.isfinite(before), np.isfinite(after)):
        return "it answers NaN where the model does not, or the other way round"
    sure = np.isfinite(before)
    delta: Any = np.abs(after[sure].astype(np.float64) - before[sure].astype(np.float64))
    classes = _is_probability(before)
    agreement = _share(_chosen(before) == _chosen(after)) if classes else None
    worse = None
    if labels is not None:
        measured = _accuracy if classes else _negative_rmse
        worse = measured(before, labels) - measured(after, labels)
    return Parity(len(before), float(delta.max(initial=0)), float(delta.mean()) if delta.size else 0.0, agreement, worse)


def _is_probability(answers: Answers) -> bool:
    finite: Any = answers[np.isfinite(answers)]
    within = bool(finite.size and finite.min() >= 0 and finite.max() <= 1)
    return within and (answers.ndim == 1 or answers.shape[1] == 1 or bool(np.allclose(answers.sum(axis=1), 1, atol=1e-2)))


def _chosen(answers: np.ndarray) -> np.ndarray:
    if answers.ndim == 1 or answers.shape[1] == 1:
        return answers.reshape(-1) > 0.5
    return np.argmax(answers, axis=1)


def _share(same: Any) -> float:
    return float(np.count_nonzero(same)) / len(same)


def _accuracy(answers: np.ndarray, labels: np.ndarray) -> float:
    return _share(_chosen(answers) == labels)


def _negative_rmse(answers: np.ndarray, labels: np.ndarray) -> float:
    return -float(np.sqrt(np.mean((answers.reshape(len(labels), -1)[:, 0] - labels) ** 2)))
