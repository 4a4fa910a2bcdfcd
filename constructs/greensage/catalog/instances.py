"""Instance types of SageMaker hosting: architecture, vCPU, memory, accelerator, and the Regions that have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Literal, cast

from ..errors import CatalogError
from ._data import load

Architecture = Literal["arm64", "x86_64"]
Processor = Literal["cpu", "gpu", "inf1", "neuronx"]
_NEURON = {"inf1": "inf1", "inf2": "neuronx", "trn1": "neuronx", "trn1n": "neuronx", "trn2": "neuronx"}


@dataclass(frozen=True)
class InstanceType:
    """One hosting instance type. Memory is in GiB; `accelerator` is None for CPU types."""

    name: str
    architecture: Architecture
    vcpu: int
    memory_gib: float
    accelerator: str | None
    accelerators: int

    @cached_property
    def family(self) -> str:
        """The part between `ml.` and the size: c7g of ml.c7g.large."""
        return self.name.split(".")[1]

    @cached_property
    def processor(self) -> Processor:
        """What the container must be built for: cpu, gpu, inf1 or neuronx (Inferentia 2 and Trainium)."""
        return cast(Processor, _NEURON.get(self.family, "gpu" if self.accelerator else "cpu"))

    @property
    def feature(self) -> str | None:
        """The row of the capability matrix that this silicon belongs to; None for x86 CPUs."""
        if self.processor == "cpu":
            return "graviton" if self.architecture == "arm64" else None
        return {"gpu": "gpu", "inf1": "inf1", "neuronx": "inf2"}[self.processor]


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
        near = get_close_matches(name, list[str](data["types"]), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise CatalogError(f"{name} is not an instance type of SageMaker hosting{hint}")
    return InstanceType(name, row["architecture"], row["vcpu"], row["memory_gib"], row["accelerator"], row["accelerators"])


def is_burstable(name: str) -> bool:
    """Return whether `name` is of a T family, which cannot be autoscaled (and trn1 is none)."""
    return re.match(r"^ml\.t\d", name) is not None


def is_hosting_type(name: str) -> bool:
    """Return whether the API of SageMaker hosting accepts `name`."""
    data = load("instances")
    return name in data["types"] or name in data["unknown"]


def hosting_types() -> tuple[str, ...]:
    """Return the names of all types whose size is known."""
    return tuple(load("instances")["types"])


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
def candidates(silicon: str, region: str | None, *, batch: bool = False) -> tuple[InstanceType, ...]:
    """Return the types the planner may choose in `region`, smallest first within the preferred families.

    `silicon` is a row of preferences.json: arm64, x86_64, gpu, inf1, inf2 or trainium. `batch` leaves what batch
    transform does not have. The order of the families is data: newest first, burstable and previous generations out.
    """
    families = preferred(silicon)
    available = in_region(region) if region else None
    allowed = batch_types() if batch else None
    known = [instance(name) for name in load("instances")["types"]]
    chosen = [
        item
        for item in known
        if item.family in families
        # The price list's hosting types say nothing about batch; its own list does, below.
        and (available is None or item.name in available or batch)
        and (allowed is None or item.name in allowed)
    ]
    return tuple(sorted(chosen, key=lambda item: (item.vcpu, item.memory_gib, families.index(item.family))))


def preferred(silicon: str) -> tuple[str, ...]:
    """Return the families that the planner chooses among for `silicon`, a row of preferences.json."""
    return tuple(load("preferences")["families"][silicon])


@cache
def batch_types() -> frozenset[str]:
    """Return the types of batch transform, which are fewer than those of hosting."""
    return frozenset(load("instances")["transform"])


def why_graviton() -> str:
    """Return AWS's claim on Graviton against x86, as it stands in preferences.json."""
    return str(load("preferences")["why"]["arm64_over_x86_64"])


def inference_ami(processor: Processor) -> str | None:
    """Return the host image that `processor` needs instead of SageMaker's default, or None."""
    return load("preferences")["inference_ami"].get(processor)


def local_storage(instance_type: str) -> bool:
    """Return whether the type has NVMe disks, for which SageMaker refuses a volume key (c6gd, m5d, g4dn, …)."""
    family = instance_type.split(".")[1]
    # Not just "t" for Trainium: t2 has no disks.
    return family.endswith("d") or family[:2] in ("g4", "g5", "g6", "g7", "p4", "p5", "p6", "tr")
