"""The Kolmogorov-Smirnov distance."""

from __future__ import annotations

import numpy as np

from ..columns import Column
from ..samples import Sample, counts, cumulated, ordered
from ..significance import counts_p_value, ks_p_value


def change(before: Column, after: Column) -> tuple[float, float]:
    """Return the largest difference of the distribution functions, or of a share where values have no order."""
    if not ordered(before, after):
        return largest_share(before, after)
    distance = kolmogorov_smirnov(before.kll.weighted(), after.kll.weighted())
    return distance, ks_p_value(distance, before.present, after.present)


def kolmogorov_smirnov(left: Sample, right: Sample) -> float:
    """Return the largest difference of the distribution functions of two weighted samples (sorted values, weights)."""
    points = np.union1d(left[0], right[0])
    return float(np.abs(cumulated(left, points) - cumulated(right, points)).max())


def largest_share(before: Column, after: Column) -> tuple[float, float]:
    """Return the largest difference of a value's share: without an order there is no distribution function."""
    old, new = counts(before, after)
    return float(np.abs(old / old.sum() - new / new.sum()).max()), counts_p_value(old, new)
