"""Models that could share an endpoint, and what one endpoint for some of them would take."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from ..catalog import traffic
from ..catalog.instances import Architecture, InstanceType, candidates
from ..catalog.kinds import hosting_kind
from ..catalog.power import speed
from ..footprint.demand import Demand, clock_of, container_mb, loaded_mb
from ..footprint.estimate import mid_figures
from ..footprint.kinds import NO_WORK, added, instances_needed, shared_levels
from ..footprint.usage import Level, Usage
from ..spec import ModelSpec
from .choose import rounded
from .latency import answers_in_time, floor_ms, usable_utilisation
from .types import Kind

_EACH_HOUR = tuple(range(24))
_ONCE = (1,) * 24
_NOTHING = Usage("", 0.0)


@dataclass(frozen=True)
class Member:
    """One model as a tenant. `alone_g` is the carbon a month of the best it can have for itself.

    `hours` are the hours of the day to look at: all, or one of each sort (see `hour_classes`).
    """

    spec: ModelSpec
    demand: Demand
    alone_g: float = 0.0
    hours: tuple[int, ...] = _EACH_HOUR

    @cached_property
    def container_mb(self) -> float:
        """Memory with a server of its own."""
        return container_mb(self.spec.model)

    @cached_property
    def model_mb(self) -> float:
        """Memory in a server that others use too."""
        return loaded_mb(self.spec.model)

    def least_mb(self, kind: Kind) -> float:
        """Memory beside others on an endpoint of `kind`."""
        return self.model_mb if hosting_kind(kind).shares == "server" else self.container_mb

    @cached_property
    def work(self) -> tuple[float, ...]:
        """CPU seconds a second on an m5 vCPU, by the hour of the day."""
        seconds, clock = self.demand.cpu_seconds, self.clock
        return tuple([clock[hour][0] * seconds for hour in self.hours])

    @cached_property
    def peak(self) -> tuple[float, ...]:
        """The same at the busiest moment of each hour."""
        seconds, clock = self.demand.cpu_seconds, self.clock
        return tuple([clock[hour][1] * seconds for hour in self.hours])

    @cached_property
    def clock(self) -> tuple[tuple[float, float], ...]:
        """Rate and peak of each of the 24 hours."""
        return clock_of(self.spec.traffic)


def hour_classes(members: Sequence[Member]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return one hour of each sort that the members' days have, and how many of that sort there are: few, so packing is fast."""
    sorts: dict[tuple[tuple[float, float], ...], list[int]] = {}
    for hour in _EACH_HOUR:
        sorts.setdefault(tuple(member.clock[hour] for member in members), []).append(hour)
    return tuple(hours[0] for hours in sorts.values()), tuple(len(hours) for hours in sorts.values())


@dataclass(frozen=True)
class Tenants:
    """Members of one endpoint, with their sums, so that trying one more is cheap."""

    kind: Kind
    members: tuple[Member, ...] = ()
    weights: tuple[int, ...] = _ONCE
    memory_mb: float = 0.0
    work: tuple[float, ...] = ()
    peak: tuple[float, ...] = ()
    bytes: Usage = _NOTHING
    floor: int = 1
    strictest_ms: float = math.inf
    slowest: Demand | None = None
    alone_g: float = 0.0

    @classmethod
    def of(cls, kind: Kind, members: Sequence[Member], weights: tuple[int, ...] = _ONCE) -> Tenants:
        """Return all `members` together."""
        found = cls(kind, weights=weights)
        for member in members:
            found = found.plus(member)
        return found

    def plus(self, member: Member) -> Tenants:
        """Return the tenants with one more."""
        sla, demand, sums = member.spec.sla, member.demand, self.bytes
        slower = self.slowest is None or demand.cpu_seconds_high > self.slowest.cpu_seconds_high
        return Tenants(
            self.kind,
            (*self.members, member),
            self.weights,
            self.memory_with(member),
            added(self.work, member.work) if self.members else member.work,
            added(self.peak, member.peak) if self.members else member.peak,
            Usage(
                "", sums.requests + demand.requests, stored_gb=sums.stored_gb + demand.artifact_gb,
                logs_gb=sums.logs_gb + demand.logs_gb, network_gb=sums.network_gb + demand.network_gb,
            ),
            max(self.floor, sla.instances_kept),
            min(self.strictest_ms, sla.latency_p95_ms or math.inf),
            demand if slower else self.slowest,
            self.alone_g + member.alone_g,
        )  # fmt: skip

    def memory_with(self, member: Member) -> float:
        """Return the memory in MB with one more: a container each, or one server and a model each."""
        return self.memory_mb + (member.least_mb(self.kind) if self.members else member.container_mb)

    def fit(self, item: InstanceType) -> bool:
        """Return whether one instance of `item` holds them all and every SLA's latency can be kept."""
        return self.memory_mb <= usable_mb(item) and self._in_time(item) and self.utilisation(item) > 0

    def _in_time(self, item: InstanceType) -> bool:
        return self.slowest is None or answers_in_time(self.kind, floor_ms(self.slowest, item))

    def utilisation(self, item: InstanceType) -> float:
        """Return how busy `item` may be for the strictest SLA, by the slowest member; 0 where it cannot be kept."""
        if self.slowest is None:
            return traffic.TARGET_UTILISATION
        wanted = None if math.isinf(self.strictest_ms) else self.strictest_ms
        return usable_utilisation(self.slowest.cpu_seconds_high, self.slowest.parallel, item, wanted)

    def instances(self, item: InstanceType) -> int:
        """Return how many instances of `item` the busiest moment needs."""
        # Where no utilisation keeps the SLA, it is sized as without one; the plan says that it is not kept.
        return instances_needed(item.name, max(self.peak), 1.0, self.utilisation(item) or traffic.TARGET_UTILISATION)

    def usage(self, region: str, item: InstanceType) -> Usage:
        """Return the endpoint's month on `item`."""
        return self._month(region, item, self.work, self.peak, self.floor)

    def usage_without(self, member: Member, region: str, item: InstanceType) -> Usage:
        """Return the month on `item` if `member` left."""
        others = (other.spec.sla.instances_kept for other in self.members if other is not member)
        # Only a member that asks for the floor can lower it by leaving.
        floor = max(others, default=1) if member.spec.sla.instances_kept == self.floor else self.floor
        work, peak = _without(self.work, member.work), _without(self.peak, member.peak)
        return self._month(region, item, work, peak, floor)

    def _month(self, region: str, item: InstanceType, work: Sequence[float], peak: Sequence[float], floor: int) -> Usage:
        busy = self.utilisation(item) or traffic.TARGET_UTILISATION
        weights = self.weights if self.members else ()
        levels = shared_levels(work, peak, item.name, floor, utilisation=busy, weights=weights)
        sums = self.bytes
        return Usage(
            region, sums.requests, item.name, levels, None, sums.stored_gb, sums.logs_gb, sums.logs_kept_gb, sums.network_gb
        )


def _without(both: Sequence[float], own: Sequence[float]) -> list[float]:
    return [max(0.0, difference) for difference in map(operator.sub, both, own)]


def usable_mb(item: InstanceType) -> float:
    """Return the memory in MB that servers and models may fill."""
    return traffic.usable_memory_mb(item.memory_gib)


@cache
def slowest_types(architecture: Architecture, region: str) -> tuple[InstanceType, ...]:
    """Return the types on which an answer may take longest: no other has both cores as slow and as few."""
    kept: dict[int, InstanceType] = {}
    for item in sorted(candidates(architecture, region), key=lambda item: speed(item.name).value):
        if item.vcpu < min(kept, default=math.inf):
            kept[item.vcpu] = item
    return tuple(kept.values())


def best_type(tenants: Tenants, region: str, offered: Sequence[InstanceType]) -> tuple[InstanceType, float] | None:
    """Return the type of `offered` on which the tenants take the least carbon, and that carbon in grams; None if none fits."""
    fitting = [item for item in offered if tenants.fit(item)]
    if not fitting:
        return None
    carbon = [figures.carbon_g for figures in mid_figures([tenants.usage(region, item) for item in fitting])]
    # Equal ones go by the order offered, so that equal input gives an equal plan.
    index = min(range(len(fitting)), key=lambda i: (rounded(carbon[i]), i))
    return fitting[index], carbon[index]


def packing_bound_g(tenants: Tenants, region: str, offered: Sequence[InstanceType]) -> tuple[float, float]:
    """Return two carbons a month in grams, both idle: what no packing of the tenants goes below, and one best endpoint.

    The bound is the linear relaxation: their memory, in fractions of whichever type holds a MB with the least carbon; and
    no endpoint is smaller than the greenest type.
    """
    idle = [(item, idle_g(region, item)) for item in offered]
    per_mb = min(grams / usable_mb(item) for item, grams in idle)
    smallest = min(grams for _, grams in idle)
    own = min((grams for item, grams in idle if tenants.fit(item)), default=0.0)
    return max(per_mb * tenants.memory_mb, smallest) * tenants.floor, own * tenants.floor


@cache
def is_greener(item: InstanceType, region: str, other: str) -> bool:
    """Return whether an instance of `item` takes less carbon in `region` than in `other`, idle and busy."""
    return all(_month_g(region, item, load) < _month_g(other, item, load) for load in (0.0, 1.0))


def _month_g(region: str, item: InstanceType, load: float) -> float:
    return mid_figures([Usage(region, 0, item.name, (Level(1.0, 1, load),))])[0].carbon_g


@cache
def idle_g(region: str, item: InstanceType) -> float:
    """Return the carbon of a month of one idle instance, in grams."""
    idle = Usage(region, 0, item.name, shared_levels(NO_WORK, NO_WORK, item.name, 1))
    return mid_figures([idle])[0].carbon_g


def worth_packing_on(region: str, offered: Sequence[InstanceType], memory_mb: float) -> list[InstanceType]:
    """Return the types to try for `memory_mb` in all: none that another beats in memory, in speed and in carbon when idle.

    Types larger than twice the smallest that holds all are left out: they would only be emptier.
    """
    ranked = sorted(offered, key=lambda item: (idle_g(region, item), -item.memory_gib))
    kept: list[InstanceType] = []
    for item in ranked:
        if not any(_at_least(other, item) for other in kept):
            kept.append(item)
    enough = min((item.memory_gib for item in kept if usable_mb(item) >= memory_mb), default=math.inf)
    return [item for item in kept if item.memory_gib <= 2 * enough]


def _at_least(other: InstanceType, item: InstanceType) -> bool:
    """Whether `other`, which idles for no more, has as much memory, as many cores and cores as fast."""
    fast = speed(other.name).value >= speed(item.name).value
    return fast and other.memory_gib >= item.memory_gib and other.vcpu >= item.vcpu
