"""The footprint of a whole plan, model by model, each beside its usual deployment; shared endpoints are divided fairly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

from ..catalog.kinds import hosting_kind
from ..footprint.band import Band
from ..footprint.baseline import SAME_REGION, Baseline, Compared
from ..footprint.demand import container_mb, demand_of
from ..footprint.estimate import Footprint, estimate
from ..footprint.usage import Usage
from ..spec import ModelSpec
from ..text import number
from .beside import Beside, beside_of, shared_beside
from .types import GroupPlan, ModelPlan, Plan
from .usage import copies_needed, group_usage, reserved_mb, usage_of


@dataclass(frozen=True)
class ModelFootprint:
    """One model: what it takes, and what it is compared with.

    Parameters
    ----------
    name:
        Of the model.
    host:
        Its hosting, or its part of a shared endpoint: `share` (0 to 1), else 1.
    baseline, baseline_type, baseline_region:
        What it is compared with, the instance type of that, and where.
    beside:
        What its file makes beside: captures, watching, retraining, a VPC's endpoints, its part of the platform; by name.
    """

    name: str
    host: Footprint
    baseline: Footprint
    baseline_type: str
    baseline_region: str
    share: float
    beside: tuple[tuple[str, Footprint], ...] = ()

    @cached_property
    def footprint(self) -> Footprint:
        """Everything that the model takes in a month."""
        return reduce(add, (item for _, item in self.beside), self.host)

    @property
    def saved_carbon(self) -> Band:
        """Share of the carbon saved against the baseline (0 to 1)."""
        return self.footprint.carbon_g.saved_against(self.baseline.carbon_g)

    @property
    def saved_cost(self) -> Band:
        """Share of the cost saved against the baseline (0 to 1)."""
        return self.footprint.cost_usd.saved_against(self.baseline.cost_usd)


@dataclass(frozen=True)
class FleetFootprint:
    """All models of a plan: what they take in a month, and what it is compared with.

    Parameters
    ----------
    models:
        A `ModelFootprint` each, in the order of the plan.
    against:
        What it is compared with; default: the usual deployment in the same Region.
    """

    models: tuple[ModelFootprint, ...]
    against: Baseline = SAME_REGION

    @cached_property
    def total(self) -> Footprint:
        """The fleet's month."""
        return reduce(add, (item.footprint for item in self.models))

    @cached_property
    def baseline(self) -> Footprint:
        """The month of what it is compared with."""
        return reduce(add, (item.baseline for item in self.models))

    def of(self, name: str) -> ModelFootprint:
        """Return the footprint of the model called `name`."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, ModelFootprint]:
        return {item.name: item for item in self.models}


def worse_than_baseline(footprint: FleetFootprint) -> tuple[str, ...]:
    """Return a sentence for each model that takes more carbon than what it is compared with, and why that may be."""
    found: list[str] = []
    for item in footprint.models:
        saved = item.saved_carbon
        more = item.footprint.carbon_g.mid - item.baseline.carbon_g.mid
        if not saved.known or saved.mid >= -_NOISE or more < _NOISE_G:
            continue
        beside = sum(part.carbon_g.mid for _, part in item.beside)
        why = (
            "it is what stands beside the host that does it"
            if beside >= more
            else "what the file asks for costs more than one always-on instance would: look at its payload, SLA, silicon and kind"
        )
        now, then = number(item.footprint.carbon_g.mid), number(item.baseline.carbon_g.mid)
        found.append(f"{item.name} takes {now} gCO2e a month, its baseline {then}: {why} (greensage why {item.name})")
    return tuple(found)


# Below a hundredth, or a gram a month, nobody is worse off.
_NOISE, _NOISE_G = 0.01, 1.0


def fleet_footprint(plan: Plan, baseline: Baseline = SAME_REGION) -> FleetFootprint:
    """Return the footprint of every model of `plan`.

    Parameters
    ----------
    plan:
        Of `greensage.plan`.
    baseline:
        What it is compared with; default: the usual deployment in the same Region.

    Raises CatalogError where a figure is missing that none replaces.
    """
    alone = [model for model in plan.models if plan.group_of(model) is None]
    specs = {model.name: model.spec for model in plan.models}
    members = [[specs[name] for name in group.members] for group in plan.groups]
    hosts = estimate([usage_of(model) for model in alone])
    own = {model.name: (row, 1.0) for model, row in zip(alone, hosts, strict=True)}
    shared = estimate([group_usage(group, found) for group, found in zip(plan.groups, members, strict=True)])
    for group, found, whole in zip(plan.groups, members, shared, strict=True):
        own |= _divided(group, found, whole)
    together = shared_beside(plan)
    beside = {model.name: (*beside_of(model), *together[model.name]) for model in plan.models}
    known: dict[Usage, Footprint] = {}
    made = {name: _estimated(rows, known) for name, rows in beside.items()}
    compared = [_compared(model, baseline) for model in plan.models]
    usual = estimate([item.usage for item in compared])
    rows = [
        ModelFootprint(
            model.name, own[model.name][0], month, item.instance_type, item.region, own[model.name][1], made[model.name]
        )
        for model, item, month in zip(plan.models, compared, usual, strict=True)
    ]
    # What the devices themselves take is in no figure here, so that an edge model saves nothing, and costs nothing more.
    at_the_edge = {model.name for model in plan.models if hosting_kind(model.kind).runs_on == "devices"}
    return FleetFootprint(
        tuple(replace(row, baseline=row.footprint) if row.name in at_the_edge else row for row in rows), baseline
    )


def _estimated(rows: Sequence[Beside], known: dict[Usage, Footprint]) -> tuple[tuple[str, Footprint], ...]:
    # Models of a Region have equal parts of its platform, which are worked out once.
    for _, usage in rows:
        if usage not in known:
            known[usage] = estimate([usage])[0]
    return tuple((name, known[usage]) for name, usage in rows)


def _compared(model: ModelPlan, baseline: Baseline) -> Compared:
    if hosting_kind(model.kind).runs_on == "devices":
        return Compared(usage_of(model), "", model.region)
    return baseline.of(model.spec, model.kind, model.region)


def _divided(group: GroupPlan, members: Sequence[ModelSpec], whole: Footprint) -> dict[str, tuple[Footprint, float]]:
    """Half by memory, half by CPU time: what a model reserves and what it uses."""
    memory = [memory_in(group, spec) for spec in members]
    work = [demand.requests * demand.cpu_seconds for demand in map(demand_of, members)]
    busy = sum(work)
    shares = [m / sum(memory) / 2 + (w / busy / 2 if busy else 1 / len(members) / 2) for m, w in zip(memory, work, strict=True)]
    requests = [demand_of(spec).requests for spec in members]
    return {
        spec.name: (_with_requests(whole * share, count), share)
        for spec, share, count in zip(members, shares, requests, strict=True)
    }


def memory_in(group: GroupPlan, spec: ModelSpec) -> float:
    """Return the memory in MB that a model takes of the endpoint: all its copies, or its container."""
    if hosting_kind(group.kind).shares == "copies":
        return reserved_mb(spec) * copies_needed(spec, demand_of(spec), group.instance_type)
    return container_mb(spec.model)


def _with_requests(footprint: Footprint, requests: float) -> Footprint:
    # A share of the carbon is no share of the requests: each model's SCI counts its own.
    return replace(footprint, requests=requests)
