"""Prices: hosting by the hour, serverless, storage and logs; us-east-1 times the Region's level unless refreshed."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import cache

from ..errors import CatalogError
from ._data import load
from .ec2 import bare_type, ec2_price
from .figures import Figure, figure

# What the user pays of the on-demand price: of everything (a discount), and of instance-hours (a Savings Plan).
EVERYTHING, INSTANCES = "GREENSAGE_PRICE_FACTOR", "GREENSAGE_SAVINGS_PLAN"
_MOST = 2.0


def price_factor(name: str) -> float:
    """Return the factor that the environment variable `name` gives, else 1. Raises CatalogError for what is none."""
    given = os.environ.get(name)
    if not given:
        return 1.0
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 < value <= _MOST:
        raise CatalogError(f"{name} is {given!r}: a factor above 0, to {_MOST:g}; 0.64 is to pay 64 % of the on-demand price")
    return value


def price_factor_words() -> tuple[str, ...]:
    """Return a line that says that prices are not the on-demand ones, where they are not."""
    named = ((EVERYTHING, "of all prices"), (INSTANCES, "of instance-hours"))
    said = [f"{price_factor(name):g} {words}" for name, words in named if price_factor(name) != 1]
    return (f"  Prices: on demand x {' and '.join(said)}, as you say.",) if said else ()


@cache
def hourly_price(instance_type: str, region: str) -> Figure:
    """Return the price of a hosting instance (or an EC2, db. or cache. type) in USD an hour; NaN if unknown.

    On demand, times the user's factors.
    """
    return _paid(_hourly_price(instance_type, region), EVERYTHING, INSTANCES)


def _paid(found: Figure, *factors: str) -> Figure:
    factor = math.prod(price_factor(name) for name in factors)
    if factor == 1 or not found.known:
        return found
    ends = {"lowest": found.lowest * factor, "highest": found.highest * factor}
    return replace(found, value=found.value * factor, source=f"{found.source}; x {factor:g}, as you say", **ends)


def _hourly_price(instance_type: str, region: str) -> Figure:
    if not instance_type.startswith("ml."):
        return _other_price(instance_type, region)
    data = load("instance_prices")
    fresh = data.get("regions", {}).get(region, {})
    exact = fresh.get("usd_hour", {}).get(instance_type)
    if exact is not None:
        return figure(f"{instance_type} in {region}", exact, "USD/hour", "published", fresh["source"], fresh["date"])
    row, level = data["types"].get(instance_type), price_level(region, _class_of(instance_type))
    if row is None:
        return figure(f"{instance_type} in {region}", None, "USD/hour", "missing", "no price is known", data["date"])
    # In us-east-1 the level is 1 by definition and cannot make the figure less sure.
    quality = row["quality"] if region == "us-east-1" else _worse(row["quality"], level.quality)
    source = data["sources"].get(row["source"].split(" ")[0], row["source"])
    quotes = _quotes(instance_type)
    said = ", ".join(f"{usd:g} ({where})" for usd, where in quotes)
    source = f"{source}; {f'quoted in us-east-1 as {said}' if quotes else 'no dated quote of this type was found'}"
    if region != "us-east-1":
        source = f"{source}; x {level.value:g} for {region} ({level.source})"
    value, others = row["usd_hour"] * level.value, [usd * level.value for usd, _ in quotes]
    return figure(f"{instance_type} in {region}", value, "USD/hour", quality, source, data["date"], others)


def _quotes(instance_type: str) -> list[tuple[float, str]]:
    """Dated public quotes of a hosting price; where they disagree with the row, its band goes as far."""
    data = load("instance_prices")
    return [(float(usd), str(data["quotes_of"][key])) for usd, key in data["quotes"].get(instance_type, ())]


def _other_price(name: str, region: str) -> Figure:
    price, level = ec2_price(name), price_level(region, _class_of(f"ml.{bare_type(name)}"))
    if region == "us-east-1" or not price.known:
        return price
    source = f"{price.source}; x {level.value:g} for {region} ({level.source})"
    quality = _worse(price.quality, level.quality)
    return figure(f"{name} in {region}", price.value * level.value, "USD/hour", quality, source, price.date)


@cache
def service_price(name: str, region: str) -> Figure:
    """Return a price of service_prices.json in `region`, times the user's factor."""
    return _paid(_service_price(name, region), EVERYTHING)


def _service_price(name: str, region: str) -> Figure:
    data = load("service_prices")
    row = data["prices"][name]
    if row.get("everywhere"):
        return figure(name, row["usd"], row["unit"], row["quality"], row["source"], data["date"])
    # Logs have a price of their own in each Region, so no level is applied.
    if name in load("region_prices")["other"]:
        level = price_level(region, name)
        return figure(name, level.value, row["unit"], level.quality, load("region_prices")["sources"]["logs"], level.date)
    # A service has no family; the general-purpose level stands in for it.
    level = price_level(region, "m")
    source = row["source"] if region == "us-east-1" else f"{row['source']}; x {level.value:g} for {region} ({level.source})"
    quality = row["quality"] if region == "us-east-1" else _worse(row["quality"], level.quality)
    return figure(name, row["usd"] * level.value, row["unit"], quality, source, data["date"])


@cache
def price_level(region: str, kind: str) -> Figure:
    """Return how dear a Region is against us-east-1 (1.0); `kind` is a column: a class of families, or a price of logs."""
    data = load("region_prices")
    row = data["regions"].get(region, data["other"])
    return figure(f"{region} price level", row[kind], "x us-east-1", row["quality"], data["sources"][row["source"]], data["date"])


def _class_of(instance_type: str) -> str:
    family = instance_type.split(".")[1]
    return next((name for name, families in load("region_prices")["classes"].items() if family in families), "m")


def _worse(first: str, second: str) -> str:
    order = list(load("quality")["qualities"])
    return max(first, second, key=order.index)
