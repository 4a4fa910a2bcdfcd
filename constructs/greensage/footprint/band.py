"""A value with its uncertainty: low, mid and high. NaN where a figure is not published, and it stays NaN in every sum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..text import signed_percent


@dataclass(frozen=True)
class Band:
    """Low, mid and high of one quantity."""

    low: float
    mid: float
    high: float

    def __add__(self, other: Band) -> Band:
        """Sum the ends: errors are taken to go the same way."""
        return Band(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def __mul__(self, share: float) -> Band:
        return Band(self.low * share, self.mid * share, self.high * share)

    @property
    def known(self) -> bool:
        """Whether the quantity could be worked out at all."""
        return not math.isnan(self.mid)

    def to_json(self) -> dict[str, float | None]:
        """Return low, mid and high; null for what is unknown."""
        ends = {"low": self.low, "mid": self.mid, "high": self.high}
        return {name: None if math.isnan(value) else value for name, value in ends.items()}

    def saved_against(self, usual: Band) -> Band:
        """Return the share (0 to 1) saved against `usual`; low and high set the worst ends against each other."""
        return Band(_share(self.high, usual.low), _share(self.mid, usual.mid), _share(self.low, usual.high))


ZERO = Band(0.0, 0.0, 0.0)


def total(bands: Iterable[Band]) -> Band:
    """Return the sum."""
    return sum(bands, start=ZERO)


def percent_saved(saved: Band) -> str:
    """Return the saving against the usual deployment as a signed percentage: -83% is saved."""
    return "?" if not saved.known else signed_percent(saved.mid)


def percent_range(saved: Band) -> str:
    """Return the worst and the best case of a saving."""
    return "unknown" if math.isnan(saved.low) else f"{signed_percent(saved.low)} to {signed_percent(saved.high)}"


def _share(now: float, usual: float) -> float:
    # What is saved of nothing is unknown, and not zero.
    return 1 - now / usual if usual else math.nan
