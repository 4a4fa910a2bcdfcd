"""A figure as it leaves the catalog: a value with its unit, quality and source, so that nothing is shown without them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from ._data import load


@dataclass(frozen=True)
class Figure:
    """One number. `value` is NaN where nobody publishes it; `factor` is how far it may be off, up or down."""

    name: str
    value: float
    unit: str
    quality: str
    source: str
    date: str

    @property
    def factor(self) -> float:
        """The band: the true value is taken to lie between value / factor and value x factor."""
        return quality_factor(self.quality)

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)


@cache
def quality_factor(quality: str) -> float:
    """Return the factor of the band that goes with `quality`."""
    return float(load("quality")["qualities"][quality]["factor"])


def figure(name: str, value: float | None, unit: str, quality: str, source: str, date: str) -> Figure:
    """Return a Figure; None becomes NaN, so that what is unknown stays unknown in every sum."""
    return Figure(name, math.nan if value is None else float(value), unit, quality, source, date)


@cache
def coefficient(name: str) -> Figure:
    """Return a coefficient of the footprint (coefficients.json)."""
    data = load("coefficients")
    row = data["coefficients"][name]
    return figure(name, row["value"], row["unit"], row["quality"], row["source"], data["date"])


def reference_type() -> str:
    """Return the instance type that serverless hosting is taken to run on."""
    return str(load("coefficients")["coefficients"]["serverless_reference_type"]["value"])


HOURS_PER_MONTH: float = load("coefficients")["coefficients"]["hours_per_month"]["value"]
DAYS_PER_MONTH: float = HOURS_PER_MONTH / 24
