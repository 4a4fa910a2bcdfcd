"""Reads the catalog's data files, each once; every file carries its source, licence and date."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import CatalogError
from .overlay import overlaid

_FOLDER = Path(__file__).with_name("data")


@cache
def load(name: str) -> dict[str, Any]:
    """Return data/`name`.json as plain values, with what the user refreshed. Treat the result as read-only: it is shared."""
    shipped: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    own = overlaid(name)
    if own is None:
        return shipped
    try:
        refreshed = json.loads(own.read_text(encoding="utf-8"))
        return {**shipped, **refreshed}
    except (ValueError, TypeError, OSError) as error:
        raise CatalogError(f"{own} cannot be read ({error}); run greensage catalog refresh again, or remove it") from None


def names() -> list[str]:
    """Return the names of all data files."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))
