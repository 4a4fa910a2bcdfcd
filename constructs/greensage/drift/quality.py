"""How good the answers were: metrics from labels, equal to scikit-learn's.

Differences, on purpose: a class that no label has is left out of the mean of an AUC, where scikit-learn gives none at all;
rows whose answer is no number are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .coding import Coding, coding_of

_TINY = float(np.finfo(np.float64).eps)


class Answers:
    """Labels and answers that are understood: what the metrics measure.

    labels: shape (rows,) or (rows, labels); scores: (rows,) or (rows, outputs).
    """

    def __init__(self, labels: np.ndarray, scores: np.ndarray, coding: Coding) -> None:
        self.coding, self.labels, self.scores = coding, labels, scores

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, rows: np.ndarray) -> Answers:
        """Return those of some rows."""
        return Answers(self.labels[rows], self.scores[rows], self.coding)

    @property
    def truth(self) -> np.ndarray:
        """Which class a row is of, 0 or 1 by column, shape (rows, classes); of two classes the positive one only."""
        if self.coding.task == "multilabel":
            return self.labels > 0.5
        if self.coding.task == "binary":
            return (self.labels == self.coding.classes[-1])[:, None]
        return self.labels[:, None] == np.array(self.coding.classes)

    @property
    def likelihood(self) -> np.ndarray:
        """The scores of those columns; an answer that is a class scores 1 for it."""
        if self.coding.answers == "classes":
            flat = self.scores.reshape(len(self.scores))
            known = np.array(self.coding.classes[-1:] if self.coding.task == "binary" else self.coding.classes)
            return np.asarray(flat[:, None] == known).astype(float)
        table = self.scores.reshape(len(self.scores), -1)
        return table[:, -1:] if self.coding.task == "binary" else table

    @property
    def called(self) -> np.ndarray:
        """What the answers say, in the shape of `truth`."""
        likely = self.likelihood
        if self.coding.task == "multiclass":
            return np.eye(likely.shape[1], dtype=bool)[likely.argmax(axis=1)]
        return np.asarray(likely > (0.0 if self.coding.answers == "margins" else 0.5))

    @property
    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and answers of a regression, both of shape (rows, outputs)."""
        rows = len(self.labels)
        return self.labels.reshape(rows, -1), self.scores.reshape(rows, -1)


Metric = Callable[[Answers], float]


def understood(labels: np.ndarray, scores: np.ndarray, names: Sequence[str], classes: Sequence[float] = ()) -> Answers:
    """Return labels and scores as the metrics `names` need them, without rows whose answer is no number.

    Raises CodingError where they do not fit together.
    """
    kept = usable(scores)
    labels, scores = labels[kept], scores[kept]
    regression = bool(names) and all(base(name) in REGRESSION_METRICS for name in names)
    return Answers(labels, scores, coding_of(labels, scores, regression=regression, classes=classes))


def usable(scores: np.ndarray) -> np.ndarray:
    """Return which answers are numbers, as a mask of shape (rows,)."""
    return np.asarray(np.isfinite(scores.reshape(len(scores), -1)).all(axis=1)) if len(scores) else np.zeros(0, bool)


def measure(answers: Answers, names: Sequence[str]) -> dict[str, float]:
    """Return metrics by name; NaN where one is not defined."""
    return {name: metric_of(name)(answers) for name in names}


def metric_of(name: str) -> Metric:
    """Return a metric: auc, f1, precision and recall take the mean of the classes, `NAME_weighted` by how many rows they have."""
    return METRICS[name][0]


def base(name: str) -> str:
    """Return the name of a metric without how its classes are put together."""
    return name.removesuffix("_weighted").removesuffix("_macro")


def auc(answers: Answers, *, weighted: bool = False) -> float:
    """Return the area under the ROC curve, of several classes each against the rest; NaN with one class only."""
    truth, likely = answers.truth, answers.likelihood
    found = [_auc(truth[:, column], likely[:, column]) for column in range(truth.shape[1])]
    return _mean(found, truth, weighted=weighted)


def accuracy(answers: Answers) -> float:
    """Return the share of rows that are right, of several labels in all of them."""
    return float((answers.called == answers.truth).all(axis=1).mean())


def precision(answers: Answers, *, weighted: bool = False) -> float:
    """Return the share of true ones among those called positive; 0 when none is."""
    truth, called = answers.truth, answers.called
    return _mean(_ratio((truth & called).sum(axis=0), called.sum(axis=0), truth, called), truth, weighted=weighted)


def recall(answers: Answers, *, weighted: bool = False) -> float:
    """Return the share of the positive ones that were found; 0 when there is none."""
    truth, called = answers.truth, answers.called
    return _mean(_ratio((truth & called).sum(axis=0), truth.sum(axis=0), truth, called), truth, weighted=weighted)


def f1(answers: Answers, *, weighted: bool = False) -> float:
    """Return the harmonic mean of precision and recall."""
    truth, called = answers.truth, answers.called
    hits = 2 * (truth & called).sum(axis=0)
    return _mean(_ratio(hits, truth.sum(axis=0) + called.sum(axis=0), truth, called), truth, weighted=weighted)


def log_loss(answers: Answers) -> float:
    """Return the mean negative logarithm of the probability that the true class had."""
    return float(row_log_loss(answers).mean())


def row_log_loss(answers: Answers) -> np.ndarray:
    """Return the log loss of each row, shape (rows,); NaN where answers are no probabilities."""
    likely, truth = answers.likelihood, answers.truth
    if answers.coding.answers == "margins":
        return np.full(len(answers), np.nan)
    if answers.coding.task == "multiclass":
        shares = likely / np.maximum(likely.sum(axis=1, keepdims=True), _TINY)
        return -np.log(np.clip((shares * truth).sum(axis=1), _TINY, 1))
    return -np.log(np.clip(np.where(truth, likely, 1 - likely), _TINY, 1)).mean(axis=1)


def mse(answers: Answers) -> float:
    """Return the mean squared error."""
    labels, scores = answers.numbers
    return float(((labels - scores) ** 2).mean())


def rmse(answers: Answers) -> float:
    """Return the root of the mean squared error, of several outputs the mean of theirs."""
    labels, scores = answers.numbers
    return float(np.sqrt(((labels - scores) ** 2).mean(axis=0)).mean())


def mae(answers: Answers) -> float:
    """Return the mean absolute error."""
    labels, scores = answers.numbers
    return float(np.abs(labels - scores).mean())


def r2(answers: Answers) -> float:
    """Return the share of the variance that is explained, of several outputs the mean of theirs; NaN when there is none."""
    labels, scores = answers.numbers
    spread = ((labels - labels.mean(axis=0)) ** 2).mean(axis=0)
    if not (spread > 0).all():
        return float("nan")
    return float((1 - ((labels - scores) ** 2).mean(axis=0) / spread).mean())


# Of several classes the mean over them; `NAME_macro` says so, `NAME_weighted` weighs them by their rows.
_OF_CLASSES = {"auc": auc, "precision": precision, "recall": recall, "f1": f1}
REGRESSION_METRICS = ("mse", "rmse", "mae", "r2")
# Names as Model Monitor's model quality jobs have them. True: more is better.
METRICS: Mapping[str, tuple[Metric, bool]] = {
    **{name: (metric, True) for name, metric in _OF_CLASSES.items()},
    **{f"{name}_macro": (metric, True) for name, metric in _OF_CLASSES.items()},
    **{f"{name}_weighted": (partial(metric, weighted=True), True) for name, metric in _OF_CLASSES.items()},
    "accuracy": (accuracy, True), "log_loss": (log_loss, False), "mse": (mse, False), "rmse": (rmse, False),
    "mae": (mae, False), "r2": (r2, True),
}  # fmt: skip


def flat(scores: np.ndarray) -> np.ndarray:
    """Return scores of one output as (rows,); several outputs stay (rows, classes)."""
    return scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores


def _auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """By ranks; ties share their middle rank."""
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _ratio(part: np.ndarray, whole: np.ndarray, truth: np.ndarray, called: np.ndarray) -> list[float]:
    """By class; one that neither a label nor an answer has does not count."""
    seen: Any = (truth | called).any(axis=0).tolist() if truth.shape[1] > 1 else [True]
    rows: list[tuple[float, float, bool]] = list(zip(part.tolist(), whole.tolist(), seen, strict=True))
    return [(some / all_ if all_ else 0.0) if there else float("nan") for some, all_, there in rows]


def _mean(found: Sequence[float], truth: np.ndarray, *, weighted: bool) -> float:
    values = np.array(found)
    known = ~np.isnan(values)
    weights = truth.sum(axis=0) * 1.0 if weighted and truth.shape[1] > 1 else np.ones(len(values))
    total = weights[known].sum()
    return float((values[known] * weights[known]).sum() / total) if total else float("nan")
