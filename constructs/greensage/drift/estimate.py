"""What KPIs are likely to be without labels: an estimate, marked as one, and never a reason to retrain.

Classification by confidence (CBPE): a probability p counts as a share p of a one and 1 - p of a zero, once probabilities are
calibrated on labelled answers. Regression by direct loss estimation (DLE): the loss is learned from features and answers where
labels are known, and estimated where they are not. Both as NannyML describes them (documentation, "How it works", performance
estimation). Neither sees that the relation of inputs and truth itself has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .events import KpiEstimate
from .quality import REGRESSION_METRICS, Answers, base, usable

_TINY = 1e-15
_RESAMPLES = 100
_LEAST = 50
_ERRORS = 1.96
_RIDGE = 1.0


@dataclass(frozen=True)
class Unlabelled:
    """Answers without labels, shape (rows, outputs), and their features, shape (rows, columns)."""

    scores: np.ndarray
    features: np.ndarray


def estimate(unlabelled: Unlabelled, names: Sequence[str], known: Answers | None, features: np.ndarray) -> dict[str, KpiEstimate]:
    """Return estimates by name: `value`, 95 % `interval`, and whether they are `calibrated` on labelled answers.

    known: labelled answers, with their `features`; None where there are none. Only binary probabilities have an estimate
    without them; of several classes and margins there is none.
    """
    kept = usable(unlabelled.scores)
    if not kept.any():
        return {}
    calibrated = known is not None and len(known) >= _LEAST
    if all(base(name) in REGRESSION_METRICS for name in names):
        return _losses(unlabelled, names, known, features) if known is not None and calibrated else {}
    if known is not None and (known.coding.task != "binary" or known.coding.answers != "probabilities"):
        return {}
    one = unlabelled.scores.reshape(len(unlabelled.scores), -1)[kept, -1]
    if (unlabelled.scores.ndim == 2 and unlabelled.scores.shape[1] > 2) or (one < 0).any() or (one > 1).any():
        return {}
    chances = _calibrated(known, one) if known is not None and calibrated else one
    return {name: _by_confidence(name, one, chances, calibrated) for name in names if base(name) in _EXPECTED}


def _by_confidence(name: str, one: np.ndarray, chances: np.ndarray, calibrated: bool) -> KpiEstimate:
    random, expected = np.random.default_rng(13), _EXPECTED[base(name)]
    value = expected(one, chances)
    # Labels that might come: each is a one with its chance.
    found: list[float] = []
    for _ in range(_RESAMPLES):
        rows = random.integers(len(one), size=len(one))
        drawn = (random.random(len(one)) < chances[rows]).astype(float)
        found.append(expected(one[rows], drawn))
    low, high = np.nanquantile(found, (0.025, 0.975)) if not np.isnan(found).all() else (np.nan, np.nan)
    return {"value": value, "interval": [float(low), float(high)], "calibrated": calibrated}


def _calibrated(known: Answers, one: np.ndarray) -> np.ndarray:
    """Isotonic regression of labels on probabilities, by pooling adjacent violators."""
    scores, labels = known.likelihood[:, 0], known.truth[:, 0].astype(float)
    order = np.argsort(scores, kind="stable")
    blocks: list[list[float]] = []  # sum, count, largest score
    for label, score in zip(labels[order].tolist(), scores[order].tolist(), strict=True):
        blocks.append([label, 1.0, score])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count, score = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count, score]
    ends = np.array([block[2] for block in blocks])
    chances = np.array([block[0] / block[1] for block in blocks])
    return chances[np.minimum(np.searchsorted(ends, one, "left"), len(ends) - 1)]


def _losses(unlabelled: Unlabelled, names: Sequence[str], known: Answers, features: np.ndarray) -> dict[str, KpiEstimate]:
    """Ridge regression of the squared and the absolute error on features, answers and their squares."""
    labels, scores = known.numbers
    design = _Design(np.column_stack([features, scores]))
    apart = np.column_stack([unlabelled.features, unlabelled.scores.reshape(len(unlabelled.scores), -1)])
    found: dict[str, KpiEstimate] = {}
    for name in names:
        plain = base(name)
        losses = (np.abs(labels - scores) if plain == "mae" else (labels - scores) ** 2).mean(axis=1)
        expected = np.clip(design.fitted(losses, apart), 0, losses.max())
        value, error = float(expected.mean()), float(losses.std() / np.sqrt(len(expected)))
        low, high = max(0.0, value - _ERRORS * error), value + _ERRORS * error
        if plain == "r2":
            spread = float(labels.var(axis=0).mean()) or 1.0
            value, low, high = 1 - value / spread, 1 - high / spread, 1 - low / spread
        elif plain == "rmse":
            value, low, high = float(np.sqrt(value)), float(np.sqrt(low)), float(np.sqrt(high))
        found[name] = {"value": value, "interval": [low, high], "calibrated": True}
    return found


class _Design:
    """Columns as deviations, what is far out cut off, gaps as no deviation, with their squares beside them."""

    def __init__(self, table: np.ndarray) -> None:
        kept = ~np.isnan(table).all(axis=0)
        self.kept = kept
        self.middle = np.nanmean(table[:, kept], axis=0)
        self.spread = np.nanstd(table[:, kept], axis=0)
        self.spread[~(self.spread > 0)] = 1.0
        self.matrix = self._of(table)

    def fitted(self, wanted: np.ndarray, table: np.ndarray) -> np.ndarray:
        matrix = self.matrix
        center = float(wanted.mean())
        squares = np.asarray(matrix.T @ matrix) + _RIDGE * np.eye(matrix.shape[1])
        weights = np.asarray(np.linalg.solve(squares, np.asarray(matrix.T @ (wanted - center))))
        return np.asarray(self._of(table) @ weights) + center

    def _of(self, table: np.ndarray) -> np.ndarray:
        apart = np.nan_to_num(np.clip((table[:, self.kept] - self.middle) / self.spread, -4, 4))
        return np.column_stack([np.ones(len(table)), apart, apart**2])


def _expected_accuracy(one: np.ndarray, chances: np.ndarray) -> float:
    return float(np.where(one > 0.5, chances, 1 - chances).mean())


def _expected_precision(one: np.ndarray, chances: np.ndarray) -> float:
    called = one > 0.5
    return float(chances[called].mean()) if called.any() else 0.0


def _expected_recall(one: np.ndarray, chances: np.ndarray) -> float:
    return float(chances[one > 0.5].sum() / max(_TINY, chances.sum()))


def _expected_f1(one: np.ndarray, chances: np.ndarray) -> float:
    called = one > 0.5
    return float(2 * chances[called].sum() / max(_TINY, called.sum() + chances.sum()))


def _expected_log_loss(one: np.ndarray, chances: np.ndarray) -> float:
    return float(-(chances * np.log(one.clip(_TINY)) + (1 - chances) * np.log((1 - one).clip(_TINY))).mean())


def _expected_auc(one: np.ndarray, chances: np.ndarray) -> float:
    order = np.argsort(-one, kind="stable")
    ones, zeros = np.cumsum(chances[order]), np.cumsum(1 - chances[order])
    if ones[-1] < _TINY or zeros[-1] < _TINY:
        return float("nan")
    hits, alarms = np.append(0, ones / ones[-1]), np.append(0, zeros / zeros[-1])
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum())


_EXPECTED = {
    "accuracy": _expected_accuracy, "auc": _expected_auc, "f1": _expected_f1, "log_loss": _expected_log_loss,
    "precision": _expected_precision, "recall": _expected_recall,
}  # fmt: skip
