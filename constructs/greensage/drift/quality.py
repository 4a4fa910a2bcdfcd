"""How good the answers were: KPIs from labels, with their uncertainty, and an estimate where there are no labels yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .events import KpiRow, KpiState

Metric = Callable[[np.ndarray, np.ndarray], float]
_CUT = 0.5
_TINY = 1e-15
# Resamples for the interval, and rows of each at most: the interval of that many is narrow enough.
_RESAMPLES = 200
_RESAMPLED_ROWS = 5_000
_TAIL = 0.05


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve by ranks; NaN with one class only."""
    scores, positive = _positive(scores), labels > _CUT
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # ties share their middle rank
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of right classes."""
    return float((_class(scores) == labels).mean())


def precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of true ones among those called positive; NaN when none is."""
    called = _class(scores) == 1
    return float((labels[called] == 1).mean()) if called.any() else float("nan")


def recall(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of the positive ones that were found; NaN when there is none."""
    positive = labels == 1
    return float((_class(scores)[positive] == 1).mean()) if positive.any() else float("nan")


def f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the harmonic mean of precision and recall."""
    called, positive = _class(scores) == 1, labels == 1
    return float(2 * (called & positive).sum() / max(1, called.sum() + positive.sum()))


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean negative logarithm of the probability that the true class had."""
    if scores.ndim == 2 and scores.shape[1] > 2:
        chosen = scores[np.arange(len(labels)), labels.astype(int)]
    else:
        one = _positive(scores)
        chosen = np.where(labels > _CUT, one, 1 - one)
    return float(-np.log(np.clip(chosen, _TINY, 1)).mean())


def mse(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean squared error."""
    return float(((labels - scores.reshape(labels.shape)) ** 2).mean())


def rmse(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(mse(labels, scores)))


def mae(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean absolute error."""
    return float(np.abs(labels - scores.reshape(labels.shape)).mean())


def r2(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of the variance that is explained; NaN when there is none."""
    spread = float(((labels - labels.mean()) ** 2).mean())
    return 1 - mse(labels, scores) / spread if spread else float("nan")


# Names as Model Monitor's model quality jobs have them. True: more is better.
METRICS: Mapping[str, tuple[Metric, bool]] = {
    "auc": (auc, True), "accuracy": (accuracy, True), "precision": (precision, True), "recall": (recall, True),
    "f1": (f1, True), "log_loss": (log_loss, False), "mse": (mse, False), "rmse": (rmse, False), "mae": (mae, False),
    "r2": (r2, True),
}  # fmt: skip


def measure(labels: np.ndarray, scores: np.ndarray, names: list[str]) -> dict[str, float]:
    """Return metrics by name. labels: shape (rows,); scores: (rows,) or (rows, classes)."""
    return {name: METRICS[name][0](labels, scores) for name in names}


def judge(labels: np.ndarray, scores: np.ndarray, kpi: Mapping[str, float], *, min_labels: int) -> dict[str, KpiRow]:
    """Return how each KPI stands: `value`, `threshold`, `interval` and `state`.

    The state is "below" when even the better end of the one-sided 95 % bootstrap interval misses the threshold,
    "uncertain" when only the value misses it, else "holds". With fewer than `min_labels` it is "few-labels".
    """
    rows: dict[str, KpiRow] = {}
    for name, threshold in kpi.items():
        metric, more_is_better = METRICS[name]
        row: KpiRow = {
            "threshold": threshold, "more_is_better": more_is_better, "labels": len(labels), "value": None, "interval": None,
            "state": "few-labels",
        }  # fmt: skip
        rows[name] = row
        if len(labels) < min_labels:
            continue
        value = metric(labels, scores)
        low, high = _interval(metric, labels, scores)
        row["state"] = _state(value, high if more_is_better else low, threshold, more_is_better)
        row["value"], row["interval"] = None if np.isnan(value) else value, [low, high]
    return rows


def _state(value: float, best: float, threshold: float, more_is_better: bool) -> KpiState:
    if np.isnan(value):
        return "few-labels"
    sign = 1 if more_is_better else -1
    if sign * best < sign * threshold:
        return "below"
    return "uncertain" if sign * value < sign * threshold else "holds"


def estimate(scores: np.ndarray, names: list[str]) -> dict[str, float]:
    """Return what KPIs would be if the model's probabilities were right; an estimate, for when no labels are there.

    Confidence-based: a score p counts as a share p of a one and 1 - p of a zero. It cannot see that the probabilities
    themselves have become wrong, so it never triggers a retraining. Only accuracy, auc, f1, log_loss have one.
    """
    one = _positive(scores)
    if one.ndim != 1 or not len(one) or (one < 0).any() or (one > 1).any():
        return {}
    called = one > _CUT
    known = {
        "accuracy": lambda: float(np.where(called, one, 1 - one).mean()),
        "auc": lambda: _expected_auc(one),
        "f1": lambda: float(2 * one[called].sum() / max(_TINY, called.sum() + one.sum())),
        "log_loss": lambda: float(-(one * np.log(one.clip(_TINY)) + (1 - one) * np.log((1 - one).clip(_TINY))).mean()),
    }
    return {name: known[name]() for name in names if name in known}


def _expected_auc(one: np.ndarray) -> float:
    order = np.sort(one)[::-1]
    ones, zeros = np.cumsum(order), np.cumsum(1 - order)
    if ones[-1] < _TINY or zeros[-1] < _TINY:
        return float("nan")
    hits, alarms = np.append(0, ones / ones[-1]), np.append(0, zeros / zeros[-1])
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum())


def _interval(metric: Metric, labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Both one-sided 95 % bounds by bootstrap; of more than 5,000 rows the interval is scaled to their number."""
    random, rows = np.random.default_rng(11), min(len(labels), _RESAMPLED_ROWS)
    found: list[float] = []
    for _ in range(_RESAMPLES):
        chosen = random.integers(len(labels), size=rows)
        found.append(metric(labels[chosen], scores[chosen]))
    kept = np.array([value for value in found if not np.isnan(value)])
    if not len(kept):
        return float("nan"), float("nan")
    middle, narrower = float(np.median(kept)), np.sqrt(rows / len(labels))
    low, high = np.quantile(kept, [_TAIL, 1 - _TAIL])
    return float(middle - (middle - low) * narrower), float(middle + (high - middle) * narrower)


def flat(scores: np.ndarray) -> np.ndarray:
    """Return scores of one output as (rows,); several outputs stay (rows, classes)."""
    return scores[:, 0] if scores.ndim == 2 and scores.shape[1] == 1 else scores


def _positive(scores: np.ndarray) -> np.ndarray:
    """The score of the positive class."""
    if scores.ndim == 2:
        return scores[:, 1] if scores.shape[1] == 2 else flat(scores)
    return scores


def _class(scores: np.ndarray) -> np.ndarray:
    one = _positive(scores)
    return one.argmax(axis=1) if one.ndim == 2 else (one > _CUT).astype(int)
