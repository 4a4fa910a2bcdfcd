"""What a plan makes beside its hosts, model by model: captures, watching, retraining, the network of a VPC, the platform."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, replace

from ..catalog import drift
from ..catalog.figures import DAYS_PER_MONTH, HOURS_PER_MONTH
from ..catalog.kinds import hosting_kind
from ..core import defaults
from ..footprint import beside
from ..footprint.demand import demand_of, payload_kb
from ..footprint.usage import Serverless, Usage
from .types import GroupPlan, ImagePlan, ModelPlan, Plan
from .usage import alarms_of

Beside = tuple[str, Usage]
PLATFORM = "platform"
_HOURS = {"rate(1 hour)": 1, "rate(1 day)": 24, "rate(7 days)": 168}


def beside_of(model: ModelPlan) -> tuple[Beside, ...]:
    """Return what the model's own file makes beside its host, by name."""
    return (*_capture(model), *_monitoring(model), *_retraining(model))


def shared_beside(plan: Plan) -> dict[str, tuple[Beside, ...]]:
    """Return what models make together, divided equally: alarms, the endpoints of a VPC, and the platform of a Region."""
    found: dict[str, list[Beside]] = {model.name: [] for model in plan.models}
    for model in plan.models:
        host = plan.group_of(model) or model
        members = len(host.members) if isinstance(host, GroupPlan) else 1
        alarms = alarms_of(host) / members
        if alarms:
            found[model.name].append(("alarms", beside.observed(alarms, host.dashboard / members, model.region)))
    networks = [(model, key) for model in plan.models if (key := _network(model)) is not None]
    users = Counter(key for _, key in networks)
    for model, key in networks:
        spec = model.spec
        zones = spec.vpc.zones if spec.vpc and spec.vpc.tags else min(len(spec.vpc.subnets) if spec.vpc else 0, 3) or 2
        whole = beside.attached(zones, demand_of(spec).logs_gb * users[key], model.region)
        found[model.name].append(("VPC endpoints", _divided(whole, users[key])))
    in_region = Counter(model.region for model in plan.models)
    for region, count in in_region.items():
        images = {(image.architecture, image.engine) for image in _images(plan, region)}
        whole = _divided(beside.platform(len(images), region), count)
        for model in plan.models:
            if model.region == region:
                found[model.name].append((PLATFORM, whole))
    return {name: tuple(rows) for name, rows in found.items()}


def _images(plan: Plan, region: str) -> list[ImagePlan]:
    hosts = [group for group in plan.groups if group.region == region]
    alone = [model for model in plan.models if model.region == region and plan.group_of(model) is None]
    images = [*(group.image for group in hosts), *(model.image for model in alone)]
    return [image for image in images if image.origin == "serving"]


def _capture(model: ModelPlan) -> tuple[Beside, ...]:
    spec, watched = model.spec, model.monitoring
    if spec.capture is None and watched is None:
        return ()
    percent = watched.sample_percent if watched else spec.capture.sample_percent if spec.capture else 0
    by = watched.captured_by if watched else hosting_kind(model.kind).captured_by
    days = watched.capture_days if watched else spec.capture.days if spec.capture else defaults.CAPTURE_DAYS
    demand = demand_of(spec)
    hours = sum(item.hours for item in demand.hours if item.rate) * DAYS_PER_MONTH
    usage = beside.captured(
        demand.requests * percent / 100, payload_kb(spec), days, model.region, by_container=by == "container", hours=hours,
        encrypted=spec.kms_key_arn is not None, reads=_reads(model),
    )  # fmt: skip
    return (("capture", usage),)


def _reads(model: ModelPlan) -> float:
    """How often a captured file is read at most: when it is new, with few rows once more, and while labels may come."""
    part, watched = model.spec.drift, model.monitoring
    if part is None or watched is None:
        return 0.0
    return 1.0 + (part.label_days * 24 / _HOURS[watched.schedule] if part.kpi else 1.0)


def _monitoring(model: ModelPlan) -> tuple[Beside, ...]:
    watched = model.monitoring
    if watched is None:
        return ()
    evaluations = HOURS_PER_MONTH / _HOURS[watched.schedule]
    metrics = model.spec.drift is not None and model.spec.drift.metrics
    rows = demand_of(model.spec).requests * watched.sample_percent / 100 / evaluations
    usage = beside.watched(evaluations, rows, model.region, metrics=metrics)
    if watched.large_windows and rows * payload_kb(model.spec) / 1000 > drift.limit("large_mb"):
        return (("monitoring", beside.watched(evaluations, 0, model.region, metrics=metrics)),
                ("monitoring jobs", beside.analyzed(evaluations, model.region)))  # fmt: skip
    return (("monitoring", usage),)


def _retraining(model: ModelPlan) -> tuple[Beside, ...]:
    asked = model.spec.retraining
    if asked is None or asked.dry_run:
        return ()
    instance_type = (asked.instance_types or drift.training_types())[0]
    return (("retraining", beside.retrained(instance_type, model.region)),)


def _network(model: ModelPlan) -> tuple[str, object] | None:
    """Models in the same subnets of a Region share the endpoints of their VPC."""
    vpc = model.spec.vpc
    if vpc is None or hosting_kind(model.kind).runs_on == "devices":
        return None
    return model.region, vpc.file or tuple(sorted(vpc.subnets)) or tuple(sorted(vpc.tags.items()))


def _divided(usage: Usage, count: int) -> Usage:
    return replace(
        usage, levels=tuple(level._replace(hours=level.hours / count) for level in usage.levels),
        serverless=Serverless(*(amount / count for amount in astuple(usage.serverless))) if usage.serverless else None,
        unbilled_stored_gb=usage.unbilled_stored_gb / count,
        services=tuple((name, amount / count) for name, amount in usage.services),
    )  # fmt: skip
