"""One test for what no single column shows: relations between columns, by rank correlations and by random features.

The random features are those of Rahimi and Recht ("Random features for large-scale kernel machines", 2007); the squared
distance of their means is the maximum mean discrepancy (Gretton and others, "A kernel two-sample test", 2012). Half of
them look at two or three columns each, so that a change in few of many columns is not lost among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

_MOST_COLUMNS = 48
_FEATURES = 192
_SEED = 7


def chosen(names: Sequence[str]) -> list[int]:
    """Return which columns are looked at, all of them unless there are very many."""
    if len(names) <= _MOST_COLUMNS:
        return list(range(len(names)))
    # The same ones in each window, the last ones (the answers) among them.
    random = np.random.default_rng(_SEED)
    return sorted({*random.choice(len(names) - 1, _MOST_COLUMNS - 1, replace=False).tolist(), len(names) - 1})


def pairs(columns: int) -> list[tuple[int, int]]:
    """Return each pair of columns, by their places."""
    return list(combinations(range(columns), 2))


def products(scores: np.ndarray, found: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the products of scores (rows, columns) of pairs, shape (rows, pairs): their mean is a rank correlation."""
    return scores[:, [left for left, _ in found]] * scores[:, [right for _, right in found]]


def random_features(scores: np.ndarray) -> np.ndarray:
    """Return cosines of random projections of scores (rows, columns), shape (rows, features)."""
    random, columns = np.random.default_rng(_SEED), scores.shape[1]
    weights = random.normal(size=(columns, _FEATURES))
    for index in range(_FEATURES // 2):
        kept = set(random.permutation(columns)[: 2 + index % 2].tolist())
        weights[[column for column in range(columns) if column not in kept], index] = 0.0
    # Of all columns together: a bandwidth of about their usual distance.
    weights[:, _FEATURES // 2 :] /= np.sqrt(columns)
    # Cosines of 32 bits take a fifth of the time, and are exact enough for means.
    angles = (scores @ weights + random.uniform(0, 2 * np.pi, _FEATURES)).astype(np.float32)
    return np.cos(angles).astype(np.float64)
