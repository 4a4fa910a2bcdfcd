"""How a saving and a place are said, in every format the same."""

from __future__ import annotations

import math
from functools import cache

from ..footprint.band import Band
from ..text import money, number
from .finding import Finding
from .impact import Impact


@cache
def saving_label(saves: Impact | None) -> str:
    """Return kWh, gCO2e and USD a month, with the band of the carbon."""
    if saves is None:
        return "no figure"
    carbon = saves.carbon_g
    span = f" ({_grams(carbon.low)} to {_grams(carbon.high)})" if carbon.known and carbon.mid else ""
    return f"about {_kwh(saves.energy_kwh)}, {_grams(carbon.mid)}CO2e{span}, {_usd(saves.cost_usd)} a month"


def place_label(finding: Finding) -> str:
    """Return the resource, with the construct's path where the CDK made it."""
    place = finding.place
    name = place.resource or place.stack or place.construct or "the template"
    return f"{name} ({place.construct})" if place.construct and place.construct != name else name


def _grams(value: float) -> str:
    if math.isnan(value):
        return "? g"
    return f"{number(value / 1000)} kg" if abs(value) >= 1000 else f"{number(value, 2)} g"


def _kwh(value: Band) -> str:
    return f"{number(value.mid, 2)} kWh"


def _usd(value: Band) -> str:
    return f"{money(value.mid)} USD"
