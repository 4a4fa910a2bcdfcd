"""The capability matrix: what each hosting kind can do according to AWS, cell by cell, with the source of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..errors import CatalogError
from ._data import load
from .kinds import hosting_kind

Answer = Literal["y", "n", "?"]


@dataclass(frozen=True)
class Capability:
    """One cell: `answer` is y, n (AWS refuses) or ? (no source, or sources in conflict); `words` say more."""

    answer: Answer
    words: str
    source: str


def capability(kind: str, feature: str) -> Capability:
    """Return what AWS says about `feature` on hosting `kind`."""
    try:
        return Capability(**load("capabilities")["features"][feature]["kinds"][kind])
    except KeyError:
        raise CatalogError(f"the capability matrix has no {feature!r} for {kind!r}") from None


def features() -> tuple[str, ...]:
    """Return the features that the matrix has a row for."""
    return tuple(load("capabilities")["features"])


def label(feature: str) -> str:
    """Return the words for `feature` in a sentence."""
    row = load("capabilities")["features"].get(feature)
    return str(row["label"]) if row else feature.replace("_", " ")


def is_built(kind: str, feature: str) -> bool:
    """Return whether greensage builds `feature` on `kind` where AWS offers it, or may."""
    return feature not in hosting_kind(kind).not_built


def kinds_with(wanted: Iterable[str], *, near: str) -> tuple[str, ...]:
    """Return the kinds on which AWS supports all features `wanted`, those most like `near` first."""
    order = hosting_kind(near).near
    needed = tuple(wanted)
    return tuple(kind for kind in order if all(_offered(kind, feature) for feature in needed))


def _offered(kind: str, feature: str) -> bool:
    known = feature not in features() or capability(kind, feature).answer == "y"
    return known and is_built(kind, feature)
