"""What is remembered of one column: counts, moments, a sketch of its numbers, or how often each of its words came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .kll import Kll
from .rows import written

Kind = Literal["Integral", "Fractional", "String"]
# Distinct values that are counted one by one; the rest is counted together.
MOST_VALUES = 256
OTHER = "(other)"
# Whole numbers are names, as of a class, where there are so few of them and each comes so often; else they are ordered.
_MOST_NAMES, _LEAST_EACH = 12, 20


@dataclass
class Column:
    """A feature or an output of the model. `counts` holds the values of String and Integral columns while they are few."""

    name: str
    present: int = 0
    missing: int = 0
    invalid: int = 0  # of the missing ones those that were infinite
    mean: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean
    low: float = np.inf
    high: float = -np.inf
    whole: bool = True  # all numbers were integers
    text: int = 0  # how many values were no numbers
    kll: Kll = field(default_factory=Kll)
    counts: Counter[str] = field(default_factory=Counter[str])
    counted: bool = True  # `counts` is complete, apart from OTHER of text columns

    @property
    def kind(self) -> Kind:
        """The type that Model Monitor would infer."""
        if self.text * 2 > self.present:
            return "String"
        return "Integral" if self.whole and self.present else "Fractional"

    @property
    def discrete(self) -> bool:
        """Whether the values are compared one by one rather than by their order."""
        if self.kind != "Integral":
            return self.kind == "String"
        return self.counted and 0 < len(self.counts) <= _MOST_NAMES and self.present >= _LEAST_EACH * len(self.counts)

    @property
    def prose(self) -> bool:
        """Whether its words are texts or names of single things, of which hardly two are alike, rather than categories."""
        return self.kind == "String" and (OTHER in self.counts or len(self.counts) > self.present / 2)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self.squares / self.present)) if self.present else 0.0

    def update(self, values: np.ndarray) -> None:
        """Add numbers, shape (n,); NaN is a missing value."""
        numbers = values[~np.isnan(values)]
        self.missing += len(values) - len(numbers)
        if not len(numbers):
            return
        self._add_moments(numbers)
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        self.whole = self.whole and bool((numbers == np.floor(numbers)).all())
        self.kll.update(numbers)
        if self.counted and self.whole:
            found, times = np.unique(numbers, return_counts=True)
            self._count(zip(map(written, found.tolist()), times.tolist(), strict=True))
        else:
            self._stop_counting()

    def update_words(self, words: list[str]) -> None:
        """Add values that are no numbers."""
        self.present += len(words)
        self.text += len(words)
        for word, times in Counter(words).items():
            known = word in self.counts or len(self.counts) < MOST_VALUES
            self.counts[word if known else OTHER] += times

    def _add_moments(self, numbers: np.ndarray) -> None:
        """Chan, Golub and LeVeque's way to join the moments of two samples."""
        count, mean = len(numbers), float(numbers.mean())
        total, apart = self.present + count, mean - self.mean
        self.squares += float(((numbers - mean) ** 2).sum()) + apart**2 * self.present * count / total
        self.mean += apart * count / total
        self.present = total

    def _count(self, rows: zip[tuple[str, int]]) -> None:
        for value, times in rows:
            self.counts[value] += times
        if len(self.counts) > MOST_VALUES:
            self._stop_counting()

    def _stop_counting(self) -> None:
        if self.counted and not self.text:
            self.counted = False
            self.counts.clear()
