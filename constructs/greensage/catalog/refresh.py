"""Fetches hosting prices, and with them which types each Region has, from the AWS Price List; the only room that does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import GreensageError
from ._data import load
from .instances import is_hosting_type
from .regions import known_regions

# The query API answers in a few Regions only; us-east-1 is one of them.
_API_REGION = "us-east-1"
_SOURCE = "AWS Price List Query API, service AmazonSageMaker, component Hosting"


def refresh(regions: Sequence[str] | None, out: Path, *, say: Callable[[str], None], client: Any = None) -> list[Path]:
    """Write instance_prices.json and hosting_regions.json into `out` and return their paths.

    Nothing is written unless every Region answered. `client` is a boto3 `pricing` client; default: one with the caller's
    own credentials. Raises GreensageError for unknown Regions, for no credentials, and for what AWS refuses.
    """
    wanted = list(regions or known_regions())
    if unknown := [name for name in wanted if name not in known_regions()]:
        raise GreensageError(f"no such Region in the catalog: {', '.join(unknown)}")
    pricing = client or _client()
    prices: dict[str, dict[str, float]] = {}
    for index, name in enumerate(wanted, start=1):
        prices[name] = dict(sorted(_prices(pricing, name)))
        say(f"{index}/{len(wanted)} {name}: {len(prices[name])} hosting types")
    today = datetime.now(UTC).date().isoformat()
    kept = _kept(out / "instance_prices.json")
    # A Region without an answer keeps the figures that it had.
    fresh = {name: {"date": today, "source": _SOURCE, "usd_hour": found} for name, found in prices.items() if found}
    types = {name: sorted(found) for name, found in prices.items() if found}
    tables = {
        "instance_prices": {"regions": {**kept, **fresh}},
        "hosting_regions": {"regions": {**load("hosting_regions")["regions"], **types}},
    }
    out.mkdir(parents=True, exist_ok=True)
    return [_write(out / f"{name}.json", table) for name, table in tables.items()]


def hosting_price(product: dict[str, Any]) -> tuple[str, float] | None:
    """Return (type, USD an hour) of one product of the Price List, or None if it is no on-demand hosting instance."""
    attributes = product.get("product", {}).get("attributes", {})
    # Older rows of the Price List carry the type with this suffix.
    name = attributes.get("instanceName") or str(attributes.get("instanceType", "")).removesuffix("-Hosting")
    hosting = "Hosting" in (attributes.get("component"), attributes.get("platoinstancetype"))
    if not hosting or not is_hosting_type(name) or "Outposts" in attributes.get("locationType", ""):
        return None
    for offer in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in offer.get("priceDimensions", {}).values():
            price = float(dimension.get("pricePerUnit", {}).get("USD", 0))
            if str(dimension.get("unit", "")).lower() == "hrs" and price > 0:
                return name, price
    return None


def _prices(pricing: Any, region: str) -> Iterator[tuple[str, float]]:
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in (("regionCode", region), ("component", "Hosting"))
    ]
    try:
        pages = pricing.get_paginator("get_products").paginate(ServiceCode="AmazonSageMaker", Filters=wanted)
        for page in pages:
            yield from _found(page["PriceList"])
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"the AWS Price List did not answer for {region}: {error}") from None


def _found(rows: Iterable[str]) -> Iterator[tuple[str, float]]:
    for row in rows:
        price = hosting_price(json.loads(row))
        if price:
            yield price


def _kept(path: Path) -> dict[str, Any]:
    """Regions that an earlier refresh fetched stay, with their own dates."""
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["regions"])
    except (ValueError, KeyError, TypeError):
        raise GreensageError(f"{path} is not what a refresh wrote; remove it first") from None


def _client() -> Any:
    import boto3
    from botocore.exceptions import BotoCoreError

    session: Any = boto3
    try:
        return session.client("pricing", region_name=_API_REGION)
    except BotoCoreError as error:
        raise GreensageError(f"no AWS credentials: {error}") from None


def _write(path: Path, content: dict[str, Any]) -> Path:
    """Write beside and rename, so that a run that is stopped leaves no half file."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)
    return path
