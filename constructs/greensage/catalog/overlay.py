"""Figures that `greensage catalog refresh` fetched: they lie in a folder of the user's and replace the shipped ones."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import CatalogError

FOLDER = "greensage-catalog"
# What a refresh writes, and all that may be replaced.
REFRESHED = ("instance_prices", "hosting_regions")


def overlay_folder() -> Path | None:
    """Return $GREENSAGE_CATALOG, or ./greensage-catalog if it exists, or None."""
    given = os.environ.get("GREENSAGE_CATALOG")
    if given:
        if not Path(given).is_dir():
            raise CatalogError(f"GREENSAGE_CATALOG is no folder: {given}")
        return Path(given)
    here = Path(FOLDER)
    return here if here.is_dir() else None


def overlaid(name: str) -> Path | None:
    """Return the user's file that replaces data/`name`.json, or None."""
    folder = overlay_folder() if name in REFRESHED else None
    path = folder / f"{name}.json" if folder else None
    return path if path and path.is_file() else None


def overlay_words() -> tuple[str, ...]:
    """Return a line that says which shipped figures are replaced, so that nobody wonders why two machines differ."""
    folder = overlay_folder()
    names = [name for name in REFRESHED if overlaid(name)]
    if folder is not None and (folder / "measured.json").is_file():
        names.append("measured")
    return (f"  Figures of {folder} replace the shipped ones: {', '.join(names)}.",) if names else ()
