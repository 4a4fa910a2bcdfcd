"""What fixing a finding would save in a month: kWh, gCO2e and USD, worked out by the footprint room, with bands."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..footprint import estimate
from ..footprint.band import ZERO, Band
from ..footprint.usage import Usage


@dataclass(frozen=True)
class Impact:
    """A month's saving. NaN where no figure is known."""

    energy_kwh: Band
    carbon_g: Band
    cost_usd: Band

    def __add__(self, other: Impact) -> Impact:
        return Impact(self.energy_kwh + other.energy_kwh, self.carbon_g + other.carbon_g, self.cost_usd + other.cost_usd)

    def __mul__(self, share: float) -> Impact:
        return Impact(self.energy_kwh * share, self.carbon_g * share, self.cost_usd * share)

    def widened(self, factor: float) -> Impact:
        """Return it with bands that are `factor` wider, for an amount that is only assumed."""
        return Impact(*(_widened(band, factor) for band in (self.energy_kwh, self.carbon_g, self.cost_usd)))

    def priced(self, cost: Band) -> Impact:
        """Return it with another cost: for services that hosting's prices do not tell."""
        return Impact(self.energy_kwh, self.carbon_g, cost)


NOTHING = Impact(ZERO, ZERO, ZERO)


def total(impacts: Iterable[Impact]) -> Impact:
    """Return the sum of what is known: a figure that is missing leaves its quantity to the others."""
    rows = list(impacts)

    def summed(name: str) -> Band:
        return sum((band for row in rows if (band := getattr(row, name)).known), start=ZERO)

    return Impact(summed("energy_kwh"), summed("carbon_g"), summed("cost_usd"))


def of_usage(usage: Usage) -> Impact:
    """Return a month of `usage`: what not having it saves."""
    found = estimate([usage])[0]
    return Impact(found.energy_kwh, found.carbon_g, found.cost_usd)


def between(before: Usage, after: Usage) -> Impact:
    """Return what going from `before` to `after` saves."""
    return less(of_usage(before), of_usage(after))


def less(old: Impact, new: Impact) -> Impact:
    """Return `old` less `new`; the ends of their bands are of the same assumptions, so they subtract."""
    pairs = (old.energy_kwh, new.energy_kwh), (old.carbon_g, new.carbon_g), (old.cost_usd, new.cost_usd)
    return Impact(*(difference(*pair) for pair in pairs))


def difference(old: Band, new: Band) -> Band:
    """Return `old` less `new`, end by end."""
    if math.isnan(old.mid) or math.isnan(new.mid):
        return Band(math.nan, math.nan, math.nan)
    # A change may be worse at one end of the bands and better at the other.
    low, mid, high = sorted((old.low - new.low, old.mid - new.mid, old.high - new.high))
    return Band(low, mid, high)


def band(mid: float, factor: float) -> Band:
    """Return `mid` with its band."""
    return Band(mid / factor, mid, mid * factor)


def _widened(value: Band, factor: float) -> Band:
    return Band(value.low / factor if value.low > 0 else value.low * factor, value.mid, value.high * factor)
