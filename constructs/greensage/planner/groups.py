"""The endpoints that models share: one multi-model endpoint per group, sized for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..catalog import traffic
from ..errors import PlanError, Problem
from .context import Request
from .size import choose_instance, choose_scaling
from .types import Choice, GroupPlan, ModelPlan

Planned = tuple[Request, ModelPlan]


def plan_groups(planned: Sequence[Planned]) -> tuple[tuple[GroupPlan, ...], list[Problem]]:
    """Return a GroupPlan for each group with multi-model members, and what keeps members apart."""
    members = sorted((pair for pair in planned if pair[1].kind == "multi-model"), key=lambda pair: str(pair[1].group))
    groups: list[GroupPlan] = []
    problems: list[Problem] = []
    for name, pairs in groupby(members, key=lambda pair: str(pair[1].group)):
        try:
            groups.append(_plan_group(name, list(pairs)))
        except PlanError as error:
            problems += error.problems
    return tuple(groups), problems


def _plan_group(name: str, pairs: list[Planned]) -> GroupPlan:
    lead_request, lead = pairs[0]
    _refuse_differences(name, pairs)
    requests = [request for request, _ in pairs]
    memory = _memory_mb(requests)
    # The hungriest framework stands for all; peaks are added, as if they came together.
    heaviest = max(requests, key=lambda request: traffic.cpu_seconds_per_request(request.spec.model.framework))
    peak = sum(request.peak_requests_per_second for request in requests)
    strictest = next((request for request in requests if request.spec.sla.availability == "high"), heaviest)
    item, why_instance = choose_instance(lead_request, lead.image, memory, peak)
    scaling, why_scaling = choose_scaling(strictest, item, peak)
    return GroupPlan(
        name=name,
        region=lead.region,
        image=lead.image,
        instance_type=item.name,
        scaling=scaling,
        members=tuple(model.name for _, model in pairs),
        logs_days=max(request.spec.retention.logs_days for request in requests),
        artifact_versions_days=max(request.spec.retention.artifact_versions_days for request in requests),
        kms_key_arn=lead_request.spec.kms_key_arn,
        allow_pickle=any(request.spec.model.allow_pickle for request in requests),
        choices=(Choice("kind", "multi-model", f"shared by {len(pairs)} models"), why_instance, why_scaling),
    )


def _refuse_differences(name: str, pairs: list[Planned]) -> None:
    """One endpoint has one Region, image, key and instance type; a member that differs is named with the key."""
    lead_request, lead = pairs[0]
    checks = (
        ("region.allowed", "Region", lambda request, model: model.region),
        ("model.image", "image", lambda request, model: model.image),
        ("kms_key_arn", "key", lambda request, model: request.spec.kms_key_arn),
        ("hosting", "hosting options", lambda request, model: _options(request)),
    )
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
    return tuple(getattr(hosting, key, None) for key in ("instance_type", "min_instances", "max_instances"))


def _memory_mb(requests: list[Request]) -> float:
    sizes = [request.size_mb for request in requests]
    framework = requests[0].spec.model.framework
    return traffic.memory_mb(framework, sizes[0]) + sum(traffic.model_memory_mb(size) for size in sizes[1:])
