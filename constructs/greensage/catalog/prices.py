"""Prices: hosting by the hour, serverless, storage and logs; us-east-1 times the Region's level unless refreshed."""

from __future__ import annotations

from functools import cache

from ._data import load
from .ec2 import bare_type, ec2_price
from .figures import Figure, figure


@cache
def hourly_price(instance_type: str, region: str) -> Figure:
    """Return the on-demand price of a hosting instance (or an EC2, db. or cache. type) in USD an hour; NaN if unknown."""
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
    if region != "us-east-1":
        source = f"{source}; x {level.value:g} for {region} ({level.source})"
    return figure(f"{instance_type} in {region}", row["usd_hour"] * level.value, "USD/hour", quality, source, data["date"])


def _other_price(name: str, region: str) -> Figure:
    price, level = ec2_price(name), price_level(region, _class_of(f"ml.{bare_type(name)}"))
    if region == "us-east-1" or not price.known:
        return price
    source = f"{price.source}; x {level.value:g} for {region} ({level.source})"
    quality = _worse(price.quality, level.quality)
    return figure(f"{name} in {region}", price.value * level.value, "USD/hour", quality, source, price.date)


@cache
def service_price(name: str, region: str) -> Figure:
    """Return a price of service_prices.json in `region`."""
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
