"""What JSON and YAML hold, for the type checker: after these tests a mapping has text keys and a list has any items."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether `value` is a mapping; JSON and YAML write no other kind than dict."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether `value` is a list."""
    return isinstance(value, list)
