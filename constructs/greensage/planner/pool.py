"""Models that could share an endpoint, and what one endpoint for some of them would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from ..catalog import traffic
from ..catalog.instances import InstanceType
from ..footprint.demand import Demand, clock_of, size_mb
from ..footprint.estimate import estimate
from ..footprint.kinds import NO_WORK, added, shared_levels
from ..footprint.usage import Usage
from ..spec import ModelSpec
from .latency import p95_ms
from .types import Kind


@dataclass(frozen=True)
class Member:
    """One model as a tenant. `alone_g` is the carbon a month of the best it can have for itself."""

    spec: ModelSpec
    demand: Demand
    alone_g: float = 0.0

    @cached_property
    def container_mb(self) -> float:
        """Memory with a server of its own."""
        return traffic.memory_mb(self.spec.model.framework, size_mb(self.spec.model))

    @cached_property
    def model_mb(self) -> float:
        """Memory in a server that others use too."""
        return traffic.model_memory_mb(size_mb(self.spec.model))

    @cached_property
    def work(self) -> tuple[float, ...]:
        """CPU seconds a second on an m5 vCPU, by the hour of the day."""
        return tuple(rate * self.demand.cpu_seconds for rate, _ in clock_of(self.spec.traffic))

    @cached_property
    def peak(self) -> tuple[float, ...]:
        """The same at the busiest moment of each hour."""
        return tuple(top * self.demand.cpu_seconds for _, top in clock_of(self.spec.traffic))


@dataclass(frozen=True)
class Tenants:
    """Members of one endpoint, with their sums. `plus` is cheap, so that packing can try one more."""

    kind: Kind
    members: tuple[Member, ...] = ()
    memory_mb: float = 0.0
    work: tuple[float, ...] = NO_WORK
    peak: tuple[float, ...] = NO_WORK

    @classmethod
    def of(cls, kind: Kind, members: Sequence[Member]) -> Tenants:
        """Return all `members` together."""
        found = cls(kind)
        for member in members:
            found = found.plus(member)
        return found

    def plus(self, member: Member) -> Tenants:
        """Return the tenants with one more: a container each, or one server and a model each."""
        one_server = self.kind == "multi-model" and self.members
        memory = self.memory_mb + (member.model_mb if one_server else member.container_mb)
        return Tenants(self.kind, (*self.members, member), memory, added(self.work, member.work), added(self.peak, member.peak))

    @property
    def floor(self) -> int:
        """Instances that the strictest availability keeps."""
        return 2 if any(member.spec.sla.availability == "high" for member in self.members) else 1

    def fit(self, item: InstanceType) -> bool:
        """Return whether one instance of `item` holds them all and every SLA's latency is kept at the busiest hour."""
        if self.memory_mb > item.memory_gib * 1024 * traffic.USABLE_MEMORY:
            return False
        asked = [member.spec.sla.latency_p95_ms for member in self.members if member.spec.sla.latency_p95_ms is not None]
        if not asked:
            return True
        slowest = max(self.members, key=lambda member: member.demand.cpu_seconds)
        return p95_ms(slowest.demand, item, load=max(self.peak)) <= min(asked)

    def usage(self, region: str, item: InstanceType) -> Usage:
        """Return the endpoint's month on `item`."""
        demands = [member.demand for member in self.members]
        return Usage(
            region,
            sum(demand.requests for demand in demands),
            item.name,
            shared_levels(self.work, self.peak, item.name, self.floor),
            stored_gb=sum(demand.artifact_gb for demand in demands),
            logs_gb=sum(demand.logs_gb for demand in demands),
            network_gb=sum(demand.network_gb for demand in demands),
        )


def best_type(tenants: Tenants, region: str, offered: Sequence[InstanceType]) -> tuple[InstanceType, float] | None:
    """Return the type of `offered` on which the tenants take the least carbon, and that carbon in grams; None if none fits."""
    fitting = [item for item in offered if tenants.fit(item)]
    if not fitting:
        return None
    carbon = estimate([tenants.usage(region, item) for item in fitting]).carbon_g[:, 1]
    index = min(range(len(fitting)), key=lambda i: (float(f"{carbon[i]:.6g}"), i))
    return fitting[index], float(carbon[index])


def packing_bound_g(tenants: Tenants, region: str, offered: Sequence[InstanceType]) -> tuple[float, float]:
    """Return two carbons a month in grams, both idle: what no packing of the tenants goes below, and one best endpoint.

    The bound is the linear relaxation: their memory, in fractions of whichever type holds a MB with the least carbon; and
    no endpoint is smaller than the greenest type.
    """
    idle = [(item, _idle_g(region, item)) for item in offered]
    per_mb = min(grams / (item.memory_gib * 1024 * traffic.USABLE_MEMORY) for item, grams in idle)
    smallest = min(grams for _, grams in idle)
    own = min((grams for item, grams in idle if tenants.fit(item)), default=0.0)
    return max(per_mb * tenants.memory_mb, smallest) * tenants.floor, own * tenants.floor


@cache
def _idle_g(region: str, item: InstanceType) -> float:
    """Carbon of a month of one idle instance."""
    idle = Usage(region, 0, item.name, shared_levels(NO_WORK, NO_WORK, item.name, 1))
    return float(estimate([idle]).carbon_g[0, 1])


def frontier(region: str, offered: Sequence[InstanceType]) -> list[InstanceType]:
    """Return the types that no other beats in both memory and carbon when idle: all that packing has to try."""
    ranked = sorted(((_idle_g(region, item), item) for item in offered), key=lambda row: (row[0], -row[1].memory_gib))
    kept: list[InstanceType] = []
    for _, item in ranked:
        if not kept or item.memory_gib > kept[-1].memory_gib:
            kept.append(item)
    return kept
