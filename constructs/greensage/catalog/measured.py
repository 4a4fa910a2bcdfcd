"""What was measured of the user's own models: a file of the overlay, which `greensage recommend` writes and the planner reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import CatalogError
from .overlay import FOLDER, overlay_folder

NAME = "measured"


def measured_cpu_ms(model: str) -> float | None:
    """Return the CPU time in ms of one request to `model` on one m5 vCPU, if it was measured; None otherwise."""
    row = _rows().get(model)
    return float(row["cpu_ms_per_request"]) if row else None


def measured_words(model: str) -> str:
    """Return when and where that was, for people; empty where it was not."""
    row = _rows().get(model)
    return f"measured {row['date']} on {row['instance_type']} by {row['by']}" if row else ""


def remember(model: str, row: Mapping[str, Any]) -> Path:
    """Write what was measured of `model` into the overlay and return the file; the figures of other models stay."""
    folder = overlay_folder() or Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.json"
    rows = {**_read(path), model: dict(row)}
    # In one step: a file that is half written would be no catalog.
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"models": dict(sorted(rows.items()))}, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
    forget()
    return path


def forget() -> None:
    """Read the file anew when it is asked for next."""
    _rows.cache_clear()


@cache
def _rows() -> dict[str, dict[str, Any]]:
    folder = overlay_folder()
    return _read(folder / f"{NAME}.json") if folder else {}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["models"]
        for row in rows.values():
            if not float(row["cpu_ms_per_request"]) > 0:
                raise ValueError
        return rows
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CatalogError(f"{path} holds no measured models; delete it, and measure again: greensage recommend NAME") from None
