"""Libraries that only the extras bring, and what the user trusts of files that they read."""

from __future__ import annotations

import importlib
import os
from typing import Any


def trusted_types() -> list[str]:
    """Return what the user declares as trusted in skops files: the serving container's own variable."""
    return [name for part in os.environ.get("GREENSAGE_TRUSTED_TYPES", "").split(",") if (name := part.strip())]


def library(name: str) -> Any:
    """Import what only this extra brings, and what has no types. Raises ImportError."""
    return importlib.import_module(name)


def first_line(error: Exception) -> str:
    """Return the first line of what a library says, at most 200 characters of it; the error's kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
