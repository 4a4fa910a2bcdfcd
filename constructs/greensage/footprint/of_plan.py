"""From what a plan decided to the month it runs: one Usage per endpoint or job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..catalog import traffic
from ..planner.types import GroupPlan, ModelPlan
from ..spec import BatchHosting, ModelSpec, ServerlessHosting
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
    """Return how many batch jobs start a day: by the schedule's hours and minutes, else the assumption."""
    hosting = spec.hosting
    schedule = hosting.schedule if isinstance(hosting, BatchHosting) else None
    if schedule is None:
        return traffic.BATCH_JOBS_PER_DAY
    if rate := re.match(r"rate\((\d+) (minute|hour|day)", schedule):
        each = int(rate[1]) * {"minute": 1, "hour": 60, "day": 1440}[rate[2]]
        return 1440 / each
    return _cron_per_day(schedule.removeprefix("cron(").removesuffix(")").split())


_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def _cron_per_day(parts: list[str]) -> float:
    """Runs a day on average, of AWS's six fields: minute, hour, day of month, month, day of week, year."""
    minute, hour, day, month, weekday, *_ = [*parts, *["*"] * 6][:6]
    for index, name in enumerate(_WEEK, start=1):
        weekday = weekday.upper().replace(name, str(index))
    share = min(_times(day, 30) / 30, _times(weekday, 7) / 7) * _times(month, 12) / 12
    return _times(minute, 60) * _times(hour, 24) * share


def _times(field: str, span: int) -> int:
    """How often a cron field fires in its span: `*`, `?`, `*/15`, `8-18`, `1,2` or one value; L, W and # count once."""
    return min(span, sum(_fires(part, span) for part in field.split(",")))


def _fires(part: str, span: int) -> int:
    body, _, step = part.partition("/")
    first, dash, last = body.partition("-")
    if body in ("*", "?"):
        count = span
    elif dash and first.isdigit() and last.isdigit():
        count = (int(last) - int(first)) % span + 1
    else:
        count = span - int(first) if step and first.isdigit() else 1
    return -(-count // int(step)) if step.isdigit() and int(step) else max(1, count)


def _alarms(host: ModelPlan | GroupPlan) -> int:
    scaling, deployment = host.scaling, host.deployment
    scaled = _OF_SCALING if scaling and scaling.min_instances != scaling.max_instances else 0
    watched = _OF_DEPLOYMENT + (deployment.max_latency_ms is not None) if deployment else 0
    return scaled + watched
