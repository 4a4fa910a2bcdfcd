"""What is compared of a column: scores of its rows, whose means say where its values lie, how wide, and what its tails do.

Numbers become their rank in both samples together, so that no unit and no outlier weighs more than it should. The scores
are Legendre's polynomials of the ranks, those of Neyman's smooth test ("Smooth test for goodness of fit", 1937): the first is
Wilcoxon's test of location, the second Mood's of scale. Ranks beyond a tenth and three hundredths at either end, and tenths
of both samples, see what smooth scores do not. A value that a tenth of the rows have, such as a floor or a zero that means
"nothing", is compared by its share, and the ranks are those of the other rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# A value stands for itself that such a share of the rows have, on the average of both samples, and so many of the smaller.
_ATOM, _MOST_ATOMS, _LEAST_ATOM_ROWS = 0.06, 3, 20
_TAILS = (0.1, 0.03)
_LEAST_IN_TAIL = 10
_BINS = 10
_MOST_CATEGORIES = 30
_SHAPE = "shape"
_LEAST_EXPECTED = 5


@dataclass(frozen=True)
class Scores:
    """Scores of the rows of both samples, shapes (m, scores) and (n, scores), and which of them are tested together.

    `groups` are (what it is called, weight of the test, places of its scores); the weights add up to at most 1.
    """

    reference: np.ndarray
    window: np.ndarray
    groups: list[tuple[str, float, list[int]]]

    @property
    def main(self) -> list[int]:
        """The places of the scores that say where most values lie."""
        return next((places for name, _, places in self.groups if name == _SHAPE), self.groups[0][2])


def of_numbers(reference: np.ndarray, window: np.ndarray) -> Scores:
    """Return the scores of numbers, shapes (m,) and (n,), none of them NaN."""
    m = len(reference)
    values = np.concatenate([reference, window])
    atoms = _atoms(reference, window)
    single = np.isin(values, atoms)
    ranks = np.full(len(values), np.nan)
    ranks[~single] = mid_ranks(values[~single])
    parts: list[np.ndarray] = []
    groups: list[tuple[str, float, list[int]]] = []
    at = 0

    def put(name: str, weight: float, columns: list[np.ndarray]) -> None:
        nonlocal at
        if columns:
            groups.append((name, weight, list(range(at, at + len(columns)))))
            parts.extend(columns)
            at += len(columns)

    if len(atoms):
        for atom in atoms:
            put("share of a single value", 0.12 / len(atoms), [(values == atom).astype(float)])
    rest = int((~single[m:]).sum())
    if not single.all():
        scored = [np.nan_to_num(score) for score in legendre(ranks)]
        put("location", 0.5, scored[:1])
        put("scale", 0.13, scored[1:2])
        put(_SHAPE, 0.08, scored)
        if min(rest, m) >= _LEAST_IN_TAIL * _BINS:
            put("tenths", 0.06, _tenths(ranks))
        tails = [tail for share in _TAILS if min(rest, m) * share >= _LEAST_IN_TAIL for tail in _both_tails(ranks, share)]
        for index, tail in enumerate(tails):
            put("upper tail" if index % 2 == 0 else "lower tail", 0.08 / len(tails), [tail])
    matrix = np.stack(parts, axis=1) if parts else np.zeros((len(values), 0))
    return Scores(matrix[:m], matrix[m:], groups)


def of_categories(reference: np.ndarray, window: np.ndarray) -> Scores:
    """Return an indicator for each category that is frequent enough, and one for the others; arrays of text."""
    names, places = np.unique(np.concatenate([reference, window]), return_inverse=True)
    m, n = len(reference), len(window)
    counts = np.bincount(places, minlength=len(names))
    frequent = np.flatnonzero(counts * min(m, n) / (m + n) >= _LEAST_EXPECTED)
    frequent = frequent[np.argsort(-counts[frequent], kind="stable")][:_MOST_CATEGORIES]
    columns: list[np.ndarray] = [(places == index).astype(float) for index in frequent]
    others = ~np.isin(places, frequent)
    if others.any():
        columns.append(others.astype(float))
    if not columns:
        return Scores(np.zeros((m, 0)), np.zeros((n, 0)), [])
    matrix = np.asarray(np.stack(columns, axis=1))
    singles = [("one category", 0.4 / len(columns), [index]) for index in range(len(columns))] if len(columns) > 2 else []
    return Scores(matrix[:m], matrix[m:], [("categories", 0.6 if singles else 1.0, list(range(len(columns)))), *singles])


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """Return the middle rank of each value over their number, between 0 and 1."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts / 2) / max(len(values), 1))[places]


def legendre(ranks: np.ndarray) -> list[np.ndarray]:
    """Return the first four of Legendre's polynomials, of variance 1 where ranks are spread evenly."""
    x = 2 * ranks - 1
    return [
        math.sqrt(3) * x,
        math.sqrt(5) * (3 * x**2 - 1) / 2,
        math.sqrt(7) * (5 * x**3 - 3 * x) / 2,
        3 * (35 * x**4 - 30 * x**2 + 3) / 8,
    ]


def _atoms(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Values that stand for themselves, the most frequent ones."""
    shares: dict[float, float] = {}
    for sample in (reference, window):
        values, counts = np.unique(sample, return_counts=True)
        kept = counts >= len(sample) * _ATOM / 2
        for value, count in zip(values[kept].tolist(), counts[kept].tolist(), strict=True):
            shares[value] = shares.get(value, 0.0) + count / len(sample) / 2
    least = max(_ATOM, _LEAST_ATOM_ROWS / min(len(reference), len(window)) / 2)
    found = [value for value, share in shares.items() if share >= least]
    return np.array(sorted(found, key=shares.__getitem__, reverse=True)[:_MOST_ATOMS])


def _tenths(ranks: np.ndarray) -> list[np.ndarray]:
    places = np.minimum(np.nan_to_num(ranks * _BINS, nan=-1.0).astype(int), _BINS - 1)
    return [(places == index).astype(float) for index in np.unique(places[places >= 0])]


def _both_tails(ranks: np.ndarray, share: float) -> list[np.ndarray]:
    ranks = np.nan_to_num(ranks, nan=0.5)
    return [np.clip((ranks - (1 - share)) / share, 0, None), np.clip((share - ranks) / share, 0, None)]
