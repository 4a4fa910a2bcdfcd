"""Fits inference components onto instances: first-fit decreasing over memory, cores and accelerators."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..catalog import traffic
from ..catalog.instances import InstanceType


@dataclass(frozen=True)
class Share:
    """What one copy of a component reserves: memory in MB, CPU cores, whole accelerators."""

    name: str
    memory_mb: float
    cpu_cores: float
    accelerators: int = 0

    @property
    def needs(self) -> tuple[float, float, float]:
        """The three dimensions in a row."""
        return self.memory_mb, self.cpu_cores, float(self.accelerators)


@dataclass(frozen=True)
class Placement:
    """Copies by instance. `lower_bound` is the number of instances that no packing can go below."""

    instances: tuple[tuple[str, ...], ...]
    lower_bound: int

    def __str__(self) -> str:
        rows = [f"{index}: {', '.join(names)}" for index, names in enumerate(self.instances, start=1)]
        gap = "" if len(self.instances) == self.lower_bound else f" (no packing needs fewer than {self.lower_bound})"
        return f"{len(self.instances)} instance{'s' if len(self.instances) != 1 else ''}{gap} - {'; '.join(rows)}"


@dataclass
class _Open:
    free: list[float]
    names: list[str] = field(default_factory=list[str])


def capacity_of(item: InstanceType) -> tuple[float, float, float]:
    """Return what components may reserve on `item`: memory in MB (less an assumed reserve), cores, accelerators."""
    return traffic.usable_memory_mb(item.memory_gib), float(item.vcpu), float(item.accelerators)


def fits(share: Share, capacity: tuple[float, float, float]) -> bool:
    """Return whether one copy fits an empty instance."""
    return all(need <= room for need, room in zip(share.needs, capacity, strict=True))


def place(copies: dict[Share, int], capacity: tuple[float, float, float]) -> Placement:
    """Return a placement of all `copies` (share to number of copies) on instances of `capacity`.

    Raises ValueError, naming it, for a share that fits no instance. Deterministic; the largest come first.
    """
    for share in copies:
        if not fits(share, capacity):
            raise ValueError(
                f"{share.name} needs {share.memory_mb:,.0f} MB, {share.cpu_cores:g} cores and {share.accelerators} accelerators; "
                f"an instance offers {capacity[0]:,.0f} MB, {capacity[1]:g} cores and {capacity[2]:g}"
            )
    ordered = sorted(copies.items(), key=lambda row: (-_weight(row[0], capacity), row[0].name))
    instances: list[_Open] = []
    for share, count in ordered:
        for _ in range(count):
            _put(share, instances, capacity)
    return Placement(tuple(tuple(item.names) for item in instances), _lower_bound(copies, capacity))


def _put(share: Share, instances: list[_Open], capacity: tuple[float, float, float]) -> None:
    target = next((item for item in instances if all(n <= f for n, f in zip(share.needs, item.free, strict=True))), None)
    if target is None:
        target = _Open(list(capacity))
        instances.append(target)
    target.free = [room - need for room, need in zip(target.free, share.needs, strict=True)]
    target.names.append(share.name)


def _weight(share: Share, capacity: tuple[float, float, float]) -> float:
    # By the dimension that it fills most: the scarcest one decides how many fit.
    return max(need / room if room else 0.0 for need, room in zip(share.needs, capacity, strict=True))


def _lower_bound(copies: dict[Share, int], capacity: tuple[float, float, float]) -> int:
    totals = [sum(share.needs[i] * count for share, count in copies.items()) for i in range(3)]
    # Sums of floats may end just above a whole number, which must not ask for one instance more.
    return max((math.ceil(total / room - 1e-9) for total, room in zip(totals, capacity, strict=True) if room), default=0)
