"""What other tools call the keys of a model file."""

from __future__ import annotations

import re

from ._data import load

_ENDINGS = ("_in_seconds", "_seconds", "_in_gb", "_gb", "_in_mb", "_mb")


def called_here(key: str) -> str | None:
    """Return the dotted key that another tool's `key` is called in a model file, or None; case and units do not matter."""
    known: dict[str, str] = load("aliases")["keys"]
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower().replace("-", "_")
    bare = next((snake.removesuffix(ending) for ending in _ENDINGS if snake.endswith(ending)), snake)
    return known.get(snake) or known.get(bare)
