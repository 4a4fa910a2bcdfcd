"""Rows told apart by a feature: by its values where they are few or words, else by the quarters of its numbers."""

from __future__ import annotations

import numpy as np

_QUARTERS = 4
_MOST = 12


class Slices:
    """How rows are told apart: learned of some values, numbers (NaN: none) or texts, and asked of others.

    Of words the most frequent ones are slices; rows of other values are in none.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._edges: np.ndarray | None = None
        self._words: list[str] = []
        self._numbers: list[float] = []
        if values.dtype.kind not in "fiu":
            found, counts = np.unique(values.astype(str), return_counts=True)
            self._words = [str(found[index]) for index in np.argsort(-counts, kind="stable")[:_MOST]]
            return
        known = values[~np.isnan(values)]
        found = np.unique(known)
        if len(found) <= _MOST:
            self._numbers = found.tolist()
        else:
            self._edges = np.quantile(known, np.arange(1, _QUARTERS) / _QUARTERS)

    def masks(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return which rows are in each slice, by a name that says which."""
        if self._words:
            texts = values.astype(str)
            return {word: texts == word for word in self._words}
        if self._edges is None:
            return {f"{value:g}": values == value for value in self._numbers}
        places = np.searchsorted(self._edges, values, side="left")
        known = ~np.isnan(values)
        return {self._named(index): (places == index) & known for index in range(_QUARTERS)}

    def _named(self, index: int) -> str:
        """A quarter by its ends."""
        assert self._edges is not None
        ends = [*(f"{edge:.4g}" for edge in self._edges)]
        if index == 0:
            return f"up to {ends[0]}"
        return f"above {ends[-1]}" if index == len(ends) else f"{ends[index - 1]} to {ends[index]}"
