"""Brings the decisions together: one pass per model, then the groups that models share."""

from __future__ import annotations

from collections.abc import Iterable

from ..catalog import traffic
from ..errors import PlanError, Problem
from ..spec import Located, ModelSpec
from .context import Request
from .groups import plan_groups
from .kind import choose_kind
from .region import choose_region
from .silicon import choose_image
from .size import choose_instance, choose_scaling, choose_serverless
from .types import Choice, ModelPlan, Plan


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
    image, why_image = choose_image(request, kind)
    choices: list[Choice] = [why_kind, why_image, region]
    base = {"spec": request.spec, "kind": kind, "region": request.region, "image": image, "notes": _notes(request)}
    memory = traffic.memory_mb(request.spec.model.framework, request.size_mb)
    peak = request.peak_requests_per_second
    if kind == "multi-model":
        return request, ModelPlan(**base, choices=tuple(choices), group=request.spec.group)
    if kind == "serverless":
        memory_mb, concurrency, why = choose_serverless(request, memory, peak)
        return request, ModelPlan(**base, choices=(*choices, why), memory_mb=memory_mb, max_concurrency=concurrency)
    item, why_instance = choose_instance(request, image, memory, peak)
    scaling, why_scaling = choose_scaling(request, item, peak)
    choices += [why_instance, why_scaling]
    return request, ModelPlan(**base, choices=tuple(choices), instance_type=item.name, scaling=scaling)


def _notes(request: Request) -> tuple[str, ...]:
    notes = []
    if request.spec.drift is not None:
        notes.append("drift: is read and checked, but monitoring and retraining are not deployed by this version")
    if request.spec.sla.latency_p95_ms is None and request.spec.sla.cold_start_ok:
        notes.append("nobody waits for the answer: asynchronous or batch hosting will fit better once it is built")
    if request.spec.model.artifact.startswith("s3://") and request.spec.model.size_mb is None:
        notes.append("the size of an s3:// artifact is taken as 100 MB; set model.size_mb")
    return tuple(notes)
