"""Champion against challenger: it must win by a margin where it counts, and lose nowhere that is protected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .quality import METRICS, Answers, measure, metric_of
from .runs import Verdict
from .slices import Slices


@dataclass(frozen=True)
class Rules:
    """`metric` decides, by `margin`; on held-out data and protected slices at most `tolerance` may be lost. Both are shares of
    the champion's value, so that they mean the same for an AUC and for an error in euros.

    `protected` is a feature: each of its values (or quarters, when it has many) with enough rows is a slice. `kpi` are the
    thresholds that a challenger must keep, unless a `person` approves each promotion.
    """

    metric: str
    margin: float
    tolerance: float
    protected: str | None = None
    least_rows: int = 50
    least_compared: int = 200
    kpi: Mapping[str, float] = field(default_factory=dict[str, float])
    person: bool = False


_RESAMPLES, _RESAMPLED_ROWS, _TAIL = 400, 5_000, 0.05


def slices(values: np.ndarray, least_rows: int) -> dict[str, np.ndarray]:
    """Return the rows of each slice of a protected feature as masks, by a name that says which; small ones are left out."""
    return {name: mask for name, mask in Slices(values).masks(values).items() if int(mask.sum()) >= least_rows}


def score(answers: Answers, names: list[str]) -> dict[str, float | None]:
    """Return metrics ready for JSON: None where one is not defined."""
    if not len(answers):
        return dict.fromkeys(names)
    return {name: None if np.isnan(value) else value for name, value in measure(answers, names).items()}


def surely_better(champion: Answers, challenger: Answers, metric: str) -> tuple[float, float] | None:
    """Return by how much a challenger is better and the lower end of that, one-sided 95 %, as shares of the champion's value.

    By a paired bootstrap: both answer the same resampled rows. None where it is not defined.
    """
    random, measured = np.random.default_rng(17), metric_of(metric)
    better = 1.0 if METRICS[metric][1] else -1.0
    old, new = measured(champion), measured(challenger)
    if np.isnan(old) or np.isnan(new) or not len(champion):
        return None
    unit = abs(old) or 1.0
    rows = min(len(champion), _RESAMPLED_ROWS)
    found: list[float] = []
    for _ in range(_RESAMPLES):
        chosen = random.integers(len(champion), size=rows)
        found.append(better * (measured(challenger.taken(chosen)) - measured(champion.taken(chosen))) / unit)
    kept = np.array([value for value in found if not np.isnan(value)])
    if len(kept) < _RESAMPLES / 2:
        return None
    gain = better * (new - old) / unit
    narrower = float(np.sqrt(rows / len(champion)))
    return gain, float(gain - (np.median(kept) - np.quantile(kept, _TAIL)) * narrower)


def verdict(results: Mapping[str, Mapping[str, Any]], rules: Rules) -> Verdict:
    """Return whether the challenger is promoted, and why or why not.

    results: by data set ("window", "holdout", "slice ..."), the metrics of "champion" and "challenger", and of the first two
    "gain", the lower end "low" of it, and "rows". The window is where it must win; the others are where it must not lose.
    Without a window, it must win on the held-out data. What is not defined is no win.
    """
    arena = "window" if "window" in results else "holdout"
    if arena not in results:
        return {"promote": False, "reasons": ["there are neither labelled rows of the window nor held-out data to compare on"]}
    row = results[arena]
    gain = _gain(row, rules.metric)
    if gain is None or row.get("low") is None:
        return {"promote": False, "gain": None, "reasons": [f"{rules.metric} is not defined on the {arena}"]}
    low, rows = float(row["low"]), int(row["rows"])
    reasons: list[str] = []
    if rows < rules.least_compared:
        reasons.append(f"the {arena} has {rows:,} labelled rows, {rules.least_compared:,} are needed to tell which is better")
    if low < rules.margin:
        sure = f"{gain:+.2%}, and surely no more than {low:+.2%}" if gain >= rules.margin else f"{gain:+.2%}"
        reasons.append(f"{rules.metric} on the {arena} changes by {sure} for the better, less than {rules.margin:.2%}")
    reasons += _losses(results, rules, arena)
    below = _below(row, rules)
    if below and not rules.person:
        reasons.append(f"{below}; it may be promoted by a person (approval: person)")
    if reasons:
        return {"promote": False, "gain": gain, "reasons": reasons}
    said = [f"{rules.metric} on the {arena} is better by {gain:.2%}, at least {low:.2%}"]
    return {"promote": True, "gain": gain, "reasons": [*said, below] if below else said}


def _losses(results: Mapping[str, Mapping[str, Any]], rules: Rules, arena: str) -> list[str]:
    found: list[str] = []
    for name, row in results.items():
        if name == arena:
            continue
        lost = _gain(row, rules.metric)
        if lost is None:
            found.append(f"{rules.metric} is not defined on {name}")
        elif lost < -rules.tolerance:
            found.append(f"{rules.metric} on {name} gets worse by {-lost:.2%}, more than {rules.tolerance:.2%}")
    return found


def _below(row: Mapping[str, Any], rules: Rules) -> str:
    """Which KPI the challenger misses too."""
    for name, threshold in rules.kpi.items():
        value, sign = row["challenger"].get(name), 1 if METRICS[name][1] else -1
        if value is not None and sign * value < sign * threshold:
            return f"the challenger's {name} is {value:.4g}, and the KPI asks for {threshold:g}"
    return ""


def _gain(row: Mapping[str, Any], metric: str) -> float | None:
    """By which share of the champion's value the challenger is better."""
    old, new = row["champion"].get(metric), row["challenger"].get(metric)
    if old is None or new is None:
        return None
    return (new - old if METRICS[metric][1] else old - new) / (abs(old) or 1.0)
