"""What functions in Python 3.13 on arm64 need beside their own code: AWS's layers by public parameter, and wheels by hash."""

from __future__ import annotations

from dataclasses import dataclass

from ._data import load


@dataclass(frozen=True)
class Wheel:
    """One wheel of the Python Package Index, for one machine."""

    name: str
    version: str
    python: str
    platforms: tuple[str, ...]
    sha256: str


def numpy_wheel() -> Wheel:
    """Return the numpy of the functions that compare distributions."""
    row = load("layers")["numpy"]
    return Wheel("numpy", str(row["version"]), str(row["python"]), tuple(row["platforms"]), str(row["sha256"]))


def pydantic_layer() -> str:
    """Return the parameter of the layer that holds pydantic."""
    return str(load("layers")["pydantic"]["parameter"])
