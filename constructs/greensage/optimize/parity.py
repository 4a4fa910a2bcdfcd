"""Whether two models answer the same on the user's sample, and by how much they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import defaults

Answers = NDArray[np.float64]
# Answers with so many numbers a row are vectors, of which the direction counts.
_EMBEDDING = 16


@dataclass(frozen=True)
class Parity:
    """How the answers differ, over `spread`, the range of the model's own.

    `max_delta` and `mean_delta`: of all numbers, in the answers' own unit. `agreement`: the share of rows for which both
    would choose the same class; None for regressions. `cosine`: of embeddings (vectors of 16 numbers and more), the mean of
    the rows' cosine similarities. `worse`: by how much the metric got worse, None without labels.
    """

    rows: int
    max_delta: float
    mean_delta: float
    agreement: float | None
    worse: float | None
    spread: float = 1.0
    cosine: float | None = None


@dataclass(frozen=True)
class Limits:
    """By how much the answers of an optimized model may differ from the model's own, on the sample.

    Parameters
    ----------
    max_delta:
        For passes that only reorder sums: of any number, as a share of the range of the answers. Default 0.0001.
    mean_delta:
        For passes that lose digits: on average, as a share of that range. Default 0.01.
    min_agreement:
        Share of the rows, 0 to 1, for which the same class has to win. Default 0.99.
    max_worse:
        By how much the accuracy or the RMSE may be worse, where the sample has labels. Default 0.005.
    min_cosine:
        For embeddings, in place of mean_delta: the mean cosine similarity. Default 0.995.
    """

    max_delta: float = defaults.OPTIMIZE_MAX_DELTA
    mean_delta: float = defaults.OPTIMIZE_MEAN_DELTA
    min_agreement: float = defaults.OPTIMIZE_MIN_AGREEMENT
    max_worse: float = defaults.OPTIMIZE_MAX_WORSE
    min_cosine: float = defaults.OPTIMIZE_MIN_COSINE

    def refuse(self, parity: Parity, *, exact: bool) -> str:
        """Return which limit is passed and by how much; empty where none is."""
        spread = parity.spread or 1.0
        if exact and parity.max_delta > self.max_delta * spread:
            return f"its answers differ by up to {parity.max_delta:.2g}, and {self.max_delta * spread:.2g} is allowed"
        if parity.cosine is not None and parity.cosine < self.min_cosine:
            return f"its vectors have a cosine similarity of {parity.cosine:.4f} on average, and {self.min_cosine:g} is needed"
        if parity.cosine is None and parity.mean_delta > self.mean_delta * spread:
            return f"its answers differ by {parity.mean_delta:.2g} on average, and {self.mean_delta * spread:.2g} is allowed"
        if parity.agreement is not None and parity.agreement < self.min_agreement:
            other, allowed = 1 - parity.agreement, 1 - self.min_agreement
            return f"it chooses another class for {other:.2%} of the rows, and {allowed:.2%} is allowed"
        if parity.worse is not None and parity.worse > self.max_worse:
            return f"it is worse by {parity.worse:.3g} on the labels, and {self.max_worse:g} is allowed"
        return ""


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
    spread = float(np.ptp(before[sure])) if delta.size else 1.0
    mean = float(delta.mean()) if delta.size else 0.0
    cosine = None if classes or before.size < _EMBEDDING * len(before) else _cosine(before, after)
    return Parity(len(before), float(delta.max(initial=0)), mean, agreement, worse, spread, cosine)


def _cosine(before: Any, after: Any) -> float:
    one: Any
    other: Any
    one, other = (np.nan_to_num(np.asarray(item, dtype=np.float64).reshape(len(item), -1)) for item in (before, after))
    lengths: Any = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: Any = np.sum(one * other, axis=1) / np.where(lengths == 0, 1.0, lengths)
    return float(cosines.mean())


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
