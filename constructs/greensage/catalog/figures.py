"""A figure as it leaves the catalog: a value with its unit, quality and source, so that nothing is shown without them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ._data import load


@dataclass(frozen=True)
class Figure:
    """One number. `value` is NaN where nobody publishes it.

    Its band goes from value / `down` to value x `up`: as far as its quality says, or to `lowest` and `highest`, which other
    sources state, where these are further away.
    """

    name: str
    value: float
    unit: str
    quality: str
    source: str
    date: str
    lowest: float = math.nan
    highest: float = math.nan
    least: float = 0.0

    @property
    def factor(self) -> float:
        """How far the value may be off by its quality alone."""
        return quality_factor(self.quality)

    @property
    def down(self) -> float:
        """How many times smaller the true value may be; `least` is what it cannot be below."""
        down = max(self.factor, self.value / self.lowest) if self.lowest > 0 else self.factor
        return min(down, self.value / self.least) if self.least else down

    @property
    def up(self) -> float:
        """How many times larger the true value may be."""
        return max(self.factor, self.highest / self.value) if self.highest > 0 and self.value else self.factor

    @property
    def low(self) -> float:
        """The low end of the band."""
        return self.value / self.down

    @property
    def high(self) -> float:
        """The high end of the band."""
        return self.value * self.up

    @property
    def spread(self) -> tuple[float, float]:
        """The band as factors, down and up."""
        return self.down, self.up

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)


@cache
def quality_factor(quality: str) -> float:
    """Return the factor of the band that goes with `quality`."""
    return float(load("quality")["qualities"][quality]["factor"])


def figure(
    name: str, value: float | None, unit: str, quality: str, source: str, date: str, others: Sequence[float] = ()
) -> Figure:
    """Return a Figure; None becomes NaN, so that what is unknown stays unknown in every sum.

    `others` are values of the same quantity that other sources state.
    """
    known = math.nan if value is None else float(value)
    return Figure(name, known, unit, quality, source, date, min(others, default=math.nan), max(others, default=math.nan))


@cache
def coefficient(name: str) -> Figure:
    """Return a coefficient of the footprint (coefficients.json)."""
    data = load("coefficients")
    row = data["coefficients"][name]
    return figure(name, row["value"], row["unit"], row["quality"], row["source"], data["date"], row.get("others", ()))


def reference_type() -> str:
    """Return the instance type that serverless hosting is taken to run on."""
    return str(load("coefficients")["coefficients"]["serverless_reference_type"]["value"])


HOURS_PER_MONTH: float = load("coefficients")["coefficients"]["hours_per_month"]["value"]
DAYS_PER_MONTH: float = HOURS_PER_MONTH / 24


def figure_json(item: Figure) -> dict[str, Any]:
    """Return the figure for programs: value, low and high are null where nobody knows."""
    numbers = (item.value, item.low, item.high) if item.known else (None, None, None)
    return {
        "name": item.name,
        **dict(zip(("value", "low", "high"), numbers, strict=True)),
        "unit": item.unit,
        "quality": item.quality,
        "source": item.source,
        "date": item.date,
    }
