"""The default detector: p-values of what changed between a reference's rows and a window's, column by column and together.

Everything that is tested is the mean of a score (`scores`, `joint`), whose variance `effective` knows; groups of scores are
tested together by a quadratic form, whose distribution is a scaled chi-squared one with the same mean and variance
(Satterthwaite). Within a column the tests share its p-value by their weights (Bonferroni); over columns Holm corrects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from . import joint, scores, text
from .effective import Blocks, Means, Season, blocks_of, compare_means, season_of
from .rows import Rows
from .significance import f_tail, more_p_value, normal_tail, rates_p_value

Kind = Literal["numbers", "names", "texts"]
_CHUNK = 256
_LOOKED_AT = 8
_OUTSIDE_WEIGHT = 0.03


@dataclass(frozen=True)
class Found:
    """What was found of one column. `why` is the test that saw the most; p-values are not corrected.

    `rows` is the effective number of rows of the window, `season` the cycle at whose place it was compared.
    """

    p_value: float
    why: str
    missing_p_value: float
    new_p_value: float = 1.0
    rows: float = 0.0
    season: str = ""


@dataclass(frozen=True)
class FoundJointly:
    """The joint test: its p-value, and the pair of columns whose relation changed the most, if that is what it saw."""

    p_value: float
    pair: tuple[str, str] | None = None
    correlations: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Pair:
    """A column of both samples: which rows have a value, as masks, and those values."""

    before: np.ndarray
    after: np.ndarray
    old: np.ndarray
    new: np.ndarray


@dataclass
class Detector:
    """Compares one window with one reference; both in the order of time, with the same columns."""

    reference: Rows
    window: Rows
    _blocks: Blocks | None = field(init=False)
    _pairs: dict[str, _Pair] = field(init=False, default_factory=dict[str, "_Pair"])

    def __post_init__(self) -> None:
        self._blocks = blocks_of(len(self.reference), len(self.window), self.reference.times, self.window.times)

    def has(self, name: str) -> bool:
        """Return whether both samples have a column."""
        return name in self.reference.names and name in self.window.names

    def column(self, name: str, kind: Kind) -> Found:
        """Return what was found of a column: of ordered numbers, of names of classes, or of texts."""
        pair = self._pair(name, kind)
        missing = self._missing(pair.before, pair.after)
        if not pair.before.any() or not pair.after.any():
            return Found(1.0, "", missing)
        blocks = self._of(pair.before, pair.after)
        if kind == "texts":
            return _texts(pair.old, pair.new, blocks, missing)
        return _scored(pair.old, pair.new, blocks, missing, kind)

    def _pair(self, name: str, kind: Kind) -> _Pair:
        """A column of both samples, which is looked at alone and with the others."""
        if name not in self._pairs:
            left, right = self.reference.names.index(name), self.window.names.index(name)
            words = kind != "numbers" and (left in self.reference.words or right in self.window.words)
            before, after = self.reference.known(left, words=words), self.window.known(right, words=words)
            old, new = self.reference.values(left, before, words=words), self.window.values(right, after, words=words)
            self._pairs[name] = _Pair(before, after, old, new)
        return self._pairs[name]

    def joint(self, kinds: Mapping[str, Kind]) -> FoundJointly:
        """Return the joint test of columns, by name."""
        names = [list(kinds)[place] for place in joint.chosen(list(kinds))]
        made = {name: self._score(name, kinds[name]) for name in names}
        made = {name: score for name, score in made.items() if score.std() > 0}
        if len(made) < 2:
            return FoundJointly(1.0)
        m, matrix = len(self.reference), np.stack(list(made.values()), axis=1)
        before, after = matrix[:m], matrix[m:]
        season = season_of(before, self._blocks)
        if season:
            before = before[season.here]
        blocks = None if season else self._blocks
        old, new = joint.random_features(before), joint.random_features(after)
        by_distance = min(1.0, 2 * _together(old, new, compare_means(old, new, blocks, beside=season)))
        by_pairs, pair, correlations = _pairs(before, after, list(made), blocks, season)
        return FoundJointly(by_pairs, pair, correlations) if by_pairs < by_distance else FoundJointly(by_distance)

    def _score(self, name: str, kind: Kind) -> np.ndarray:
        """One bounded score a row; a value that is not there scores nothing."""
        pair = self._pair(name, kind)
        values = np.concatenate([pair.old, pair.new])
        if kind == "texts":
            values = np.array([len(text) for text in values])
        elif kind == "names":
            # Categories by how frequent they are: an order that means the same in both samples.
            _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
            values = (-counts + np.arange(len(counts)) * 1e-9)[places]
        known = np.concatenate([pair.before, pair.after])
        made = np.zeros(len(known))
        if known.any():
            ranked = scores.legendre(scores.mid_ranks(values))[0]
            made[known] = ranked / (ranked.std() or 1.0)
        return made

    def _of(self, before: np.ndarray, after: np.ndarray) -> Blocks | None:
        """The stretches of the rows that have a value."""
        if before.all() and after.all():
            return self._blocks
        times = [
            sample.times if sample.times is None else sample.times[mask]
            for sample, mask in ((self.reference, before), (self.window, after))
        ]
        return blocks_of(int(before.sum()), int(after.sum()), *times)

    def _missing(self, before: np.ndarray, after: np.ndarray) -> float:
        """With as many independent rows as the gaps themselves allow; each counts where the reference never had one."""
        if before.all() and after.all():
            return 1.0
        if before.all():
            return rates_p_value(0, len(before), float((~after).sum()), len(after))
        gaps = [(~mask).astype(float)[:, None] for mask in (before, after)]
        means = compare_means(gaps[0], gaps[1], self._blocks)
        old, new = float(means.reference_rows[0]), float(means.rows[0])
        return rates_p_value(gaps[0].mean() * old, old, gaps[1].mean() * new, new)


def _scored(old: np.ndarray, new: np.ndarray, blocks: Blocks | None, missing: float, kind: Kind) -> Found:
    """Test the scores of one column, and what lies outside of what the reference has; at a season, at its place in it."""
    of = scores.of_categories if kind == "names" else scores.of_numbers
    made = of(old, new)
    if not made.groups:
        return Found(1.0, "", missing, rows=float(len(new)))
    season = season_of(made.reference[:, made.main], blocks)
    if season:
        old = old[season.here]
        made = of(old, new)
    means = compare_means(made.reference, made.window, None if season else blocks, beside=season)
    p_value, why, place = _best(made, means)
    inflated = float(len(new) / means.rows.min()), float(len(old) / means.reference_rows.min())
    found = Found(min(1.0, p_value), why, missing, 1.0, float(means.rows[place]), season.cycle if season else "")
    if kind == "names":
        return replace(found, new_p_value=_new_values(old, new, inflated))
    outside = min(1.0, _outside(old, new, inflated) / _OUTSIDE_WEIGHT)
    return replace(found, p_value=outside, why="outside of the range") if outside < p_value else found


def _texts(old: np.ndarray, new: np.ndarray, blocks: Blocks | None, missing: float) -> Found:
    """Test what texts are made of; what saw the most says so."""
    best, measured = Found(1.0, "", missing, rows=float(len(new))), text.measures(old.tolist(), new.tolist())
    for name, (before, after) in measured.items():
        found = _scored(before, after, blocks, missing, "numbers")
        p_value = min(1.0, found.p_value * len(measured))
        if p_value < best.p_value:
            best = replace(found, p_value=p_value, why=f"{name}: {found.why}")
    return best


def _pairs(
    before: np.ndarray, after: np.ndarray, names: list[str], blocks: Blocks | None, season: Season | None
) -> tuple[float, tuple[str, str], tuple[float, float]]:
    """The pair of columns whose rank correlation changed the most: p-value, names, correlations before and after."""
    found, best = joint.pairs(before.shape[1]), (1.0, 0, (0.0, 0.0))
    for begin in range(0, len(found), _CHUNK):
        part = found[begin : begin + _CHUNK]
        old, new = joint.products(before, part), joint.products(after, part)
        means = compare_means(old, new, blocks, of_one=False, beside=season)
        for place in np.argsort(-np.abs(means.z))[:_LOOKED_AT].tolist():
            p_value = normal_tail(float(means.z[place]), float(means.freedom[place]))
            if p_value < best[0]:
                best = p_value, begin + place, (_within(old[:, place].mean()), _within(new[:, place].mean()))
    left, right = found[best[1]]
    return min(1.0, best[0] * len(found) * 2), (names[left], names[right]), best[2]


def _within(correlation: float) -> float:
    """A correlation; ranks of both samples together may make it a little more than one."""
    return float(np.clip(correlation, -1, 1))


def _new_values(before: np.ndarray, after: np.ndarray, inflated: tuple[float, float]) -> float:
    values, counts = np.unique(before, return_counts=True)
    once = int((counts == 1).sum())
    # A word that the reference never had is new in each row; a number may be where a slow walk has got to.
    independent = inflated if once or before.dtype.kind == "f" else (1.0, 1.0)
    return unseen_p_value(once, len(before), int((~np.isin(after, values)).sum()), len(after), independent)


def unseen_p_value(once: int, of_before: int, new: float, of_after: int, inflated: tuple[float, float] = (1.0, 1.0)) -> float:
    """Return whether `new` values that the reference does not have are more than sampling explains.

    A value that the reference has `once` would be new, were that row left out; so many new ones are usual (Good, "The
    population frequencies of species", 1953). `inflated` are rows for an independent one, in the window and in the reference.
    """
    rows, reference = inflated
    return more_p_value(once / reference, of_before / reference, new / rows, of_after / rows)


def _outside(before: np.ndarray, after: np.ndarray, inflated: tuple[float, float]) -> float:
    """Whether more values than two in the reference lie outside of its range: its ends would, were they left out."""
    outside = int(((after < before.min()) | (after > before.max())).sum())
    return more_p_value(2.0, len(before) / inflated[1], outside / inflated[0], len(after) / inflated[0])


def _best(made: scores.Scores, means: Means) -> tuple[float, str, int]:
    """The p-value of all groups together, the group that saw the most, and its first score."""
    best, why, place = 1.0, "", 0
    for name, weight, columns in made.groups:
        if len(columns) == 1:
            at = columns[0]
            p_value = _alone(made.reference[:, at], made.window[:, at], means.of([at])) / weight
        else:
            p_value = _together(made.reference[:, columns], made.window[:, columns], means.of(columns)) / weight
        if p_value < best:
            best, why, place = p_value, name, columns[0]
    return best, why, place


def _alone(before: np.ndarray, after: np.ndarray, means: Means) -> float:
    """The p-value of one score's means; of shares of few rows, where the normal distribution is no good approximation, exact."""
    by_error = normal_tail(float(means.z[0]), float(means.freedom[0]))
    if not (np.isin(before, (0, 1)).all() and np.isin(after, (0, 1)).all()):
        return by_error
    old, new = float(means.reference_rows[0]), float(means.rows[0])
    exact = rates_p_value(before.mean() * old, old, after.mean() * new, new)
    # What one side never has, or always, has no errors to be estimated.
    return exact if before.min() == before.max() else max(by_error, exact)


def _together(before: np.ndarray, after: np.ndarray, means: Means) -> float:
    """The p-value of the means of several scores: the sum of their squares, each weighed by its variance."""
    rows = len(before) + len(after)
    mean = (before.sum(axis=0) + after.sum(axis=0)) / rows
    covariance = (before.T @ before + after.T @ after) / rows - np.outer(mean, mean)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    kept = spread > 1e-6  # the scores are of the order of one
    if not kept.any():
        return 1.0
    weights = spread[kept] ** 2
    correlation = covariance[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
    statistic = float((weights * means.z[kept] ** 2).sum())
    mean, variance = float(weights.sum()), 2 * float((np.outer(weights, weights) * correlation**2).sum())
    scale, freedom = variance / (2 * mean), 2 * mean**2 / variance
    degrees = float(means.freedom[kept].min())
    return f_tail(statistic / scale / freedom, freedom, degrees) if math.isfinite(statistic) else 0.0
