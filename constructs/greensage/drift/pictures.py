"""How columns were distributed and are, in few bins: small enough for a report and for a message."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .columns import OTHER, Column
from .events import ColumnRow, Picture
from .samples import cumulated
from .window import Statistics

_BINS, _MOST_VALUES, _MOST_PICTURES, _DIGITS = 10, 8, 8, 4


def pictures_of(baseline: Statistics, window: Statistics, rows: Sequence[ColumnRow]) -> dict[str, Picture]:
    """Return the pictures of the columns that changed, by name; of many, those that changed the most improbably."""
    changed = [row for row in rows if row["drifted"] or row.get("more_missing") or row.get("has_new_values")]
    before, after = ({**side.features, **side.outputs} for side in (baseline, window))
    found: dict[str, Picture] = {}
    for row in sorted(changed, key=lambda row: (row["p_value"], -row["value"]))[:_MOST_PICTURES]:
        name = row["name"]
        if name in after and before[name].present and after[name].present:
            found[name] = picture(before[name], after[name])
    return found


def picture(before: Column, after: Column) -> Picture:
    """Return shares of the rows, missing ones included: by value where values are names, else between the ends of the baseline,
    with what lies outside in the first and the last bin."""
    words = "String" in (before.kind, after.kind)
    made = _by_value(before, after) if words or (before.discrete and after.counted) else _by_number(before, after)
    gaps = [column.missing / (column.missing + column.present) for column in (before, after)]
    if any(gaps):
        made["labels"].append("missing")
        for side, gap in zip((made["then"], made["now"]), gaps, strict=True):
            side[:] = [*(share * (1 - gap) for share in side), gap]
    for side in (made["then"], made["now"]):
        side[:] = [round(share, _DIGITS) for share in side]
    return made


def _by_value(before: Column, after: Column) -> Picture:
    both = {value: before.counts[value] + after.counts[value] for value in {*before.counts, *after.counts} if value != OTHER}
    labels = sorted(sorted(both, key=lambda value: (-both[value], value))[:_MOST_VALUES], key=_ordered)
    sides = [[column.counts[value] / column.present for value in labels] for column in (before, after)]
    rest = [max(0.0, 1 - sum(side)) for side in sides]
    if max(rest) > 1e-9:
        labels, sides = [*labels, "other"], [[*side, share] for side, share in zip(sides, rest, strict=True)]
    return {"labels": labels, "then": sides[0], "now": sides[1]}


def _ordered(value: str) -> tuple[bool, float, str]:
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def _by_number(before: Column, after: Column) -> Picture:
    """Bins of equal width over where nearly all rows of both lie: a few far values do not squeeze the rest into one."""
    samples = before.kll.weighted(), after.kll.weighted()
    ends = [_quantiles(*sample) for sample in samples]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if low == high:
        low, high = min(before.low, after.low), max(before.high, after.high)
    edges = np.linspace(low, high, _BINS + 1) if high > low else np.array([low, low])
    labels = [f"{left:.3g} to {right:.3g}" for left, right in pairwise(edges.tolist())]
    return {"labels": labels, "then": _shares(samples[0], edges), "now": _shares(samples[1], edges)}


def _quantiles(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    places = np.searchsorted(np.cumsum(weights) / weights.sum(), (0.005, 0.995))
    low, high = values[np.minimum(places, len(values) - 1)].tolist()
    return low, high


def _shares(sample: tuple[np.ndarray, np.ndarray], edges: np.ndarray) -> list[float]:
    inner = cumulated(sample, edges[1:-1])
    return [float(share) for share in np.diff(np.concatenate([[0.0], inner, [1.0]]))]
