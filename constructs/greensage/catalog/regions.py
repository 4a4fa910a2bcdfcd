"""Regions: how clean their electricity is, PUE, WUE, renewable matching, and how far apart they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

from ..errors import CatalogError
from ._data import load
from .figures import Figure, figure
from .traffic import FIBRE_DETOUR, FIBRE_KM_PER_MS

_EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class Region:
    """What is known of a Region. `matched` is AWS's yearly market-based statement; it never enters a score."""

    id: str
    name: str
    country: str
    lat: float
    lon: float
    intensity: Figure
    pue: Figure
    wue: Figure
    matched: bool
    note: str


@cache
def region(name: str) -> Region:
    """Return the facts of Region `name`. Raises CatalogError for one that is not in the catalog."""
    data = load("regions")
    row = data["regions"].get(name)
    if row is None:
        raise CatalogError(f"the grid intensity of {name} is not in the catalog")
    sources, date = data["sources"], data["date"]
    others = {sources[key]: value for key, value in row["others"].items()}
    stated = _with(sources["ember"], row["note"])
    if others:
        stated += "; others state " + ", ".join(f"{value:g} ({source})" for source, value in others.items())
    intensity = figure(
        f"{name} grid intensity", row["gco2e_kwh"], "gCO2e/kWh", row["gco2e_quality"], stated, date, tuple(others.values())
    )
    pue = figure(f"{name} PUE", row["pue"], "", row["pue_quality"], _averaged(sources["aws-pue-wue"], row["pue_quality"]), date)
    # What a data centre takes is at least what its machines take.
    pue = replace(pue, least=1.0)
    wue = figure(
        f"{name} WUE", row["wue_l_kwh"], "L/kWh", row["wue_quality"], _averaged(sources["aws-pue-wue"], row["wue_quality"]), date
    )
    return Region(
        name, row["name"], row["country"], row["lat"], row["lon"], intensity, pue, wue, row["matched_2023"], row["note"]
    )


def grams_per_it_kwh(name: str) -> tuple[float, float, float]:
    """Return the lowest, the middle and the highest gCO2e of a kWh of IT load in a Region: what Regions are ranked by."""
    found = region(name)
    middle = found.intensity.value * found.pue.value
    # The PUE is AWS's own; where sources disagree, it is about the grid.
    return middle / found.intensity.down, middle, middle * found.intensity.up


def grams_range(name: str) -> str:
    """Return the lowest and the highest of :func:`grams_per_it_kwh` for people."""
    low, _, high = grams_per_it_kwh(name)
    return f"{low:.0f} to {high:.0f}"


def are_a_tie(first: str, second: str) -> bool:
    """Return whether the bands of two Regions overlap: which is the cleaner one is then not known."""
    a, b = grams_per_it_kwh(first), grams_per_it_kwh(second)
    return a[0] <= b[2] and b[0] <= a[2]


def known_regions() -> tuple[str, ...]:
    """Return the Regions with a grid intensity."""
    return tuple(sorted(load("regions")["regions"]))


def distance_km(first: str, second: str) -> float:
    """Return the great-circle distance between the metropolitan areas of two Regions."""
    a, b = region(first), region(second)
    lat1, lat2, half_lon = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon) / 2
    chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(chord))


def round_trip_ms(first: str, second: str) -> float:
    """Return the estimated network round trip: distance there and back in fibre, with a detour."""
    return distance_km(first, second) * FIBRE_DETOUR / FIBRE_KM_PER_MS


def _with(source: str, note: str) -> str:
    return f"{source}; {note}" if note else source


def _averaged(source: str, quality: str) -> str:
    return f"{source}, average of the geography" if quality == "derived" else source


def partition_of(region: str) -> str:
    """Return the partition of a Region, as ARNs name it: aws, aws-cn, aws-us-gov, aws-iso or aws-iso-b."""
    start = region.rsplit("-", 2)[0]
    return {"cn": "aws-cn", "us-gov": "aws-us-gov", "us-iso": "aws-iso", "us-isob": "aws-iso-b"}.get(start, "aws")
