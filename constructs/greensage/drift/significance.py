"""Tests, which say whether a change may be chance, and the correction for their number."""

from __future__ import annotations

import math

import numpy as np

# Terms of Kolmogorov's series; the next one is below 1e-16 wherever the series is used.
_TERMS = 101
# Below this expected count the chi-squared distribution is no good approximation (Cochran's rule).
_EXPECTED = 5


def ks_p_value(distance: float, left: int, right: int) -> float:
    """Return how probable a distance this large is by chance; asymptotic, with Stephens' correction for small samples.

    Source: Press and others, Numerical Recipes, section 14.3.
    """
    root = math.sqrt(left * right / (left + right))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # the series converges slowly there, and its sum is 1
        return 1.0
    terms = ((-1) ** (step - 1) * math.exp(-2 * step**2 * scaled**2) for step in range(1, _TERMS))
    return min(1.0, max(0.0, 2 * sum(terms)))


def counts_p_value(baseline: np.ndarray, window: np.ndarray) -> float:
    """Return the p-value of two rows of counts being of one distribution, with rare bins put together."""
    return chi_squared(*_pooled(baseline, window))[1]


def chi_squared(baseline: np.ndarray, window: np.ndarray) -> tuple[float, float]:
    """Return the statistic and the p-value of two rows of counts being of one distribution (test of homogeneity)."""
    used = (baseline + window) > 0
    table = np.stack([baseline[used], window[used]]).astype(np.float64)
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 0.0, 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, chi_squared_tail(statistic, table.shape[1] - 1)


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """Return P(X >= statistic) for `freedom` degrees of freedom.

    A finite sum for whole numbers of them (Abramowitz and Stegun, 26.4.4 and 26.4.5): scipy would add 110 MB to a
    Lambda function for this one number.
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    if freedom % 2:
        total, first = math.erfc(math.sqrt(half)), 0.5
    else:
        total, first = 0.0, 0.0
    for step in range(freedom // 2 if freedom % 2 == 0 else (freedom - 1) // 2):
        power = first + step
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return min(1.0, total)


def share_p_value(before: int, of_before: int, after: int, of_after: int) -> float:
    """Return the p-value of two shares being equal."""
    counts = (np.array([before, of_before - before]), np.array([after, of_after - after]))
    return chi_squared(*counts)[1]


def holm(p_values: list[float]) -> list[float]:
    """Return p-values corrected for their number: any one below alpha keeps the chance of a false alarm at alpha.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    corrected, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = worst
    return corrected


def _pooled(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put bins together whose expected count in either sample is too small for the test."""
    both = old + new
    least = min(old.sum(), new.sum()) / max(both.sum(), 1)
    rare = both * least < _EXPECTED
    if not rare.any():
        return old, new
    return np.append(old[~rare], old[rare].sum()), np.append(new[~rare], new[rare].sum())
