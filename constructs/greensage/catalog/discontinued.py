"""What AWS or others have discontinued, and what to use instead."""

from __future__ import annotations

from dataclasses import dataclass

from ._data import load


@dataclass(frozen=True)
class Discontinued:
    """A product that is gone, with its successor."""

    name: str
    successor: str


def discontinued(term: str) -> Discontinued | None:
    """Return what `term` (a key, kind or instance type) stands for if that is discontinued, else None."""
    wanted = term.strip().lower()
    for row in load("discontinued")["terms"].values():
        # Also with a generation and a size, as in ml.eia2.medium.
        if any(wanted == match or wanted.startswith((f"{match}1.", f"{match}2.")) for match in row["match"]):
            return Discontinued(row["name"], row["successor"])
    return None
