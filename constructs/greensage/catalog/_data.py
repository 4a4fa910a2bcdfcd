"""Reads the catalog's data files, each once; every file carries its source, licence and date."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import CatalogError
from ..narrow import is_list
from .overlay import overlaid

_FOLDER = Path(__file__).with_name("data")


@cache
def load(name: str) -> dict[str, Any]:
    """Return data/`name`.json as plain values, with what the user refreshed. Treat the result as read-only: it is shared."""
    shipped: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    own = overlaid(name)
    return shipped if own is None else {**shipped, "regions": _refreshed(name, own)}


def _refreshed(name: str, path: Path) -> dict[str, Any]:
    """Return the Regions of a refreshed file, checked: a broken one is an error, never the shipped figure."""
    regions: dict[str, Any] = {}
    try:
        regions = json.loads(path.read_text(encoding="utf-8"))["regions"]
        good = all(_CHECKS[name](row) for row in regions.values())
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        good = False
    if not good:
        raise CatalogError(f"{path} is not what a refresh writes; run greensage catalog refresh again, or remove it")
    return regions


def _are_prices(row: Any) -> bool:
    prices = row["usd_hour"].values()
    return bool(row["date"] and row["source"]) and all(isinstance(price, int | float) and price > 0 for price in prices)


def _are_types(row: Any) -> bool:
    return is_list(row) and all(isinstance(item, str) for item in row)


_CHECKS: dict[str, Callable[[Any], bool]] = {"instance_prices": _are_prices, "hosting_regions": _are_types}


def names() -> list[str]:
    """Return the names of all data files."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))
