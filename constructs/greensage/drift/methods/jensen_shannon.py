"""The Jensen-Shannon distance."""

from __future__ import annotations

import math

import numpy as np

from ..columns import Column
from ..samples import counts, shares
from ..significance import counts_p_value


def change(before: Column, after: Column) -> tuple[float, float]:
    """Return the distance over values, or over tenths of the baseline, and the p-value of the same counts."""
    old, new = counts(before, after)
    return jensen_shannon(old, new), counts_p_value(old, new)


def jensen_shannon(baseline: np.ndarray, window: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of two rows of counts: 0 is the same, 1 nothing in common (base 2)."""
    expected, found = shares(baseline), shares(window)
    middle = (expected + found) / 2
    divergence = (expected * np.log2(expected / middle)).sum() + (found * np.log2(found / middle)).sum()
    return math.sqrt(max(0.0, float(divergence) / 2))
