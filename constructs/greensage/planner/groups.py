"""The endpoints that models share: one per group, sized for all its members, whatever kind shares them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ..catalog import capabilities, limits, traffic
from ..catalog.instances import InstanceType, candidates
from ..errors import PlanError, Problem
from .context import Request
from .placement import Placement, Share, capacity_of, place
from .refusals import check_silicon
from .rollout import choose_deployment
from .size import choose_instance, choose_scaling, named_instance
from .types import Choice, ContainerPlan, GroupPlan, ModelPlan, ScalingPlan

Planned = tuple[Request, ModelPlan]


def plan_groups(planned: Sequence[Planned]) -> tuple[tuple[GroupPlan, ...], list[Problem]]:
    """Return a GroupPlan for each group and kind that shares, and what keeps members apart."""
    members = sorted((pair for pair in planned if capabilities.shares(pair[1].kind)), key=_group_of)
    groups: list[GroupPlan] = []
    problems: list[Problem] = []
    for (name, _), pairs in groupby(members, key=_group_of):
        try:
            groups.append(_plan_group(name, list(pairs)))
        except PlanError as error:
            problems += error.problems
    return tuple(groups), problems


def _group_of(pair: Planned) -> tuple[str, str]:
    return str(pair[1].group), pair[1].kind


def _plan_group(name: str, pairs: list[Planned]) -> GroupPlan:
    lead_request, lead = pairs[0]
    requests = [request for request, _ in pairs]
    _refuse_differences(name, pairs)
    _refuse_count(name, pairs)
    size = _components if lead.kind == "inference-components" else _together
    item, scaling, choices, placement = size(pairs)
    check_silicon(lead_request, lead.kind, item, "hosting.instance_type")
    deployment, why = choose_deployment(lead_request, lead.kind, lead.image)
    return GroupPlan(
        name=name,
        kind=lead.kind,
        region=lead.region,
        image=lead.image,
        instance_type=item.name,
        scaling=scaling,
        lead=lead.spec,
        containers=tuple(ContainerPlan(model.name, model.spec.model, model.image) for _, model in pairs),
        logs_days=max(request.spec.retention.logs_days for request in requests),
        artifact_versions_days=max(request.spec.retention.artifact_versions_days for request in requests),
        allow_pickle=any(request.spec.model.allow_pickle for request in requests),
        choices=(Choice("kind", lead.kind, f"shared by {len(pairs)} model{'s' if len(pairs) > 1 else ''}"), *choices, why),
        deployment=deployment,
        placement=placement,
    )


_Sized = tuple[InstanceType, ScalingPlan, tuple[Choice, ...], Placement | None]


def _together(pairs: list[Planned]) -> _Sized:
    """Models in the same containers or side by side: memory and peaks are added, as if they came together."""
    lead_request, lead = pairs[0]
    requests = [request for request, _ in pairs]
    # The hungriest framework stands for all.
    heaviest = max(requests, key=lambda request: traffic.cpu_seconds_per_request(request.spec.model.framework))
    peak = sum(request.peak_requests_per_second for request in requests)
    strictest = next((request for request in requests if request.spec.sla.availability == "high"), heaviest)
    memory = _memory_mb(requests) if lead.kind == "multi-model" else sum(_alone_mb(request) for request in requests)
    item, why_instance = choose_instance(lead_request, lead.image, memory, peak, lead.kind)
    scaling, why_scaling = choose_scaling(strictest, item, peak)
    return item, scaling, (why_instance, why_scaling), None


def _components(pairs: list[Planned]) -> _Sized:
    """Inference components: the smallest type that holds the largest copy, and as many as all copies need."""
    request, lead = pairs[0]
    copies = {_share(model): (model.component.max_copies if model.component else 1) for _, model in pairs}
    first = {share: 1 for share in copies}
    named = getattr(request.spec.hosting, "instance_type", None)
    silicon = {"cpu": lead.image.architecture, "gpu": "gpu", "inf1": "inf1"}.get(lead.image.processor, "inf2")
    offered = [named_instance(request, lead.image, named, lead.kind)] if named else list(candidates(silicon, request.region))
    errors: list[str] = []
    for item in offered:
        try:
            placement = place(copies, capacity_of(item))
        except ValueError as error:
            errors.append(f"{item.name}: {error}")
            continue
        low = getattr(request.spec.hosting, "min_instances", None) or 0
        high = getattr(request.spec.hosting, "max_instances", None) or max(1, len(placement.instances))
        _check_room(pairs, item, len(place(first, capacity_of(item)).instances), high)
        scaling = ScalingPlan(low, high, 0)
        why = Choice("instance", item.name, f"the smallest that holds each copy; all copies fit {placement}")
        follows = Choice("scaling", f"{low} to {high} instances", "managed by SageMaker, as the copies need")
        return item, scaling, (why, follows), placement
    raise request.refuse("hosting.memory_mb", "no instance type holds the component", found=errors[-1] if errors else silicon,
                         hint="less memory_mb or cpu_cores, or another Region")  # fmt: skip


def _check_room(pairs: list[Planned], item: InstanceType, needed: int, high: int) -> None:
    request, _ = pairs[0]
    if needed > high:
        raise request.refuse(
            "hosting.max_instances", f"one copy of each component needs {needed} instances of {item.name}", found=str(high),
            hint=f"max_instances: {needed}, or a larger instance_type",
        )  # fmt: skip


def _share(model: ModelPlan) -> Share:
    component = model.component
    assert component is not None
    return Share(model.name, component.memory_mb, component.cpu_cores, component.accelerators)


def _refuse_count(name: str, pairs: list[Planned]) -> None:
    lead_request, lead = pairs[0]
    count = len(pairs)
    if lead.kind != "multi-container" or limits.CONTAINERS_MIN <= count <= limits.CONTAINERS_MAX:
        return
    raise lead_request.refuse(
        "group", f"group {name} has {count} file{'s' if count > 1 else ''} with multi-container hosting",
        allowed=f"{limits.CONTAINERS_MIN} to {limits.CONTAINERS_MAX} ({limits.source_of('CONTAINERS_MAX')})",
        hint="hosting: real-time for one model, multi-model for more",
    )  # fmt: skip


def _refuse_differences(name: str, pairs: list[Planned]) -> None:
    """One endpoint has one of each of these; a member that differs is named with the key."""
    lead_request, lead = pairs[0]
    checks: list[tuple[str, str, Callable[[Request, ModelPlan], Any]]] = [
        ("region.allowed", "Region", lambda request, model: model.region),
        ("kms_key_arn", "key", lambda request, model: request.spec.kms_key_arn),
        ("hosting", "hosting options", lambda request, model: _options(request)),
        ("vpc", "VPC", lambda request, model: request.spec.vpc),
        ("network_isolation", "network isolation", lambda request, model: request.spec.network_isolation),
        ("deployment", "deployment", lambda request, model: request.spec.deployment),
        ("schedule", "schedule", lambda request, model: request.spec.schedule),
        ("high_resolution_metrics", "resolution of metrics", lambda request, model: request.spec.high_resolution_metrics),
    ]
    if lead.kind == "multi-model":
        checks.append(("model.image", "image", lambda request, model: model.image))
    else:
        checks.append(("model.image", "silicon", lambda request, model: replace(model.image, uri=None, origin="custom")))
    problems = [
        request.located.problem(
            tuple(path.split(".")), f"group {name} is one endpoint, and {lead.name} has another {what}",
            hint=f"make it equal to {lead_request.located.file}, or use another group",
        )
        for request, model in pairs[1:]
        for path, what, value in checks
        if value(request, model) != value(lead_request, lead)
    ]  # fmt: skip
    if problems:
        raise PlanError(problems)


def _options(request: Request) -> tuple[object, ...]:
    hosting = request.spec.hosting
    return tuple(getattr(hosting, key, None) for key in ("instance_type", "min_instances", "max_instances", "cache_models"))


def _alone_mb(request: Request) -> float:
    return traffic.memory_mb(request.spec.model.framework, request.size_mb)


def _memory_mb(requests: list[Request]) -> float:
    return _alone_mb(requests[0]) + sum(traffic.model_memory_mb(request.size_mb) for request in requests[1:])
