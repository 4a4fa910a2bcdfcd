"""The Wasserstein distance, in standard deviations of the baseline; of categories, the total variation distance."""

from __future__ import annotations

import numpy as np

from ..columns import Column
from ..samples import Sample, counts, cumulated, ordered
from ..significance import counts_p_value, ks_p_value
from .ks import kolmogorov_smirnov

# Of the normal distribution, the quartiles lie apart by so many standard deviations.
_QUARTILES = 1.349
_ROUNDING = 1e-12


def change(before: Column, after: Column) -> tuple[float, float]:
    """Return the distance, or the total variation distance where values have no order."""
    if not ordered(before, after):
        old, new = counts(before, after)
        return total_variation(old, new), counts_p_value(old, new)
    left, right = before.kll.weighted(), after.kll.weighted()
    distance = kolmogorov_smirnov(left, right)
    p_value = ks_p_value(distance, before.present, after.present)
    unit = scale(before)
    # A constant has no unit: what counts is how many rows are something else.
    return (wasserstein(left, right) / unit if unit else distance), p_value


def wasserstein(left: Sample, right: Sample) -> float:
    """Return the area between the distribution functions of two weighted samples, in units of their values."""
    points = np.union1d(left[0], right[0])
    apart = np.abs(cumulated(left, points) - cumulated(right, points))
    return float((apart[:-1] * np.diff(points)).sum())


def total_variation(old: np.ndarray, new: np.ndarray) -> float:
    """Return the share of the rows that would have to change for two rows of counts to be alike."""
    return float(np.abs(old / old.sum() - new / new.sum()).sum() / 2)


def scale(before: Column) -> float:
    """Return a standard deviation that few large values do not blow up: by the quartiles, where that is smaller. 0 of what is
    constant but for rounding."""
    if before.deviation <= _ROUNDING * max(abs(before.low), abs(before.high)):
        return 0.0
    values, weights = before.kll.weighted()
    quarters = np.searchsorted(np.cumsum(weights) / weights.sum(), (0.25, 0.75))
    low, high = values[quarters].tolist()
    return min(before.deviation, (high - low) / _QUARTILES or before.deviation)
