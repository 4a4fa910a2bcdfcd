"""What a plan needs of the quotas of each Region: counted from the plan alone, nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...catalog import drift as drift_catalog
from ...catalog.kinds import hosting_kind
from ...catalog.quotas import Usage, instance_quota, quota
from ...planner import GroupPlan, ModelPlan, Plan

_MEET = "when the jobs meet"


@dataclass(frozen=True)
class Need:
    """A quota of a service and what is needed of it: `first` for the first deployment, `most` at the peak or in an update."""

    region: str
    service: str
    name: str
    first: float
    most: float
    models: tuple[str, ...]
    why_most: str = ""
    # Where one of several is enough: the training tries another type.
    one_of: tuple[str, ...] = ()
    # Endpoints are there together; jobs come and go, and only may meet.
    together: bool = True


def needs_of(plan: Plan) -> list[Need]:
    """Return what is needed, the same quota of a Region once."""
    found = [*_hosting(plan), *(need for model in plan.models for need in _jobs(model))]
    totals: dict[tuple[str, str, str, tuple[str, ...]], Need] = {}
    for need in found:
        key = (need.region, need.service, need.name, need.one_of)
        known = totals.get(key)
        totals[key] = need if known is None else _together(known, need)
    return [totals[key] for key in sorted(totals)]


def _together(one: Need, other: Need) -> Need:
    first = one.first + other.first if one.together and other.together else max(one.first, other.first)
    models, together = tuple(dict.fromkeys((*one.models, *other.models))), one.together or other.together
    return replace(one, first=first, most=one.most + other.most, models=models, together=together)


def _hosting(plan: Plan) -> Iterator[Need]:
    for group in plan.groups:
        yield from _instances(group, group.members, 1)
    for model in plan.models:
        if model.group is None and model.scaling is not None:
            yield from _instances(model, (model.name,), 1 + len(model.variants) + (model.shadow is not None))
        if model.max_concurrency is not None:
            total = quota("serverless_concurrency")
            yield Need(model.region, total.service, total.name, model.max_concurrency, model.max_concurrency, (model.name,))


def _instances(host: GroupPlan | ModelPlan, models: tuple[str, ...], fleets: int) -> Iterator[Need]:
    scaling = host.scaling
    if host.instance_type is None or scaling is None or hosting_kind(host.kind).answers == "files":
        return
    first, most = max(1, scaling.min_instances) * fleets, 2 * max(1, scaling.max_instances) * fleets
    why = "at the peak, while an update runs both fleets"
    every = quota("active_instances")
    yield Need(host.region, "sagemaker", instance_quota(host.instance_type, "endpoint"), first, most, models, why)
    yield Need(host.region, every.service, every.name, first, most, models, why)


def _jobs(model: ModelPlan) -> Iterator[Need]:
    if model.instance_type is not None and hosting_kind(model.kind).answers == "files":
        count = int(getattr(model.spec.hosting, "instances", 1))
        yield _job(model, model.instance_type, "transform", count)
    if model.monitoring is not None and model.monitoring.large_windows:
        yield _job(model, drift_catalog.job_type("analyzer"), "processing", 1)
    for instance_type in model.recommend.instance_types if model.recommend else ():
        yield _job(model, instance_type, "endpoint", 1)
    retraining = model.spec.retraining
    if retraining is not None:
        types = tuple(retraining.instance_types or drift_catalog.training_types())
        spot = [instance_quota(item, "spot-training") for item in types]
        # The first type comes on demand, too, when none had Spot capacity; a pipeline's step is on Spot for good.
        demand = [instance_quota(types[0], "training")] if retraining.engine == "step-functions" else []
        one_of = (*spot, *demand)
        yield Need(model.region, "sagemaker", spot[0], 1, 1, (model.name,), _MEET, one_of=one_of, together=False)
        yield _job(model, drift_catalog.job_type("processing"), "processing", 1)


def _job(model: ModelPlan, instance_type: str, usage: Usage, count: int) -> Need:
    name = instance_quota(instance_type, usage)
    return Need(model.region, "sagemaker", name, count, count, (model.name,), _MEET, together=False)
