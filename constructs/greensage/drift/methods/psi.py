"""The population stability index."""

from __future__ import annotations

import numpy as np

from ..columns import Column
from ..samples import counts, shares
from ..significance import counts_p_value


def change(before: Column, after: Column) -> tuple[float, float]:
    """Return the index over values, or over tenths of the baseline, and the p-value of the same counts."""
    old, new = counts(before, after)
    return psi(old, new), counts_p_value(old, new)


def psi(baseline: np.ndarray, window: np.ndarray) -> float:
    """Return the population stability index of two rows of counts, shape (bins,).

    Half a count is added to each bin, so that an empty one gives a large number and not infinity.
    """
    expected, found = shares(baseline), shares(window)
    return float(((found - expected) * np.log(found / expected)).sum())
