"""Reads the catalog's data files, each once; every file carries its source, licence and date."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("data")


@cache
def load(name: str) -> dict[str, Any]:
    """Return data/`name`.json as plain values. Treat the result as read-only: it is shared."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def names() -> list[str]:
    """Return the names of all data files."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))
