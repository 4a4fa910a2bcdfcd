"""Tests, which say whether a change may be chance, and the correction for their number.

Own code for the tails of three distributions: scipy would add 110 MB to a Lambda function for them. The tests hold them
against scipy.
"""

from __future__ import annotations

import math

import numpy as np

# Terms of Kolmogorov's series; the next one is below 1e-16 wherever the series is used.
_TERMS = 101
# Below this expected count the chi-squared distribution is no good approximation (Cochran's rule).
_EXPECTED = 5
_STEPS, _ENOUGH, _TINY = 500, 1e-12, 1e-300


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


def chi_squared_tail(statistic: float, freedom: float) -> float:
    """Return P(X >= statistic) for `freedom` degrees of freedom, which need not be a whole number.

    The regularized incomplete gamma function, by its series and its continued fraction (Press and others, Numerical
    Recipes, section 6.2).
    """
    half, shape = statistic / 2, freedom / 2
    if half <= 0:
        return 1.0
    front = math.exp(shape * math.log(half) - half - math.lgamma(shape))
    if half < shape + 1:
        term = total = 1 / shape
        for step in range(1, _STEPS):
            term *= half / (shape + step)
            total += term
            if term < total * _ENOUGH:
                break
        return max(0.0, 1 - front * total)
    below = half + 1 - shape
    upper, lower = 1 / _TINY, 1 / below
    found = lower
    for step in range(1, _STEPS):
        factor = -step * (step - shape)
        below += 2
        lower = 1 / _apart(factor * lower + below)
        upper = _apart(below + factor / upper)
        found *= lower * upper
        if abs(lower * upper - 1) < _ENOUGH:
            break
    return min(1.0, front * found)


def f_tail(statistic: float, freedom: float, below: float) -> float:
    """Return P(X >= statistic) of the F distribution; `below` (of the denominator) may be infinite."""
    if statistic <= 0:
        return 1.0
    if math.isinf(below):
        return chi_squared_tail(statistic * freedom, freedom)
    return _incomplete_beta(below / 2, freedom / 2, below / (below + freedom * statistic))


def normal_tail(value: float, freedom: float = math.inf) -> float:
    """Return P(|X| >= value) of the normal distribution, or of Student's t where `freedom` is finite."""
    return math.erfc(abs(value) / math.sqrt(2)) if math.isinf(freedom) else f_tail(value * value, 1, freedom)


def share_p_value(before: int, of_before: int, after: int, of_after: int) -> float:
    """Return the p-value of two shares being equal."""
    counts = (np.array([before, of_before - before]), np.array([after, of_after - after]))
    return chi_squared(*counts)[1]


def more_p_value(before: float, of_before: float, after: float, of_after: float) -> float:
    """Return how probable at least `after` of `of_after` are, when `before` of `of_before` were seen at the same rate.

    The conditional test of two Poisson rates: of all that were seen, each fell into the second sample with the share of its
    size, so the tail is an incomplete beta function. Counts may be fractions, as effective sample sizes are.
    """
    if after <= 0 or of_after <= 0:
        return 1.0
    return _incomplete_beta(after, before + 1, of_after / (of_after + of_before))


def rates_p_value(before: float, of_before: float, after: float, of_after: float) -> float:
    """Return the p-value of two rates being equal, against more or fewer; counts may be fractions."""
    more, fewer = more_p_value(before, of_before, after, of_after), more_p_value(after, of_after, before, of_before)
    return min(1.0, 2 * min(more, fewer))


def holm(p_values: list[float]) -> list[float]:
    """Return p-values corrected for their number: any one below alpha keeps the chance of a false alarm at alpha.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    p_values = [float(value) for value in p_values]  # numpy's comparisons are no JSON
    corrected, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = worst
    return corrected


def _incomplete_beta(left: float, right: float, point: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Numerical Recipes, section 6.4)."""
    if point <= 0 or point >= 1:
        return 0.0 if point <= 0 else 1.0
    logarithm = math.lgamma(left + right) - math.lgamma(left) - math.lgamma(right)
    front = math.exp(logarithm + left * math.log(point) + right * math.log1p(-point))
    if point < (left + 1) / (left + right + 2):
        return front * _beta_fraction(left, right, point) / left
    return 1 - front * _beta_fraction(right, left, 1 - point) / right


def _beta_fraction(left: float, right: float, point: float) -> float:
    upper, lower = 1.0, 1 / _apart(1 - (left + right) * point / (left + 1))
    found = lower
    for step in range(1, _STEPS):
        double = left + 2 * step
        for factor in (
            step * (right - step) * point / ((double - 1) * double),
            -(left + step) * (left + right + step) * point / (double * (double + 1)),
        ):
            lower = 1 / _apart(1 + factor * lower)
            upper = _apart(1 + factor / upper)
            found *= lower * upper
        if abs(lower * upper - 1) < _ENOUGH:
            break
    return found


def _apart(value: float) -> float:
    """Lentz's guard: a denominator that is no zero."""
    return value if abs(value) > _TINY else _TINY


def _pooled(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put bins together whose expected count in either sample is too small for the test."""
    both = old + new
    least = min(old.sum(), new.sum()) / max(both.sum(), 1)
    rare = both * least < _EXPECTED
    if not rare.any():
        return old, new
    return np.append(old[~rare], old[rare].sum()), np.append(new[~rare], new[rare].sum())
