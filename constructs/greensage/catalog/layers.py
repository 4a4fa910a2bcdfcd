"""AWS's own layers for functions in Python 3.13 on arm64, by the public parameter in which AWS keeps each one's ARN."""

from __future__ import annotations

from ._data import load


def numpy_layer() -> str:
    """Return the parameter of the layer that holds numpy."""
    return str(load("layers")["numpy"]["parameter"])


def pydantic_layer() -> str:
    """Return the parameter of the layer that holds pydantic."""
    return str(load("layers")["pydantic"]["parameter"])
