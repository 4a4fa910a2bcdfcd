"""Brings the decisions together: one pass per model, then the groups that models share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..catalog import capabilities, traffic
from ..catalog.instances import InstanceType
from ..errors import PlanError, Problem
from ..spec import (
    BatchHosting,
    InferenceComponentHosting,
    Located,
    ModelSource,
    ModelSpec,
    RealTimeHosting,
    SerialPipelineHosting,
)
from .advice import notes_of, quotas_of
from .context import Request
from .edge import check_edge
from .groups import plan_groups
from .kind import choose_kind
from .refusals import check_matrix, check_silicon
from .region import choose_region
from .rollout import choose_deployment
from .silicon import choose_image
from .size import choose_instance, choose_scaling, choose_serverless, zero_scaling
from .types import Choice, ComponentPlan, ContainerPlan, Kind, ModelPlan, Plan, VariantPlan


def plan(specs: Iterable[tuple[ModelSpec, Located]], *, default_region: str | None = None) -> Plan:
    """Return the Plan of `specs`.

    `default_region` is used where a spec allows any Region. Raises PlanError with the problems of all
    models. Equal input gives an equal Plan.
    """
    planned: list[tuple[Request, ModelPlan]] = []
    problems: list[Problem] = []
    for spec, located in specs:
        try:
            planned.append(_plan_model(Request(spec, located), default_region))
        except PlanError as error:
            problems += error.problems
    groups, group_problems = plan_groups(planned)
    problems += group_problems
    if problems:
        raise PlanError(problems)
    return Plan(tuple(model for _, model in planned), groups)


def _plan_model(request: Request, default_region: str | None) -> tuple[Request, ModelPlan]:
    request, region = choose_region(request, default_region)
    kind, why_kind = choose_kind(request)
    warnings = check_matrix(request, kind)
    image, why_image = choose_image(request, kind)
    choices: list[Choice] = [why_kind, why_image, region]
    base: dict[str, Any] = {"spec": request.spec, "kind": kind, "region": request.region, "image": image}
    if capabilities.shares(kind):
        base |= {"group": request.spec.group, "component": _component(request)}
    elif kind == "edge":
        choices.append(check_edge(request))
    elif kind == "serverless":
        memory = traffic.memory_mb(request.spec.model.framework, request.size_mb)
        memory_mb, concurrency, why = choose_serverless(request, memory, request.peak_requests_per_second)
        base |= {"memory_mb": memory_mb, "max_concurrency": concurrency}
        choices.append(why)
    else:
        item, why, more = _on_instances(request, kind, image)
        warnings += check_silicon(request, kind, item, "hosting.instance_type")
        base |= more
        choices += why
        base["quotas"] = quotas_of(kind, item, base.get("scaling"), request)
    notes = (*warnings, *notes_of(request, kind))
    return request, ModelPlan(**base, choices=tuple(choices), notes=notes)


def _on_instances(request: Request, kind: Kind, image: Any) -> tuple[InstanceType, list[Choice], dict[str, Any]]:
    """Instance type, scaling, containers, variants and the guarded deployment of an endpoint of its own, or a batch job."""
    containers = _chain(request, kind)
    variants = tuple(
        VariantPlan(_container(request, kind, f"variants.{index}.model", item.name, item.model), item.weight)
        for index, item in enumerate(request.spec.variants)
    )
    sources = [item.source for item in containers] or [request.spec.model]
    memory = sum(traffic.memory_mb(item.framework, item.size_mb or traffic.ASSUMED_ARTIFACT_MB) for item in sources)
    peak = request.peak_requests_per_second
    item, why_instance = choose_instance(request, image, memory, peak, kind)
    made: dict[str, Any] = {"instance_type": item.name, "containers": containers, "variants": variants}
    if kind == "batch":
        return item, [why_instance, _why_batch(request)], made
    scaling, why_scaling = zero_scaling(request) if kind == "asynchronous" else choose_scaling(request, item, peak)
    deployment, why_deployment = choose_deployment(request, kind, image)
    hosting = request.spec.hosting
    weight = hosting.weight if isinstance(hosting, RealTimeHosting) else 1.0
    made |= {"scaling": scaling, "deployment": deployment, "weight": weight, "shadow": _shadow(request, kind, weight)}
    return item, [why_instance, why_scaling, why_deployment], made


def _chain(request: Request, kind: Kind) -> tuple[ContainerPlan, ...]:
    hosting = request.spec.hosting
    if not isinstance(hosting, SerialPipelineHosting):
        return ()
    before = [(f"hosting.before.{i}", f"before-{i + 1}", item) for i, item in enumerate(hosting.before)]
    after = [(f"hosting.after.{i}", f"after-{i + 1}", item) for i, item in enumerate(hosting.after)]
    chain = [*before, ("model", "model", request.spec.model), *after]
    return tuple(_container(request, kind, at, name, source) for at, name, source in chain)


def _container(request: Request, kind: Kind, at: str, name: str, source: ModelSource) -> ContainerPlan:
    image, _ = choose_image(request, kind, source, at)
    main, _ = choose_image(request, kind)
    if (image.architecture, image.processor) != (main.architecture, main.processor):
        raise request.refuse(
            at, f"one endpoint has one silicon: this container is for {image.architecture}, the model's for {main.architecture}",
            hint="silicon: x86, or the same framework and version",
        )  # fmt: skip
    return ContainerPlan(name, source, image)


def _shadow(request: Request, kind: Kind, weight: float) -> VariantPlan | None:
    shadow = request.spec.shadow
    if shadow is None:
        return None
    # The share of copied requests is the shadow's weight relative to the production variant's.
    return VariantPlan(_container(request, kind, "shadow.model", "Shadow", shadow.model), weight * shadow.traffic_percent / 100)


def _component(request: Request) -> ComponentPlan | None:
    hosting = request.spec.hosting
    if not isinstance(hosting, InferenceComponentHosting):
        return None
    memory = hosting.memory_mb or round(traffic.memory_mb(request.spec.model.framework, request.size_mb))
    concurrent = hosting.cpu_cores * traffic.CONCURRENT_REQUESTS_PER_VCPU if request.spec.high_resolution_metrics else None
    return ComponentPlan(memory, hosting.cpu_cores, hosting.accelerators, hosting.min_copies, hosting.max_copies, concurrent)


def _why_batch(request: Request) -> Choice:
    hosting = request.spec.hosting
    assert isinstance(hosting, BatchHosting)
    when = hosting.schedule or "files arrive"
    return Choice("scaling", f"0 to {hosting.instances} instances", f"a job starts at {when} and ends with its input")
