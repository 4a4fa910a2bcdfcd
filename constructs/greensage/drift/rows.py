"""Rows as they came, in the order of time: what the tests compare. Of very many, each second, fourth and so on is kept."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Cells that are kept of a sample: 8,000 rows of up to 100 columns, fewer of more. More tell hardly more of a window of thousands.
MOST_ROWS, _MOST_CELLS = 8_000, 800_000
_LARGEST = float(np.finfo(np.float32).max) / 2


class Rows:
    """Rows of columns called `names`: `numbers`, shape (rows, columns), NaN where a value is missing or no number;
    `words`, by column, None where a value is none; `times` in seconds since 1970, or None when they are not known."""

    def __init__(self, names: Sequence[str], *, most: int | None = None) -> None:
        self.names = list(names)
        self.most = most or max(500, min(MOST_ROWS, _MOST_CELLS // max(1, len(self.names))))
        self.stride, self._seen = 1, 0
        self.numbers = np.empty((0, len(self.names)))
        self.words: dict[int, np.ndarray] = {}
        self.times: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, numbers: np.ndarray, words: Mapping[int, np.ndarray], times: np.ndarray | None) -> None:
        """Add rows, newer than those there are. Once half as many again as `most` are there, every other one is dropped."""
        taken = np.arange((-self._seen) % self.stride, len(numbers), self.stride)
        self._seen += len(numbers)
        old, count = len(self), len(taken)
        self.numbers = np.concatenate([self.numbers, _rounded(numbers[taken])])
        for index in {*self.words, *words}:
            before = self.words.get(index, np.full(old, None, object))
            after = words[index][taken] if index in words else np.full(count, None, object)
            self.words[index] = np.concatenate([before, after])
        new = np.full(count, np.nan) if times is None else times[taken]
        self.times = np.concatenate([np.full(old, np.nan) if self.times is None else self.times, new])
        while len(self) > 1.5 * self.most:
            self._thin()

    def taken(self, mask: np.ndarray) -> Rows:
        """Return the rows in `mask`."""
        made = Rows(self.names, most=self.most)
        made.numbers, made._seen = self.numbers[mask], int(mask.sum())
        made.words = {index: column[mask] for index, column in self.words.items()}
        made.times = None if self.times is None else self.times[mask]
        return made

    def known(self, index: int, *, words: bool) -> np.ndarray:
        """Return which rows have a value of a column, as a mask."""
        numbers = ~np.isnan(self.numbers[:, index])
        if index not in self.words or not words:
            return numbers
        return numbers | np.array([word is not None for word in self.words[index]])

    def values(self, index: int, mask: np.ndarray, *, words: bool) -> np.ndarray:
        """Return the values of the rows in `mask`: numbers, or all of them as text."""
        numbers = self.numbers[mask, index]
        if not words:
            return numbers
        found = np.array([written(number) for number in numbers], object)
        if index in self.words:
            kept = self.words[index][mask]
            found = np.array([word if word is not None else other for word, other in zip(kept, found, strict=True)], object)
        return found.astype(str)

    def to_json(self) -> dict[str, Any]:
        """Return them ready for JSON; numbers have 32 bits."""
        found: dict[str, Any] = {"names": self.names, "numbers": _packed(self.numbers.astype("<f4")), "rows": len(self)}
        if self.words:
            found["words"] = {str(index): list(column) for index, column in self.words.items()}
        if self.times is not None and not np.isnan(self.times).all():
            found["times"] = _packed(self.times.astype("<f8"))
        return found

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Rows:
        """Return the rows that `to_json` wrote."""
        made = cls(content["names"])
        made.numbers = _unpacked(content["numbers"], "<f4").reshape(content["rows"], -1).astype(np.float64)
        made.words = {int(index): np.array(column, object) for index, column in content.get("words", {}).items()}
        if "times" in content:
            made.times = _unpacked(content["times"], "<f8")
        made._seen = len(made)
        return made

    def _thin(self) -> None:
        self.stride *= 2
        self.numbers = self.numbers[::2]
        self.words = {index: column[::2] for index, column in self.words.items()}
        self.times = self.times if self.times is None else self.times[::2]


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """Numbers as a file of rows has them, so that a row is equal to itself before and after it went through one."""
    return np.clip(numbers, -_LARGEST, _LARGEST).astype(np.float32).astype(np.float64)


def written(number: float) -> str:
    """Return a number as the text that counts are kept by: 1 and 1.0 are one value."""
    if np.isnan(number):
        return ""
    return str(int(number)) if number == np.floor(number) else repr(float(number))


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 6)).decode()


def _unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)
