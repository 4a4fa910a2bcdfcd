"""From what a plan decided to the month it runs: one Usage per endpoint or job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalog import traffic
from ..catalog.kinds import hosting_kind
from ..core.cron import runs_per_day
from ..footprint import kinds
from ..footprint.demand import Demand, clock_of, demand_of
from ..footprint.usage import Usage
from ..spec import BatchHosting, ModelSpec, ServerlessHosting
from .dashboard import with_dashboard
from .types import GroupPlan, Kind, ModelPlan

# Target tracking keeps two alarms; a guarded deployment watches errors of two kinds, and latency if the SLA names one.
_OF_SCALING, _OF_DEPLOYMENT = 2, 2


def usage_of(model: ModelPlan) -> Usage:
    """Return the month of a model with hosting of its own."""
    spec, scaling = model.spec, model.scaling
    size = Size(model.instance_type, model.memory_mb or 0)
    if scaling is None:
        return with_dashboard(usage_alone(model.kind, spec, demand_of(spec), model.region, size), model.dashboard)
    size = replace(size, floor=scaling.min_instances, utilisation=scaling.utilisation)
    usage = usage_alone(model.kind, spec, demand_of(spec), model.region, size)
    return with_dashboard(replace(usage, alarms=_alarms(model) * len(traffic_shares(spec))), model.dashboard)


@dataclass(frozen=True)
class Size:
    """How large a hosting is: an instance type with its floor and how busy it may be, or the memory of serverless."""

    instance_type: str | None
    memory_mb: int = 0
    floor: int = 0
    utilisation: float = traffic.TARGET_UTILISATION


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
        return kinds.asynchronous(demand, region, item, size.floor)
    return kinds.always_on(demand, region, item, size.floor, utilisation=size.utilisation, shares=traffic_shares(spec))


def traffic_shares(spec: ModelSpec) -> tuple[float, ...]:
    """Return the parts of the traffic of the main variant, of the others by weight, and of a shadow, which gets copies."""
    weights = (getattr(spec.hosting, "weight", 1.0), *(item.weight for item in spec.variants))
    parts = tuple(weight / sum(weights) for weight in weights)
    return (*parts, spec.shadow.traffic_percent / 100) if spec.shadow else parts


def group_usage(group: GroupPlan, members: Sequence[ModelSpec]) -> Usage:
    """Return the month of an endpoint that `members` share."""
    demands = [demand_of(spec) for spec in members]
    floor = group.scaling.min_instances
    if hosting_kind(group.kind).shares == "copies":
        count = max(1, len(group.placement.instances) if group.placement else 1)
        usage = kinds.components(demands, group.region, group.instance_type, floor, min(count, group.scaling.max_instances))
        return with_dashboard(replace(usage, alarms=_OF_SCALING * len(members)), group.dashboard)
    clocks = [clock_of(spec.traffic) for spec in members]
    utilisation = group.scaling.utilisation
    usage = kinds.shared(demands, clocks, group.region, group.instance_type, floor, utilisation=utilisation)
    return with_dashboard(replace(usage, alarms=_alarms(group)), group.dashboard)


def jobs_per_day(spec: ModelSpec) -> float:
    """Return how many batch jobs start a day: by the schedule, else the assumption."""
    schedule = spec.hosting.schedule if isinstance(spec.hosting, BatchHosting) else None
    return runs_per_day(schedule) if schedule else traffic.BATCH_JOBS_PER_DAY


def _alarms(host: ModelPlan | GroupPlan) -> int:
    scaling, deployment = host.scaling, host.deployment
    scaled = _OF_SCALING if scaling and scaling.min_instances != scaling.max_instances else 0
    watched = _OF_DEPLOYMENT + (deployment.max_latency_ms is not None) if deployment else 0
    return scaled + watched
