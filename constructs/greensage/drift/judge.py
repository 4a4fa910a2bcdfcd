"""How KPIs stand: their value with its uncertainty, and whether they have fallen below their threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .events import KpiRow, KpiState
from .quality import METRICS, REGRESSION_METRICS, Answers, base, metric_of
from .sequential import fall

# Resamples for the interval, and rows of each at most: the interval of that many is narrow enough.
_RESAMPLES, _RESAMPLED_ROWS = 200, 5_000
_TAIL = 0.05
_LEAST_OF_DAY = 20


def judge(answers: Answers, kpi: Mapping[str, float], *, min_labels: int, judged_rows: int | None = None) -> dict[str, KpiRow]:
    """Return how each KPI stands: `value`, `threshold`, `interval`, `state` and, of a fall, `since`, the row where it began.

    The state is "below" when the sequential test of all rows has raised its alarm and not taken it back, "uncertain" when
    only the value of the newest `judged_rows` (default: all) misses the threshold, else "holds". With fewer than
    `min_labels`, or one class only where a metric needs two, it is "few-labels".
    """
    rows: dict[str, KpiRow] = {}
    newest = answers if judged_rows is None else answers.taken(np.arange(max(0, len(answers) - judged_rows), len(answers)))
    for name, threshold in kpi.items():
        more_is_better = METRICS[name][1]
        row: KpiRow = {
            "threshold": threshold, "more_is_better": more_is_better, "labels": len(newest), "value": None, "interval": None,
            "state": "few-labels", "since": None,
        }  # fmt: skip
        rows[name] = row
        if len(newest) < min_labels or not _defined(newest, name):
            continue
        metric = metric_of(name)
        value = metric(newest)
        low, high = _interval(metric, newest)
        found = fall(answers, name, threshold)
        row["state"], row["since"] = _state(value, threshold, more_is_better, below=found.below), found.since
        row["value"], row["interval"] = None if np.isnan(value) else value, [low, high]
    return rows


def by_day(answers: Answers, times: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the metrics of each day's answers, by the day they were given: late labels change the day they belong to.

    A day has `labels`, how many there are, and the metrics that are defined; days with fewer than 20 have none.
    """
    found: dict[str, dict[str, float]] = {}
    days = np.array([time[:10] for time in times])
    for day in sorted({str(day) for day in days if day}):
        part = answers.taken(np.flatnonzero(days == day))
        values = {name: metric_of(name)(part) for name in names} if len(part) >= _LEAST_OF_DAY else {}
        found[day] = {"labels": float(len(part)), **{name: value for name, value in values.items() if not np.isnan(value)}}
    return found


def _defined(answers: Answers, name: str) -> bool:
    if base(name) in (*REGRESSION_METRICS, "accuracy", "log_loss"):
        return True
    return bool((answers.truth.any(axis=0) & ~answers.truth.all(axis=0)).any())


def _state(value: float, threshold: float, more_is_better: bool, *, below: bool) -> KpiState:
    if np.isnan(value):
        return "few-labels"
    sign = 1 if more_is_better else -1
    if sign * value >= sign * threshold:
        return "holds"
    return "below" if below else "uncertain"


def _interval(metric: Callable[[Answers], float], answers: Answers) -> tuple[float, float]:
    """Both one-sided 95 % bounds by bootstrap; of more than 5,000 rows the interval is scaled to their number."""
    random, rows = np.random.default_rng(11), min(len(answers), _RESAMPLED_ROWS)
    found = [metric(answers.taken(random.integers(len(answers), size=rows))) for _ in range(_RESAMPLES)]
    kept = np.array([value for value in found if not np.isnan(value)])
    if not len(kept):
        return float("nan"), float("nan")
    middle, narrower = float(np.median(kept)), np.sqrt(rows / len(answers))
    low, high = np.quantile(kept, [_TAIL, 1 - _TAIL])
    return float(middle - (middle - low) * narrower), float(middle + (high - middle) * narrower)
