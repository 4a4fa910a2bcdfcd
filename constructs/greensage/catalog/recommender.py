"""What Inference Recommender's jobs take and cost, and what they are told of a model's framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ._data import load
from .prices import hourly_price

Job = Literal["default", "advanced"]
_MINUTES_AN_HOUR = 60


def setting(name: str) -> float:
    """Return types_max, default_minutes, advanced_minutes, budget_usd or load."""
    return float(_data()[name]["value"])


def framework_of(name: str | None) -> str | None:
    """Return what the jobs call a framework; None for one that they do not know, which they are not told."""
    found: str | None = _data()["frameworks"].get(name or "")
    return found


def most_usd(types: Sequence[str], region: str, minutes: float) -> float:
    """Return what a job costs at most: each type for all of its time. Raises CatalogError for an unknown type."""
    return sum(hourly_price(item, region).value for item in types) * minutes / _MINUTES_AN_HOUR


def _data() -> Any:
    return load("recommender")
