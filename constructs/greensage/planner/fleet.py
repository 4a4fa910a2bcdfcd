"""The footprint of a whole plan, model by model, each beside its usual deployment; shared endpoints are divided fairly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

from ..catalog.kinds import hosting_kind
from ..footprint.band import Band
from ..footprint.baseline import baseline_type, baseline_usage
from ..footprint.demand import container_mb, demand_of
from ..footprint.estimate import Footprint, estimate
from ..footprint.usage import Usage
from ..spec import ModelSpec
from .types import GroupPlan, ModelPlan, Plan
from .usage import group_usage, usage_of


@dataclass(frozen=True)
class ModelFootprint:
    """One model: what it takes, and what its usual deployment would. `share` is its part of a shared endpoint (else 1)."""

    name: str
    footprint: Footprint
    baseline: Footprint
    baseline_type: str
    baseline_region: str
    share: float

    @property
    def saved_carbon(self) -> Band:
        """Share of the carbon saved against the usual deployment (0 to 1)."""
        return self.footprint.carbon_g.saved_against(self.baseline.carbon_g)

    @property
    def saved_cost(self) -> Band:
        """Share of the cost saved against the usual deployment (0 to 1)."""
        return self.footprint.cost_usd.saved_against(self.baseline.cost_usd)


@dataclass(frozen=True)
class FleetFootprint:
    """All models of a plan: what they take in a month, and what the usual deployment takes.

    Parameters
    ----------
    models:
        A `ModelFootprint` each, in the order of the plan.
    """

    models: tuple[ModelFootprint, ...]

    @cached_property
    def total(self) -> Footprint:
        """The fleet's month."""
        return reduce(add, (item.footprint for item in self.models))

    @cached_property
    def baseline(self) -> Footprint:
        """The month of the usual deployments."""
        return reduce(add, (item.baseline for item in self.models))

    def of(self, name: str) -> ModelFootprint:
        """Return the footprint of the model called `name`."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, ModelFootprint]:
        return {item.name: item for item in self.models}


def fleet_footprint(plan: Plan) -> FleetFootprint:
    """Return the footprint of every model of `plan`.

    Parameters
    ----------
    plan:
        Of `greensage.plan`.

    Raises CatalogError where a figure is missing that none replaces.
    """
    alone = [model for model in plan.models if plan.group_of(model) is None]
    specs = {model.name: model.spec for model in plan.models}
    members = [[specs[name] for name in group.members] for group in plan.groups]
    usages = [usage_of(model) for model in alone]
    usages += [group_usage(group, found) for group, found in zip(plan.groups, members, strict=True)]
    usages += [_usual(model) for model in plan.models]
    rows = estimate(usages)
    own = {model.name: (rows[index], 1.0) for index, model in enumerate(alone)}
    for index, (group, found) in enumerate(zip(plan.groups, members, strict=True)):
        own |= _divided(group, found, rows[len(alone) + index])
    usual = rows[len(alone) + len(plan.groups) :]
    return FleetFootprint(
        tuple(
            ModelFootprint(
                model.name,
                own[model.name][0],
                usual[index],
                baseline_type(model.spec),
                baseline_region(model),
                own[model.name][1],
            )
            for index, model in enumerate(plan.models)
        )
    )


def _usual(model: ModelPlan) -> Usage:
    # What the devices themselves take is in no figure here, so that an edge model saves nothing either.
    return (
        usage_of(model) if hosting_kind(model.kind).runs_on == "devices" else baseline_usage(model.spec, baseline_region(model))
    )


def baseline_region(model: ModelPlan) -> str:
    """Return the Region of the usual deployment: the first that the file allows."""
    return model.spec.region.allowed[0] if model.spec.region.allowed else model.region


def _divided(group: GroupPlan, members: Sequence[ModelSpec], whole: Footprint) -> dict[str, tuple[Footprint, float]]:
    """Half by memory, half by CPU time: what a model reserves and what it uses."""
    memory = [container_mb(spec.model) for spec in members]
    work = [demand.requests * demand.cpu_seconds for demand in map(demand_of, members)]
    busy = sum(work)
    shares = [m / sum(memory) / 2 + (w / busy / 2 if busy else 1 / len(members) / 2) for m, w in zip(memory, work, strict=True)]
    requests = [demand_of(spec).requests for spec in members]
    return {
        spec.name: (_with_requests(whole * share, count), share)
        for spec, share, count in zip(members, shares, requests, strict=True)
    }


def _with_requests(footprint: Footprint, requests: float) -> Footprint:
    # A share of the carbon is no share of the requests: each model's SCI counts its own.
    return replace(footprint, requests=requests)
