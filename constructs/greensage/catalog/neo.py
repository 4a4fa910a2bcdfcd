"""SageMaker Neo: the devices it compiles for, and the frameworks it takes."""

from __future__ import annotations

from ._data import load


def neo_devices() -> tuple[str, ...]:
    """Return the edge devices that Neo compiles for."""
    return tuple(load("neo")["devices"])


def neo_framework(name: str) -> str | None:
    """Return Neo's word for a framework, or None where it does not compile it."""
    row = load("neo")["frameworks"].get(name)
    return str(row["neo"]) if row else None
