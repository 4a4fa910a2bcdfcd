"""Finds figures by the names that people use: an instance type, a Region, a coefficient, a price."""

from __future__ import annotations

from difflib import get_close_matches

from ..errors import CatalogError
from ._data import load
from .beside import beside_figure, beside_names
from .figures import Figure, coefficient, figure
from .gpu import device_figures, measured_devices
from .instances import is_hosting_type
from .power import power, speed
from .prices import hourly_price, service_price
from .regions import known_regions, region


def names_of_figures() -> dict[str, list[str]]:
    """Return the names that `figures_of` knows, by kind."""
    return {
        "instance types": list(load("power")["types"]),
        "Regions": list(known_regions()),
        "coefficients": [name for name in load("coefficients")["coefficients"] if name != "serverless_reference_type"],
        "prices": list(load("service_prices")["prices"]),
        "beside the host": ["beside", *beside_names()],
        "measured devices": list(measured_devices()),
    }


def figures_of(name: str, price_region: str) -> list[Figure]:
    """Return all figures of `name`; prices are those of `price_region`. Raises CatalogError, with near names, for none."""
    if price_region not in known_regions():
        near = get_close_matches(price_region, known_regions(), n=1)
        raise CatalogError(f"no such Region in the catalog: {price_region}" + (f"; {near[0]}?" if near else ""))
    bare = f"ml.{name}"
    name = bare if is_hosting_type(bare) else name
    known = names_of_figures()
    if name in known["instance types"]:
        found = power(name)
        return [found.idle_w, found.half_w, found.full_w, found.embodied_kg, speed(name), hourly_price(name, price_region)]
    if name in known["Regions"]:
        place = region(name)
        matched = figure(f"{name} matched by renewables", place.matched, "(1: yes, in AWS's report for 2023; enters no score)",
                         "exact", load("regions")["sources"]["aws-matched"], load("regions")["date"])  # fmt: skip
        return [place.intensity, place.pue, place.wue, matched]
    if name in known["coefficients"]:
        return [coefficient(name)]
    if name == "beside":
        return [beside_figure(row) for row in beside_names()]
    if name in beside_names():
        return [beside_figure(name)]
    if name in known["measured devices"]:
        return device_figures(name)
    if name in known["prices"]:
        return [service_price(name, price_region)]
    near = get_close_matches(name, [item for names in known.values() for item in names], n=3)
    raise CatalogError(f"the catalog has no figure called {name!r}" + (f"; {', '.join(near)}?" if near else ""))
