"""Machines beside hosting: EC2 types, and the databases and caches that run on them; for the checks of other stacks."""

from __future__ import annotations

from functools import cache

from ._data import load
from .figures import Figure, coefficient, figure

_RATIOS = {"db": "rds_price_ratio", "cache": "cache_price_ratio"}


@cache
def bare_type(name: str) -> str:
    """Return the EC2 type behind a name: m5.large of ml.m5.large, db.m5.large and m5.large.search."""
    parts = name.split(".")
    if len(parts) < 3:
        return name
    return ".".join(parts[1:3] if parts[0] in ("ml", "db", "cache", "kafka") else parts[:2])


def family_of(name: str) -> str:
    """Return the family: m5 of ml.m5.large, db.m5.large and m5.large.search."""
    return bare_type(name).split(".")[0]


def ec2_price(name: str) -> Figure:
    """Return the on-demand price in us-east-1 of an EC2 type, or of a database or cache by its ratio to EC2; NaN if unknown."""
    data, prefix = load("ec2"), name.split(".")[0]
    row = data["types"].get(bare_type(name), {})
    # For OpenSearch no ratio to EC2 is known.
    if "usd_hour" not in row or name.endswith(".search"):
        return figure(f"{name} in us-east-1", None, "USD/hour", "missing", "no price is known", data["date"])
    source = data["sources"][row["price_source"]]
    if prefix not in _RATIOS:
        return figure(f"{name} in us-east-1", row["usd_hour"], "USD/hour", "published", source, data["date"])
    ratio = coefficient(_RATIOS[prefix])
    words = f"{source}; x {ratio.value:g} ({ratio.source})"
    return figure(f"{name} in us-east-1", row["usd_hour"] * ratio.value, "USD/hour", ratio.quality, words, data["date"])
