"""Champion against challenger: it must win by a margin where it counts, and lose nowhere that is protected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .events import Verdict
from .quality import METRICS, measure


@dataclass(frozen=True)
class Rules:
    """`metric` decides, by `margin`; on held-out data and protected slices at most `tolerance` may be lost.

    `protected` is a feature: each of its values (or quarters, when it has many) with enough rows is a slice.
    """

    metric: str
    margin: float
    tolerance: float
    protected: str | None = None
    least_rows: int = 50


_QUARTERS = 4
_MOST_SLICES = 12


def slices(values: np.ndarray, least_rows: int) -> dict[str, np.ndarray]:
    """Return the rows of each slice of a protected feature as masks, by a name that says which; small ones are left out."""
    known = values[~np.isnan(values)]
    found = np.unique(known)
    if len(found) <= _MOST_SLICES:
        masks = {f"{value:g}": values == value for value in found}
    else:
        edges = np.quantile(known, np.arange(1, _QUARTERS) / _QUARTERS)
        places = np.searchsorted(edges, values, side="left")
        masks = {f"quarter {index + 1}": (places == index) & ~np.isnan(values) for index in range(_QUARTERS)}
    return {name: mask for name, mask in masks.items() if int(mask.sum()) >= least_rows}


def score(labels: np.ndarray, scores: np.ndarray, names: list[str]) -> dict[str, float | None]:
    """Return metrics ready for JSON: None where one is not defined."""
    return {name: None if np.isnan(value) else value for name, value in measure(labels, scores, names).items()}


def verdict(results: Mapping[str, Mapping[str, Mapping[str, Any]]], rules: Rules) -> Verdict:
    """Return whether the challenger is promoted, and why or why not.

    results: by data set ("window", "holdout", "slice ..."), the metrics of "champion" and "challenger". The window is
    where it must win; the others are where it must not lose. Without a window, it must win on the held-out data.
    """
    arena = "window" if "window" in results else "holdout"
    if arena not in results:
        return {"promote": False, "reasons": ["there are neither labelled rows of the window nor held-out data to compare on"]}
    gain = _gain(results[arena], rules.metric)
    if gain is None:
        return {"promote": False, "gain": None, "reasons": [f"{rules.metric} is not defined on the {arena}"]}
    reasons: list[str] = []
    if gain < rules.margin:
        reasons.append(f"{rules.metric} on the {arena} changes by {gain:+.4g} for the better, less than {rules.margin:g}")
    for name, row in results.items():
        lost = _gain(row, rules.metric)
        if name != arena and lost is not None and lost < -rules.tolerance:
            reasons.append(f"{rules.metric} on {name} gets worse by {-lost:.4g}, more than {rules.tolerance:g}")
    if not reasons:
        return {"promote": True, "gain": gain, "reasons": [f"{rules.metric} on the {arena} is better by {gain:.4g}"]}
    return {"promote": False, "gain": gain, "reasons": reasons}


def _gain(row: Mapping[str, Mapping[str, Any]], metric: str) -> float | None:
    old, new = row["champion"].get(metric), row["challenger"].get(metric)
    if old is None or new is None:
        return None
    return new - old if METRICS[metric][1] else old - new
