"""The capability matrix: what each hosting kind can do according to AWS, and which kinds greensage builds."""

from __future__ import annotations

from typing import Literal

from ..errors import CatalogError
from ._data import load

Answer = Literal["y", "n", "?"]


def capability(kind: str, feature: str) -> Answer:
    """Return whether AWS supports `feature` on hosting `kind`: y, n, or ? where no source was found."""
    try:
        return load("capabilities")["kinds"][kind][feature]
    except KeyError:
        raise CatalogError(f"the capability matrix has no {feature!r} for {kind!r}") from None


def kinds(*, built: bool | None = None) -> tuple[str, ...]:
    """Return the hosting kinds, all or only those that greensage does (not) build yet."""
    rows = load("capabilities")["kinds"]
    return tuple(name for name, row in rows.items() if built is None or row["built"] is built)
