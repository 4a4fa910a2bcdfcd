"""What a deployment makes beside its host, as assumptions and measurements (data/beside.json), and what no figure counts."""

from __future__ import annotations

from functools import cache

from ._data import load
from .figures import Figure, figure


@cache
def beside_figure(name: str) -> Figure:
    """Return a row of beside.json that is a number."""
    data = load("beside")
    row = data["rows"][name]
    return figure(name, row["value"], row["unit"], row["quality"], row["source"], data["date"])


def beside(name: str) -> float:
    """Return the value of a row."""
    return beside_figure(name).value


def beside_names() -> tuple[str, ...]:
    """Return the names of the rows that are numbers."""
    return tuple(name for name, row in load("beside")["rows"].items() if not isinstance(row["value"], str))


def build_type() -> str:
    """Return the instance type whose watts the build of an image is taken to draw."""
    return str(load("beside")["rows"]["build_type"]["value"])


def left_out() -> tuple[str, ...]:
    """Return what the figures leave out, by name."""
    return tuple(load("beside")["left_out"])
