"""The endpoints that models share: one per group, sized for all its members, whatever kind shares them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ..catalog import limits, traffic
from ..catalog.instances import InstanceType, candidates
from ..catalog.kinds import hosting_kind, kind_that_shares
from ..errors import PlanError, Problem
from .context import Request
from .dashboard import choose_dashboard
from .engine import common_engine
from .placement import Placement, Share, capacity_of, place
from .pool import Member, Tenants, best_type, packing_bound_g, usable_mb
from .refusals import check_silicon
from .rollout import choose_deployment
from .silicon import silicon_of
from .size import choose_scaling, fitting_types, named_instance
from .types import Choice, ContainerPlan, GroupPlan, ModelPlan, ScalingPlan
from .usage import group_usage

Planned = tuple[Request, ModelPlan]


def plan_groups(planned: Sequence[Planned]) -> tuple[tuple[GroupPlan, ...], list[Problem]]:
    """Return a GroupPlan for each group and kind that shares, and what keeps members apart."""
    members = sorted((pair for pair in planned if hosting_kind(pair[1].kind).shares), key=_group_of)
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
    size = _components if hosting_kind(lead.kind).shares == "copies" else _together
    item, scaling, choices, placement = size(pairs)
    check_silicon(lead_request, lead.kind, item, "hosting.instance_type")
    deployment, why = choose_deployment(lead_request, lead.kind, lead.image)
    made = GroupPlan(
        name=name,
        kind=lead.kind,
        region=lead.region,
        image=replace(lead.image, engine=common_engine(model.image.engine for _, model in pairs)),
        instance_type=item.name,
        scaling=scaling,
        lead=lead.spec,
        containers=tuple(ContainerPlan(model.name, model.spec.model, model.image) for _, model in pairs),
        # One log group and one lifecycle serve all members, so the longest time that one asks for holds.
        logs_days=max(request.spec.retention.logs_days for request in requests),
        artifact_versions_days=max(request.spec.retention.artifact_versions_days for request in requests),
        allow_pickle=any(request.spec.model.allow_pickle for request in requests),
        allow_code=any(request.spec.model.allow_code for request in requests),
        choices=(Choice("kind", lead.kind, f"shared by {len(pairs)} model{'s' if len(pairs) > 1 else ''}"), *choices, why),
        deployment=deployment,
        placement=placement,
        captured=tuple((model.name, model.monitoring.sample_percent) for _, model in pairs if model.monitoring),
        capture_days=max((model.monitoring.capture_days for _, model in pairs if model.monitoring), default=0),
    )
    # One that a member wants is for all of them.
    wanted = next((found.spec for found, _ in pairs if found.spec.dashboard is True), lead.spec)
    own, why_own = choose_dashboard(wanted, lead.kind, group_usage(made, [found.spec for found, _ in pairs]))
    return replace(made, dashboard=own, choices=(*made.choices, *([why_own] if why_own else [])))


_Sized = tuple[InstanceType, ScalingPlan, tuple[Choice, ...], Placement | None]


def _together(pairs: list[Planned]) -> _Sized:
    """Models in the same containers or side by side: memory adds up, and load adds up hour by hour."""
    request, lead = pairs[0]
    tenants = Tenants.of(lead.kind, [Member(found.spec, found.demand) for found, _ in pairs])
    item, why_instance = _type_for(tenants, request, lead)
    strictest = next((found for found, _ in pairs if found.spec.sla.availability == "high"), _hungriest(pairs))
    busy = tenants.utilisation(item) or traffic.TARGET_UTILISATION
    # The summed load, counted in requests of the one model that the target is reckoned by.
    scaling, why_scaling = choose_scaling(strictest, item, max(tenants.peak) / strictest.demand.cpu_seconds, busy)
    return item, scaling, (why_instance, why_scaling), None


def _hungriest(pairs: list[Planned]) -> Request:
    """Whose requests cost most CPU: invocations per instance are counted by them."""
    return max((request for request, _ in pairs), key=lambda request: request.demand.cpu_seconds)


def _type_for(tenants: Tenants, request: Request, lead: ModelPlan) -> tuple[InstanceType, Choice]:
    types = fitting_types(request, lead.image, tenants.memory_mb, lead.kind)
    if getattr(request.spec.hosting, "instance_type", None) is not None:
        return types[0], Choice("instance", types[0].name, "instance_type in the spec")
    silicon = silicon_of(request, request.spec.model) if lead.image.processor != "cpu" else lead.image.architecture
    # Larger ones too: together, the members may need what none needs alone.
    found = best_type(tenants, lead.region, [*types, *candidates(silicon, lead.region)])
    item = found[0] if found else types[0]
    used = f"{tenants.memory_mb:,.0f} of {usable_mb(item):,.0f} MB (estimate)"
    slow = "" if found else "; no type is estimated to keep every member's SLA"
    bound = _lower_bound(tenants, request, silicon)
    reason = f"least carbon of the types that hold {used} and keep the SLAs; {bound}{slow}"
    return item, Choice("instance", item.name, reason)


def _lower_bound(tenants: Tenants, request: Request, silicon: str) -> str:
    """How far the endpoint is from what no packing of its members can go below: their memory on the greenest memory."""
    if len(tenants.members) < 2:
        return "one member so far"
    bound, own = packing_bound_g(tenants, request.region, candidates(silicon, request.region))
    return f"idle carbon {own / bound - 1:.0%} above what no packing on this silicon goes below" if bound else "no bound"


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
        warm = {_share(model): model.component.min_copies for _, model in pairs if model.component and model.component.min_copies}
        low = getattr(request.spec.hosting, "min_instances", None)
        # Copies that are always there keep the instances that hold them.
        low = len(place(warm, capacity_of(item)).instances) if low is None else low
        high = getattr(request.spec.hosting, "max_instances", None) or max(1, len(placement.instances))
        _check_room(pairs, item, len(place(first, capacity_of(item)).instances), high)
        scaling = ScalingPlan(low, high, 0)
        why = Choice("instance", item.name, f"the smallest that holds each copy; all copies fit {placement}")
        follows = Choice("scaling", f"{low} to {high} instances", "managed by SageMaker, as the copies need")
        return item, scaling, (why, follows), placement
    # The last type tried is the largest, so its words say best what is lacking.
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
    members = hosting_kind(lead.kind).members
    if members is None or limits.count(members[0]) <= count <= limits.count(members[1]):
        return
    alone = next(near for near in hosting_kind(lead.kind).near if not hosting_kind(near).shares)
    raise lead_request.refuse(
        "group", f"group {name} has {count} file{'s' if count > 1 else ''} with {lead.kind} hosting",
        allowed=f"{limits.count(members[0])} to {limits.count(members[1])} ({limits.source_of(members[1])})",
        hint=f"hosting: {alone} for one model, {kind_that_shares('server')} for more",
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
        ("logs", "logs", lambda request, model: request.spec.logs),
        ("schedule", "schedule", lambda request, model: request.spec.schedule),
        ("high_resolution_metrics", "resolution of metrics", lambda request, model: request.spec.high_resolution_metrics),
    ]
    if hosting_kind(lead.kind).shares == "server":
        checks.append(("model.image", "image", lambda request, model: replace(model.image, engine="all")))
    else:
        # Containers side by side bring their own images; what is left to compare is the silicon.
        checks.append(("model.image", "silicon", lambda request, model: (model.image.architecture, model.image.processor)))
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
