"""A KLL quantile sketch: a weighted sample of a stream in memory that does not grow with it.

Own code, because Model Monitor's statistics.json holds the levels of such a sketch and no library opens its levels up.
Source: Karnin, Lang and Liberty, "Optimal quantile approximation in streams" (2016); the JSON is deequ's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Items per level. The rank error was measured below 0.2 % of the rows (tests/unit/drift/test_kll.py); deequ's own default.
K = 2_048
_SHRINK = 0.64


class Kll:
    """Values of one column; item i of level l stands for 2**l values."""

    def __init__(self, levels: list[np.ndarray] | None = None, *, seed: int = 7) -> None:
        self._levels = levels or [np.empty(0)]
        self._random = np.random.default_rng(seed)

    def update(self, values: np.ndarray) -> None:
        """Add `values`, shape (n,), none of them NaN.

        A large batch is sorted once and enters at the level where it fits; what its stride leaves over enters below.
        """
        while len(values) > 2 * K:
            level = int(np.log2(len(values) / K))
            stride = 1 << level
            whole = len(values) // stride * stride
            rest, values = values[whole:], np.sort(values[:whole])
            self._push(values[int(self._random.integers(stride)) :: stride], level)
            values = rest
        self._push(values, 0)

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sorted sample and how many values each item stands for, both of shape (items,)."""
        values = np.concatenate(self._levels)
        weights = np.repeat(2.0 ** np.arange(len(self._levels)), [len(items) for items in self._levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def to_json(self) -> dict[str, Any]:
        """Return the sketch as statistics.json has it."""
        return {"parameters": {"c": _SHRINK, "k": float(K)}, "data": [items.tolist() for items in self._levels]}

    @classmethod
    def from_json(cls, sketch: dict[str, Any]) -> Kll:
        """Return the sketch of statistics.json; levels of any length are understood."""
        return cls([np.asarray(items, dtype=np.float64) for items in sketch["data"]] or None)

    def _push(self, items: np.ndarray, level: int) -> None:
        while len(self._levels) <= level:
            self._levels.append(np.empty(0))
        held = np.concatenate([self._levels[level], items])
        self._levels[level] = held
        if len(held) < 2 * K:
            return
        # Every other item of the sorted level goes up with twice the weight; one item may stay behind.
        held = np.sort(held)
        even = len(held) // 2 * 2
        self._levels[level] = held[even:]
        self._push(held[int(self._random.integers(2)) : even : 2], level + 1)
