"""From what a plan decided to the month it runs: one Usage per endpoint or job."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalog import traffic
from ..catalog.instances import instance
from ..catalog.kinds import hosting_kind
from ..catalog.power import speed
from ..footprint import kinds
from ..footprint.demand import Demand, clock_of, containers_mb, demand_of, jobs_per_day
from ..footprint.usage import Usage
from ..spec import InferenceComponentHosting, ModelSpec, ServerlessHosting
from .dashboard import METRICS_OF_ALARMS
from .placement import Share, capacity_of, place
from .types import GroupPlan, Kind, ModelPlan

# Target tracking keeps two alarms; a guarded deployment watches errors of two kinds, and latency if the SLA names one.
_OF_SCALING, _OF_DEPLOYMENT = 2, 2


def usage_of(model: ModelPlan) -> Usage:
    """Return the month of a model with hosting of its own."""
    spec, scaling = model.spec, model.scaling
    size = Size(model.instance_type, model.memory_mb or 0)
    if scaling is None:
        return usage_alone(model.kind, spec, demand_of(spec), model.region, size)
    most = getattr(spec.hosting, "max_instances", None)
    size = replace(size, floor=scaling.min_instances, utilisation=scaling.utilisation, most=most)
    return usage_alone(model.kind, spec, demand_of(spec), model.region, size)


@dataclass(frozen=True)
class Size:
    """How large a hosting is: an instance type with its floor, its most and how busy it may be, or the memory of serverless."""

    instance_type: str | None
    memory_mb: int = 0
    floor: int = 0
    utilisation: float = traffic.TARGET_UTILISATION
    most: int | None = None


def usage_alone(kind: Kind, spec: ModelSpec, demand: Demand, region: str, size: Size) -> Usage:
    """Return the month of a model of `kind` that shares with nobody: for what was planned, and for what might be."""
    row = hosting_kind(kind)
    if row.runs_on == "devices":
        return kinds.stored_only(demand, region)
    if row.runs_on == "memory":
        hosting = spec.hosting
        warm = hosting.provisioned_concurrency if isinstance(hosting, ServerlessHosting) else None
        return kinds.serverless(demand, region, size.memory_mb, warm or 0)
    item = size.instance_type
    assert item is not None
    if row.answers == "files":
        return kinds.batch(demand, region, item, jobs_per_day(spec), getattr(spec.hosting, "instances", 1))
    if row.answers == "queued":
        return kinds.asynchronous(demand, region, item, size.floor, size.most)
    shares = traffic_shares(spec)
    return kinds.always_on(demand, region, item, size.floor, utilisation=size.utilisation, shares=shares, most=size.most)


def traffic_shares(spec: ModelSpec) -> tuple[float, ...]:
    """Return the parts of the traffic of the main variant, of the others by weight, and of a shadow, which gets copies."""
    weights = (getattr(spec.hosting, "weight", 1.0), *(item.weight for item in spec.variants))
    parts = tuple(weight / sum(weights) for weight in weights)
    return (*parts, spec.shadow.traffic_percent / 100) if spec.shadow else parts


def copies_needed(spec: ModelSpec, demand: Demand, instance_type: str) -> int:
    """Return how many copies of a component carry its peak on `instance_type`, within what its file allows."""
    hosting = spec.hosting
    if not isinstance(hosting, InferenceComponentHosting):
        return 1
    # Of a CPU the cores that a copy reserves work, of an accelerator its devices.
    each = (hosting.accelerators or hosting.cpu_cores) * speed(instance_type).value * traffic.TARGET_UTILISATION
    wanted = math.ceil(demand.peak * demand.cpu_seconds / each - 1e-9)
    return min(max(wanted, hosting.min_copies, 1), hosting.max_copies)


def group_usage(group: GroupPlan, members: Sequence[ModelSpec]) -> Usage:
    """Return the month of an endpoint that `members` share."""
    demands = [demand_of(spec) for spec in members]
    floor = group.scaling.min_instances
    if hosting_kind(group.kind).shares == "copies":
        count = min(_instances_of_copies(group, members, demands), group.scaling.max_instances)
        return kinds.components(demands, group.region, group.instance_type, floor, count)
    clocks = [clock_of(spec.traffic) for spec in members]
    utilisation = group.scaling.utilisation
    return kinds.shared(demands, clocks, group.region, group.instance_type, floor, utilisation=utilisation)


def _instances_of_copies(group: GroupPlan, members: Sequence[ModelSpec], demands: Sequence[Demand]) -> int:
    """How many instances hold the copies that the load needs; the plan's placement is of as many as may come."""
    copies: dict[Share, int] = {}
    for spec, demand in zip(members, demands, strict=True):
        hosting = spec.hosting
        if isinstance(hosting, InferenceComponentHosting):
            share = Share(spec.name, reserved_mb(spec), hosting.cpu_cores, hosting.accelerators)
            copies[share] = copies_needed(spec, demand, group.instance_type)
    return max(1, len(place(copies, capacity_of(instance(group.instance_type))).instances))


def reserved_mb(spec: ModelSpec) -> float:
    """Return the memory in MB that one copy of a component reserves: as the file says, or as estimated."""
    named = getattr(spec.hosting, "memory_mb", None)
    return float(named or round(containers_mb(spec)))


def alarms_of(host: ModelPlan | GroupPlan) -> int:
    """Return how many alarms an endpoint has: of scaling, of a guarded deployment and of a dashboard of its own."""
    scaling, deployment = host.scaling, host.deployment
    own = METRICS_OF_ALARMS if host.dashboard else 0
    if isinstance(host, GroupPlan) and hosting_kind(host.kind).shares == "copies":
        return _OF_SCALING * len(host.members) + own
    scaled = _OF_SCALING if scaling and scaling.min_instances != scaling.max_instances else 0
    watched = _OF_DEPLOYMENT + (deployment.max_latency_ms is not None) if deployment else 0
    variants = len(traffic_shares(host.spec)) if isinstance(host, ModelPlan) else 1
    return (scaled + watched) * variants + own
