"""Brings the decisions together: what is chosen for each model, then the endpoints that models share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from ..catalog import traffic
from ..catalog.intensity import HourlyIntensity
from ..catalog.kinds import hosting_kind
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
from .choose import Chosen, choose_all
from .context import Request
from .dashboard import choose_dashboard
from .edge import check_edge
from .explain import why_instance, why_kind, why_region, why_serverless_size
from .groups import plan_groups
from .kind import check_named, with_group_kinds
from .logs import why_logs
from .monitoring import plan_monitoring
from .optimized import chosen_as_given, why_optimized
from .options import Option
from .recommend import plan_recommendation
from .refusals import check_matrix, check_silicon
from .rollout import choose_deployment
from .sharing import share_endpoints
from .silicon import choose_image
from .size import choose_scaling, serverless_concurrency, utilisation_on, zero_scaling
from .types import Choice, ComponentPlan, ContainerPlan, Kind, ModelPlan, Plan, VariantPlan
from .usage import reserved_mb, usage_of
from .window import greener_start, retraining_hour


def plan(
    specs: Iterable[tuple[ModelSpec, Located]],
    *,
    default_region: str | None = None,
    intensity: HourlyIntensity | None = None,
    only: str | Collection[str] | None = None,
    account: str | None = None,
) -> Plan:
    """Return the Plan of `specs`. Equal input gives an equal Plan.

    Parameters
    ----------
    specs:
        Of `load_specs`.
    default_region:
        Is used where a spec allows any Region; default: none, then such a spec goes to the cleanest one.
    intensity:
        gCO2e per kWh by hour: moves flexible batch jobs to greener hours. Default: none.
    only:
        Problems of other models do not stand in the way of this one, or of these, unless one shares an endpoint with others.
        Default: all.
    account:
        Where it is deployed to, for what AWS takes of the same account only. Default: not known.

    Raises PlanError with the problems of all models.
    """
    return plan_with_choices(specs, default_region=default_region, intensity=intensity, only=only, account=account)[0]


def plan_with_choices(
    specs: Iterable[tuple[ModelSpec, Located]],
    *,
    default_region: str | None = None,
    intensity: HourlyIntensity | None = None,
    only: str | Collection[str] | None = None,
    account: str | None = None,
) -> tuple[Plan, dict[str, Chosen]]:
    """Return the Plan, and for each model what it was chosen from: for explaining. Raises as `plan` does."""
    requests = [Request(spec, located, account=account or "") for spec, located in specs]
    asked, problems = _check_matrix(requests)
    asked = with_group_kinds(asked)
    chosen, more = choose_all(asked, default_region)
    problems += more
    given = chosen_as_given(asked, default_region)
    shared = share_endpoints(chosen)
    planned: list[tuple[Request, ModelPlan]] = []
    for item in shared:
        try:
            planned.append(_plan_model(item, intensity, given.get(item.request.spec.name)))
        except PlanError as error:
            problems += error.problems
    groups, group_problems = plan_groups(planned)
    problems += group_problems
    found = Plan(tuple(model for _, model in planned), groups)
    if problems := _that_matter(problems, found, requests, only):
        raise PlanError(problems)
    return found, {item.request.spec.name: item for item in shared}


def _check_matrix(requests: Iterable[Request]) -> tuple[list[Request], list[Problem]]:
    """What a file asks for by name is checked before anything is chosen: its own words are the ones to answer."""
    asked: list[Request] = []
    problems: list[Problem] = []
    for request in requests:
        try:
            if request.spec.hosting != "auto":
                check_matrix(request, request.spec.hosting.kind)
                check_named(request)
            asked.append(request)
        except PlanError as error:
            problems += error.problems
    return asked, problems


def _that_matter(
    problems: list[Problem], found: Plan, requests: list[Request], only: str | Collection[str] | None
) -> list[Problem]:
    if only is None:
        return problems
    names = {only} if isinstance(only, str) else set(only)
    files = {request.located.file for request in requests if request.spec.name in names}
    if any(model.group is not None for model in found.models if model.name in names):
        return problems
    return [problem for problem in problems if problem.file in files]


def _plan_model(
    chosen: Chosen, intensity: HourlyIntensity | None, as_given: Chosen | None
) -> tuple[Request, ModelPlan]:  # fmt: skip
    option = chosen.option
    request, kind, image = option.request, option.kind, option.image
    # Again, for the kind that was chosen: auto named none before, and the warnings belong into the plan.
    warnings = check_matrix(request, kind)
    _, why_image = choose_image(request, kind)
    if chosen.why_silicon:
        why_image = replace(why_image, reason=f"{chosen.why_silicon}; AWS has an image for it", rejected=())
    choices: list[Choice] = [why_kind(chosen), why_image, why_region(chosen), *why_optimized(chosen, as_given)]
    # The file's own wish stays in the plan: what it is compared with depends on it.
    spec = request.spec.model_copy(update={"silicon": chosen.request.spec.silicon})
    base: dict[str, Any] = {"spec": spec, "kind": kind, "region": request.region, "image": image}
    row = hosting_kind(kind)
    if row.shares:
        base |= {"group": request.spec.group, "component": _component(request)}
    elif row.runs_on == "devices":
        choices.append(check_edge(request))
    elif row.runs_on == "memory":
        base |= {"memory_mb": option.memory_mb, "max_concurrency": serverless_concurrency(request)}
        choices.append(why_serverless_size(chosen, serverless_concurrency(request)))
    else:
        assert option.item is not None
        warnings += check_silicon(request, kind, option.item, "hosting.instance_type")
        base |= {"instance_type": option.item.name}
        choices.append(why_instance(chosen))
        more, whys = _batch(request, intensity) if row.answers == "files" else _endpoint(option)
        base |= more
        choices += whys
        base["quotas"] = quotas_of(kind, option.item, base.get("scaling"), request)
    base["monitoring"], watched = plan_monitoring(request, kind, image)
    choices += [*watched, *why_logs(request.spec, kind, request.region)]
    base["green_hour"] = retraining_hour(request, intensity)
    base["recommend"], measured = plan_recommendation(request, kind, image, base.get("instance_type"))
    choices += measured
    notes = (*warnings, *check_named(chosen.request), *notes_of(request, chosen, kind))
    made = ModelPlan(**base, choices=tuple(choices), notes=notes)
    return request, made if row.shares else _watched(made)


def _watched(model: ModelPlan) -> ModelPlan:
    """With a dashboard of its own, where that is worth it."""
    own, why = choose_dashboard(model.spec, model.kind, usage_of(model))
    return replace(model, dashboard=own, choices=(*model.choices, *([why] if why else [])))


def _endpoint(option: Option) -> tuple[dict[str, Any], list[Choice]]:
    """Scaling, containers, variants and the guarded deployment of an endpoint of its own."""
    request, kind, item, image = option.request, option.kind, option.item, option.image
    assert item is not None
    variants = tuple(
        VariantPlan(_container(request, kind, f"variants.{index}.model", found.name, found.model), found.weight)
        for index, found in enumerate(request.spec.variants)
    )
    peak = request.peak_requests_per_second
    scaling, why_scaling = (
        zero_scaling(request)
        if hosting_kind(kind).answers == "queued"
        else choose_scaling(request, item, peak, utilisation_on(request, item, kind) or traffic.TARGET_UTILISATION)
    )
    deployment, why_deployment = choose_deployment(request, kind, image, option.p95_ms)
    hosting = request.spec.hosting
    weight = hosting.weight if isinstance(hosting, RealTimeHosting) else 1.0
    made = {
        "containers": _chain(request, kind), "variants": variants, "scaling": scaling, "deployment": deployment,
        "weight": weight, "shadow": _shadow(request, kind, weight),
    }  # fmt: skip
    return made, [why_scaling, why_deployment]


def _batch(request: Request, intensity: HourlyIntensity | None) -> tuple[dict[str, Any], list[Choice]]:
    hosting = request.spec.hosting
    assert isinstance(hosting, BatchHosting)
    when = hosting.schedule or "each arrival of files"
    why = Choice("scaling", f"0 to {hosting.instances} instances", f"a job starts at {when} and ends with its input")
    moved = greener_start(hosting, request.region, intensity)
    if moved is None:
        return {}, [why]
    spec = request.spec.model_copy(update={"hosting": hosting.model_copy(update={"schedule": moved.schedule})})
    return {"spec": spec}, [replace(why, reason=f"a job starts at {moved.schedule} and ends with its input"), moved.why]


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

    memory = round(reserved_mb(request.spec))
    concurrent = hosting.cpu_cores * traffic.CONCURRENT_REQUESTS_PER_VCPU if request.spec.high_resolution_metrics else None
    return ComponentPlan(memory, hosting.cpu_cores, hosting.accelerators, hosting.min_copies, hosting.max_copies, concurrent)
