"""Instance types of SageMaker hosting: architecture, vCPU, memory, accelerator, and the Regions that have them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Literal

from ..errors import CatalogError
from ._data import load

Architecture = Literal["arm64", "x86_64"]


@dataclass(frozen=True)
class InstanceType:
    """One hosting instance type. Memory is in GiB; `accelerator` is None for CPU types."""

    name: str
    architecture: Architecture
    vcpu: int
    memory_gib: float
    accelerator: str | None
    accelerators: int

    @property
    def family(self) -> str:
        """The part between `ml.` and the size: c7g of ml.c7g.large."""
        return self.name.split(".")[1]


@cache
def instance(name: str) -> InstanceType:
    """Return the facts of the hosting type `name`, for instance ml.c7g.large.

    Raises CatalogError for a type that SageMaker hosting does not have, with near names, and for the few
    whose size is published nowhere we may read.
    """
    data = load("instances")
    row = data["types"].get(name)
    if row is None:
        if name in data["unknown"]:
            raise CatalogError(f"{name} is a hosting type, but its vCPU and memory are not in the catalog")
        near = get_close_matches(name, data["types"], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise CatalogError(f"{name} is not an instance type of SageMaker hosting{hint}")
    return InstanceType(name, row["architecture"], row["vcpu"], row["memory_gib"], row["accelerator"], row["accelerators"])


def is_hosting_type(name: str) -> bool:
    """Return whether the API of SageMaker hosting accepts `name`."""
    data = load("instances")
    return name in data["types"] or name in data["unknown"]


@cache
def in_region(region: str) -> frozenset[str] | None:
    """Return the hosting types of `region`, or None for a Region whose price list is not in the catalog."""
    types = load("hosting_regions")["regions"].get(region)
    return None if types is None else frozenset(types)


@cache
def regions() -> tuple[str, ...]:
    """Return the Regions whose hosting types are known."""
    return tuple(sorted(load("hosting_regions")["regions"]))


@cache
def cpu_candidates(architecture: Architecture, region: str | None) -> tuple[InstanceType, ...]:
    """Return the CPU types the planner may choose in `region`, smallest first within the preferred families.

    The order of the families is data (preferences.json): newest Graviton first, burstable and
    previous generations left out.
    """
    families: list[str] = load("preferences")["families"][architecture]
    available = in_region(region) if region else None
    known = [instance(name) for name in load("instances")["types"]]
    chosen = [
        item for item in known if item.family in families and (available is None or item.name in available)
    ]  # fmt: skip
    return tuple(sorted(chosen, key=lambda item: (item.vcpu, item.memory_gib, families.index(item.family))))


def why_graviton() -> str:
    """Return AWS's claim on Graviton against x86, as it stands in preferences.json."""
    return str(load("preferences")["why"]["arm64_over_x86_64"])
