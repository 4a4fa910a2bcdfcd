"""Two columns as rows of counts or as weighted samples, which is what the methods compare."""

from __future__ import annotations

import numpy as np

from .columns import Column

# Sorted values and their weights.
Sample = tuple[np.ndarray, np.ndarray]
_BINS = 10


def ordered(before: Column, after: Column) -> bool:
    """Return whether both are numbers whose order means something, and which are kept as a sketch."""
    if "String" in (before.kind, after.kind):
        return False
    # Few whole numbers that have become others are compared by their order: their counts were given up.
    return not before.discrete or not after.counted


def counts(before: Column, after: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return two rows of counts, shape (bins,): by value where values are counted singly, else by tenths of the baseline."""
    if not ordered(before, after):
        return _by_value(before, after)
    return _by_bin(before.kll.weighted(), after.kll.weighted(), before.present, after.present)


def shares(row: np.ndarray) -> np.ndarray:
    """Return counts as shares, with half a count added to each."""
    return (row + 0.5) / (row + 0.5).sum()


def cumulated(sample: Sample, points: np.ndarray) -> np.ndarray:
    """Return the distribution function of a weighted sample at `points`."""
    values, weights = sample
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    return sums[np.searchsorted(values, points, side="right")] / sums[-1]


def _by_value(before: Column, after: Column) -> tuple[np.ndarray, np.ndarray]:
    """Counts by value; what one of the two does not have counts 0, what is not counted singly counts together."""
    names = sorted(set(before.counts) | set(after.counts))
    old = [before.counts[name] for name in names]
    new = [after.counts[name] for name in names]
    return np.array([*old, before.present - sum(old)]).clip(0), np.array([*new, after.present - sum(new)]).clip(0)


def _by_bin(left: Sample, right: Sample, old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts in bins that hold a tenth of the baseline each, where its values allow."""
    values, weights = left
    sums = np.cumsum(weights) / weights.sum()
    places = np.searchsorted(sums, np.arange(1, _BINS) / _BINS)
    edges = np.unique(values[places])
    found: list[np.ndarray] = []
    for (sample, weight), total in ((left, old), (right, new)):
        binned = np.bincount(np.searchsorted(edges, sample, side="left"), weights=weight, minlength=len(edges) + 1)
        found.append(binned * (total / weight.sum()))
    return found[0], found[1]
