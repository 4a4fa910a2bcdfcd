"""How much a window's mean varies when nothing changes: rows that follow each other are not independent, and seasons return.

Every test of the detector compares the mean of a feature of the rows in a window with that in the reference. For
independent rows its variance is s²(1/n + 1/m). Here n and m become effective sample sizes: by the correlation of rows that
follow each other, and, where the reference is in the order of time, by how much the means of its own stretches of the
window's length differ. Where rows have times, those stretches are compared at the same place in the week or the day.

Sources: batch means, Schmeiser, "Batch size effects in the analysis of simulation output" (1982); the variance of a mean of
an autoregression, Priestley, "Spectral Analysis and Time Series" (1981), 5.3; its bias, Marriott and Pope (1954).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DAY, _WEEK = 86_400.0, 604_800.0
# Fewer stretches say nothing about how much they vary.
_LEAST_BLOCKS = 6
# Of the window's place in a cycle so many must be there.
_LEAST_AT_PLACE = 3
# A stretch must have this many rows to count.
_LEAST_ROWS = 5
# What tells correlation from chance: three standard errors of it and the upper thousandth of chi-squared, because it is looked
# for in many scores; the upper tenth for stretches of the reference, which are looked at one by one.
_ERRORS = 3.0
_RARE, _UPPER = 3.09, 1.2816
# Of a score's variance in both samples, what the reference must have.
_RARE_SPREAD = 0.25
# Places in a cycle that differ more than by this many standard deviations of F are a season.
_SEASON = 3.0


@dataclass(frozen=True)
class Blocks:
    """Stretches of the reference that are as long as the window.

    `starts` are the first rows of the stretches, shape (blocks,), which are sorted by their rows' order; `phase` is the place
    of each in the cycle, where 0 is the window's and -1 means that it has too few rows.
    """

    order: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    phase: np.ndarray
    cycle: str  # "week", "day" or ""

    def means(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many rows the long enough stretches have, and the means of `rows`, shape (rows, features), there."""
        used = self.phase >= 0
        counts = self.counts[used].astype(float)
        return counts, np.add.reduceat(rows[self.order], self.starts, axis=0)[used] / counts[:, None]


def blocks_of(rows: int, window_rows: int, times: np.ndarray | None, window_times: np.ndarray | None) -> Blocks | None:
    """Return the stretches of a reference of `rows`, by the clock where both have times, else by their number; None if few."""
    if times is not None and window_times is not None:
        found = _by_clock(times, window_times)
        if found is not None:
            return found
    length = max(_LEAST_ROWS, min(window_rows, rows // 8))
    count = rows // length
    if count < _LEAST_BLOCKS:
        return None
    starts = np.arange(count) * length
    # What is left over at the end belongs to no stretch.
    return Blocks(np.arange(count * length), starts, np.full(count, length), np.zeros(count, int), "")


def _by_clock(times: np.ndarray, window_times: np.ndarray) -> Blocks | None:
    known, seen = times[~np.isnan(times)], window_times[~np.isnan(window_times)]
    if len(known) < len(times) or len(seen) < len(window_times) or not len(seen) or not len(known):
        return None
    begin, span = float(seen.min()), float(seen.max() - seen.min())
    for cycle, name in ((_WEEK, "week"), (_DAY, "day"), (0.0, "")):
        phases, length = 1, max(span, 1.0)
        if span < cycle:
            phases = max(1, round(cycle / max(span * len(seen) / max(len(seen) - 1, 1), cycle / 168, 1.0)))
            length = cycle / phases
        place = np.floor((times - begin) / length).astype(np.int64)
        order = np.argsort(place, kind="stable")
        ids, starts, counts = np.unique(place[order], return_index=True, return_counts=True)
        kept = counts >= _LEAST_ROWS
        phase = np.mod(ids, phases)
        if kept.sum() < _LEAST_BLOCKS or (phases > 1 and (kept & (phase == 0)).sum() < _LEAST_AT_PLACE):
            continue
        return Blocks(order, starts, counts, np.where(kept, phase, -1), name if phases > 1 else "")
    return None


@dataclass(frozen=True)
class Means:
    """Means of features in reference and window, and how much their difference varies; each of shape (features,).

    `difference` is in standard deviations of the feature, `variance` is its variance in the same unit, `freedom` the degrees
    of freedom of that estimate (infinite where rows are independent), `rows` and `reference_rows` the effective sizes.
    """

    difference: np.ndarray
    variance: np.ndarray
    freedom: np.ndarray
    rows: np.ndarray
    reference_rows: np.ndarray

    def of(self, columns: Sequence[int]) -> Means:
        """Return some of them."""
        at = list(columns)
        return Means(self.difference[at], self.variance[at], self.freedom[at], self.rows[at], self.reference_rows[at])

    @property
    def z(self) -> np.ndarray:
        """The difference in its own standard errors."""
        return self.difference / np.sqrt(self.variance)


def compare_means(
    reference: np.ndarray, window: np.ndarray, blocks: Blocks | None, *, of_one: bool = True, beside: Season | None = None
) -> Means:
    """Compare features of rows, shapes (m, features) and (n, features), in the order of time.

    With a season, `beside`, the reference's rows are those at the window's place in it, and it says how much they vary.
    Features `of_one` column are not correlated longer than the one that is correlated the longest, which is told best.
    """
    m, n = len(reference), len(window)
    spread = np.sqrt((reference.var(axis=0) * m + window.var(axis=0) * n) / (m + n))
    # Two samples that are constant each, and not the same, are as far apart as they can be.
    apart = np.abs(window.mean(axis=0) - reference.mean(axis=0)) * math.sqrt(m * n) / (m + n)
    spread = np.where(spread > 1e-12, spread, np.where(apart > 1e-12, apart, np.inf))
    before, after = reference / spread, window / spread
    inflated, inflated_reference = inflation(after), inflation(before)
    if of_one and len(inflated):
        inflated, inflated_reference = (np.full(len(own), own.max()) for own in (inflated, inflated_reference))
    # A training table that was shuffled hides how alike rows were that followed each other.
    inflated_reference = np.maximum(inflated_reference, inflated)
    freedom = np.where(inflated > 1, np.maximum(n / inflated - 1, 1.0), math.inf)
    between, degrees = (beside.ratio, beside.freedom) if beside else _between(before, blocks)
    inflated_reference = np.maximum(inflated_reference, between)
    if of_one and len(inflated):
        # What the reference hardly has cannot say how much it varies there; it comes in stretches like the rest.
        rare = before.var(axis=0) < _RARE_SPREAD
        between, degrees = np.where(rare, np.max(between), between), np.where(rare, np.min(degrees), degrees)
    more = between > inflated
    inflated, freedom = np.where(more, between, inflated), np.where(more, degrees, freedom)
    effective, effective_reference = n / inflated, np.maximum(m / inflated_reference, 1.0)
    return Means(
        after.mean(axis=0) - before.mean(axis=0), 1 / effective + 1 / effective_reference, freedom, effective, effective_reference
    )


def inflation(rows: np.ndarray) -> np.ndarray:
    """Return by how much the variance of a mean is larger than for independent rows, at least 1; rows in the order of time."""
    n = len(rows)
    if n < 20:
        return np.ones_like(rows.mean(axis=0))
    apart = rows - rows.mean(axis=0)
    total = (apart**2).sum(axis=0)
    total = np.where(total > 1e-12, total, np.inf)
    first = (apart[1:] * apart[:-1]).sum(axis=0) / total
    # An estimated autocorrelation is too small by about (1 + 3r)/n.
    first = np.where(first > _ERRORS / math.sqrt(n), np.minimum(first + (1 + 3 * first) / n, 1 - 1 / n), 0.0)
    by_chain = (1 + first) / (1 - first)
    length = max(2, math.isqrt(n))
    count = n // length
    means = apart[: count * length].reshape(count, length, -1).mean(axis=1)
    ratio = means.var(axis=0, ddof=1) * length / (total / n)
    by_batches = np.where(ratio > _limit(count - 1, _RARE), ratio, 1.0)
    return np.clip(np.maximum(by_chain, by_batches), 1.0, n / 2)


def _between(rows: np.ndarray, blocks: Blocks | None) -> tuple[np.ndarray, np.ndarray]:
    """How much the means of stretches vary against those of independent rows, at least 1, and the degrees of freedom."""
    if blocks is None:
        return np.ones_like(rows[0]), np.full_like(rows[0], math.inf)
    counts, means = blocks.means(rows)
    whole = (means * counts[:, None]).sum(axis=0) / counts.sum()
    ratio = (counts[:, None] * (means - whole) ** 2).sum(axis=0) / np.maximum(rows.var(axis=0), 1e-9) / (len(means) - 1)
    return _told(ratio, means, len(means) - 1)


def _told(ratio: np.ndarray, means: np.ndarray, degrees: int) -> tuple[np.ndarray, np.ndarray]:
    """A ratio that chance does not explain, else 1; stretches that follow each other may be alike too: a reference of one
    season knows little of the next."""
    alike = inflation(means)
    freedom = np.maximum(degrees / alike, 1.0)
    told = (ratio > _limits(freedom)) | (alike > 1)
    return np.where(told, np.maximum(ratio, 1.0), 1.0), np.where(told, freedom, math.inf)


@dataclass(frozen=True)
class Season:
    """Which rows of the reference are at the window's place in a cycle, and how much such stretches vary beside it."""

    here: np.ndarray
    cycle: str
    ratio: float
    freedom: float


def season_of(rows: np.ndarray, blocks: Blocks | None) -> Season | None:
    """Return the season that features of the reference have, shape (rows, features); None where there is none."""
    if blocks is None or not blocks.cycle:
        return None
    counts, means = blocks.means(rows)
    squares = blocks.means(rows**2)[1]
    phases, place = np.unique(blocks.phase[blocks.phase >= 0], return_inverse=True)
    degrees = len(means) - len(phases)
    if degrees < _LEAST_BLOCKS:
        return None
    totals = np.bincount(place, weights=counts)
    centers = _grouped(means * counts[:, None], place, len(phases)) / totals[:, None]
    whole = (means * counts[:, None]).sum(axis=0) / counts.sum()
    inside = np.maximum((counts[:, None] * (squares - means**2)).sum(axis=0) / (counts.sum() - len(counts)), 1e-9)
    rest = (counts[:, None] * (means - centers[place]) ** 2).sum(axis=0) / inside / degrees
    seasonal = (totals[:, None] * (centers - whole) ** 2).sum(axis=0) / inside / (len(phases) - 1)
    expected = math.sqrt(2 / (len(phases) - 1) + 2 / degrees)
    returning = seasonal / np.maximum(rest, 1.0) > 1 + _SEASON * expected
    if not bool(returning.any()):
        return None
    ratio, freedom = _told(rest, means - centers[place], degrees)
    ends = blocks.starts + blocks.counts
    kept = [blocks.order[begin:end] for begin, end, where in zip(blocks.starts, ends, blocks.phase, strict=True) if where == 0]
    return Season(np.sort(np.concatenate(kept)), blocks.cycle, float(ratio.max()), float(freedom.min()))


def _grouped(rows: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros((count, rows.shape[1]))
    np.add.at(found, place, rows)
    return found


def _limit(degrees: float, errors: float) -> float:
    """An upper quantile of chi-squared over its degrees of freedom (Wilson and Hilferty)."""
    part = 2 / (9 * max(degrees, 1))
    return (1 - part + errors * math.sqrt(part)) ** 3


def _limits(degrees: np.ndarray) -> np.ndarray:
    return np.array([_limit(float(value), _UPPER) for value in degrees])


def seconds_of(times: Sequence[str]) -> np.ndarray:
    """Return times as captures have them, ISO 8601, in seconds since 1970, shape (rows,); NaN for what is none."""
    found = np.full(len(times), np.nan)
    known = [index for index, time in enumerate(times) if time]
    try:
        values = np.array([times[index].removesuffix("Z").split("+")[0] for index in known], dtype="datetime64[ms]")
    except ValueError:
        return found
    found[known] = values.astype(np.int64) / 1_000
    return found
