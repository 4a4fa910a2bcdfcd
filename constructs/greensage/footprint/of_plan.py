"""From what a plan decided to the month it runs: one Usage per endpoint or job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..catalog import traffic
from ..planner.types import GroupPlan, ModelPlan
from ..spec import BatchHosting, ModelSpec, ServerlessHosting
from ..spec.cron import runs_per_day
from . import kinds
from .demand import clock_of, demand_of
from .usage import Usage

# Target tracking keeps two alarms; a guarded deployment watches errors of two kinds, and latency if the SLA names one.
_OF_SCALING, _OF_DEPLOYMENT = 2, 2


def usage_of(model: ModelPlan) -> Usage:
    """Return the month of a model with hosting of its own."""
    spec, region, item = model.spec, model.region, model.instance_type
    demand = demand_of(spec)
    if model.kind == "edge":
        return kinds.stored_only(demand, region)
    if model.kind == "serverless":
        hosting = spec.hosting
        warm = hosting.provisioned_concurrency if isinstance(hosting, ServerlessHosting) else None
        return kinds.serverless(demand, region, model.memory_mb or 0, warm or 0)
    assert item is not None
    if model.kind == "batch":
        return kinds.batch(demand, region, item, jobs_per_day(spec), getattr(spec.hosting, "instances", 1))
    assert model.scaling is not None
    floor, alarms = model.scaling.min_instances, _alarms(model)
    if model.kind == "asynchronous":
        return replace(kinds.asynchronous(demand, region, item, floor), alarms=alarms)
    shares = traffic_shares(spec)
    usage = kinds.always_on(demand, region, item, floor, utilisation=model.scaling.utilisation, shares=shares)
    return replace(usage, alarms=alarms * len(shares))


def traffic_shares(spec: ModelSpec) -> tuple[float, ...]:
    """Return the parts of the traffic of the main variant, of the others by weight, and of a shadow, which gets copies."""
    weights = (getattr(spec.hosting, "weight", 1.0), *(item.weight for item in spec.variants))
    parts = tuple(weight / sum(weights) for weight in weights)
    return (*parts, spec.shadow.traffic_percent / 100) if spec.shadow else parts


def group_usage(group: GroupPlan, members: Sequence[ModelSpec]) -> Usage:
    """Return the month of an endpoint that `members` share."""
    demands = [demand_of(spec) for spec in members]
    floor = group.scaling.min_instances
    if group.kind == "inference-components":
        count = max(1, len(group.placement.instances) if group.placement else 1)
        usage = kinds.components(demands, group.region, group.instance_type, floor, min(count, group.scaling.max_instances))
        return replace(usage, alarms=_OF_SCALING * len(members))
    clocks = [clock_of(spec.traffic) for spec in members]
    utilisation = group.scaling.utilisation
    usage = kinds.shared(demands, clocks, group.region, group.instance_type, floor, utilisation=utilisation)
    return replace(usage, alarms=_alarms(group))


def jobs_per_day(spec: ModelSpec) -> float:
    """Return how many batch jobs start a day: by the schedule, else the assumption."""
    schedule = spec.hosting.schedule if isinstance(spec.hosting, BatchHosting) else None
    return runs_per_day(schedule) if schedule else traffic.BATCH_JOBS_PER_DAY


def _alarms(host: ModelPlan | GroupPlan) -> int:
    scaling, deployment = host.scaling, host.deployment
    scaled = _OF_SCALING if scaling and scaling.min_instances != scaling.max_instances else 0
    watched = _OF_DEPLOYMENT + (deployment.max_latency_ms is not None) if deployment else 0
    return scaled + watched
