"""Whether a KPI fell below its threshold, row by row: a cumulative sum that resets while answers are good enough (CUSUM).

Every row says how much better or worse it is than the threshold asks for; the sum of how much worse, less an allowance, is an
alarm when it passes a limit. The limit is set by the average run length: so many labelled rows pass on the average before a
false alarm where the KPI sits exactly on its threshold, far more where it is better.

Sources: Page, "Continuous inspection schemes" (1954); the limit for a run length, Siegmund, "Sequential Analysis" (1985), as in
Montgomery, "Introduction to Statistical Quality Control", 9.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .effective import inflation
from .quality import Answers, base, row_log_loss

# Labelled rows before a false alarm with the KPI exactly on its threshold.
RUN_LENGTH = 100_000
# The loss that is found the fastest, in standard deviations of a row: 0.05 of an accuracy of 0.85.
_LOSS = 0.15
# A single row counts no more than so many standard deviations.
_MOST = 5.0
_OVERSHOOT = 1.166


@dataclass(frozen=True)
class Fall:
    """`below`: the sum is past its limit now. `since` is the row where the fall began, None without one."""

    below: bool
    since: int | None


def fall(answers: Answers, name: str, threshold: float) -> Fall:
    """Return whether a KPI has fallen below `threshold`; rows in the order of time."""
    worse, places = shortfalls(answers, name, threshold)
    spread = float(worse.std()) if len(worse) else 0.0
    if len(worse) < 2 or not np.isfinite(worse).all():
        return Fall(False, None)
    if spread == 0:  # each row says the same
        return Fall(bool(worse[0] > 0), 0 if worse[0] > 0 else None)
    spread *= math.sqrt(float(inflation(worse[:, None])[0]))
    steps = np.clip(worse / spread, -_MOST, _MOST) - _LOSS / 2
    limit, total, begin, since = limit_of(), 0.0, 0, None
    for place, step in enumerate(steps.tolist()):
        if total == 0:
            begin = place
        # Twice the limit is enough: what is good again must be seen as such.
        total = min(max(0.0, total + step), 2 * limit)
        if total > limit and since is None:
            since = begin
        elif total == 0:
            since = None
    return Fall(total > limit, None if since is None or total <= limit else int(places[since]))


def limit_of(run_length: float = RUN_LENGTH) -> float:
    """Return the limit of the sum, in standard deviations of a row."""
    wanted, grown = run_length * _LOSS**2 / 2, 1.0
    for _ in range(50):  # e^x - x - 1 = wanted
        grown = math.log(wanted + grown + 1)
    return grown / _LOSS - _OVERSHOOT


def shortfalls(answers: Answers, name: str, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how much worse than the threshold each row is, and its place; the mean is 0 where the KPI is on it.

    Rows that say nothing, as rows that are not called positive for the precision, are left out.
    """
    plain, everywhere = base(name), np.arange(len(answers))
    if plain in _BY_ROW:
        return _BY_ROW[plain](answers, threshold), everywhere
    if plain == "auc":
        return _of_auc(answers, threshold), everywhere
    truth, called = answers.truth, answers.called
    hits = truth & called
    whole = {"precision": called * 1.0, "recall": truth * 1.0, "f1": (truth * 1.0 + called) / 2}[plain]
    weights = (
        truth.sum(axis=0) / max(truth.sum(), 1) if name.endswith("_weighted") else np.full(truth.shape[1], 1 / truth.shape[1])
    )
    usual = np.maximum(whole.mean(axis=0), 1e-9)
    short = ((threshold * whole - hits) * (weights / usual)).sum(axis=1)
    counted = whole.any(axis=1)
    return short[counted], everywhere[counted]


def _of_auc(answers: Answers, threshold: float) -> np.ndarray:
    """A row's part of the AUC: how many rows of the other side it stands on the right side of (Hoeffding's projection)."""
    truth, likely = answers.truth, answers.likelihood
    short, used = np.zeros(len(answers)), 0
    for column in range(truth.shape[1]):
        ones = truth[:, column]
        if not ones.any() or ones.all():
            continue
        used += 1
        for side, others in ((ones, ~ones), (~ones, ones)):
            rivals = np.sort(likely[others, column])
            own = np.asarray(likely[side, column])
            ends = [np.asarray(np.searchsorted(rivals, own, "left")), np.asarray(np.searchsorted(rivals, own, "right"))]
            placed = (ends[0] + ends[1]) / 2 / len(rivals)
            right = placed if side is ones else 1 - placed
            short[side] += (threshold - right) / side.mean() / 2
    return short / used if used else np.full(len(answers), np.nan)


def _of_r2(answers: Answers, threshold: float) -> np.ndarray:
    labels, scores = answers.numbers
    spread = (labels - labels.mean(axis=0)) ** 2
    return (((labels - scores) ** 2 - (1 - threshold) * spread) / np.maximum(spread.mean(axis=0), 1e-300)).mean(axis=1)


def _squares(answers: Answers) -> np.ndarray:
    labels, scores = answers.numbers
    return ((labels - scores) ** 2).mean(axis=1)


def _absolutes(answers: Answers) -> np.ndarray:
    labels, scores = answers.numbers
    return np.abs(labels - scores).mean(axis=1)


def _wrong(answers: Answers) -> np.ndarray:
    return ~(answers.called == answers.truth).all(axis=1)


_BY_ROW: dict[str, Callable[[Answers, float], np.ndarray]] = {
    "accuracy": lambda answers, threshold: _wrong(answers) - (1 - threshold),
    "log_loss": lambda answers, threshold: row_log_loss(answers) - threshold,
    "mse": lambda answers, threshold: _squares(answers) - threshold,
    "rmse": lambda answers, threshold: _squares(answers) - threshold**2,
    "mae": lambda answers, threshold: _absolutes(answers) - threshold,
    "r2": _of_r2,
}
