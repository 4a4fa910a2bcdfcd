"""The Wasserstein distance, in standard deviations of the baseline."""

from __future__ import annotations

import numpy as np

from ..columns import Column
from ..samples import Sample, cumulated, ordered
from ..significance import ks_p_value
from .ks import kolmogorov_smirnov, largest_share


def change(before: Column, after: Column) -> tuple[float, float]:
    """Return the distance, or the largest difference of a share where values have no order."""
    if not ordered(before, after):
        return largest_share(before, after)
    left, right = before.kll.weighted(), after.kll.weighted()
    p_value = ks_p_value(kolmogorov_smirnov(left, right), before.present, after.present)
    return wasserstein(left, right) / (before.deviation or 1.0), p_value


def wasserstein(left: Sample, right: Sample) -> float:
    """Return the area between the distribution functions of two weighted samples, in units of their values."""
    points = np.union1d(left[0], right[0])
    apart = np.abs(cumulated(left, points) - cumulated(right, points))
    return float((apart[:-1] * np.diff(points)).sum())
