"""The saving as a ladder: from the usual deployment to the plan, step by step, each with what it alone brings.

Steps are taken in one order, and a step's size depends on what came before it: sharing an endpoint that is at zero anyway
would save nothing. What the order is, is said where a ladder is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from ..catalog.instances import InstanceType, candidates
from ..catalog.kinds import hosting_kind
from ..footprint.band import Band
from ..footprint.baseline import Compared, first_region, unscaled, usual
from ..footprint.demand import Demand, containers_mb, demand_of
from ..footprint.estimate import Footprint, estimate, mid_figures
from ..footprint.kinds import always_on, instances_needed
from ..footprint.usage import Usage
from .choose import Chosen
from .fleet import FleetFootprint, fleet_footprint
from .size import fits, holds_on_devices
from .types import ModelPlan, Plan
from .usage import traffic_shares

FIRST = "usual deployment"
STEP_WORDS = {
    "same Region": "the Region that the plan goes to, in place of the first that the file allows",
    "right size": "the x86 size that takes the least and holds it, in place of the usual family",
    "silicon": "Graviton, or the accelerator of the plan, of the best size",
    "what is kept": "logs that expire, or are not written",
    "variants": "what other variants and a shadow of the file add",
    "autoscaling or zero": "as many instances as the hour needs, serverless, jobs, or none while nobody calls",
    "sharing": "one endpoint for several models",
    "optimized": "what greensage optimize brought",
    "watching": "what captures, monitoring, retraining and the platform add",
}
STEPS = tuple(STEP_WORDS)


@dataclass(frozen=True)
class Rung:
    """A step of the ladder: the month after it. `step` is one of STEPS, or "usual deployment" for the first."""

    step: str
    after: Footprint


@dataclass(frozen=True)
class Ladder:
    """From the usual deployment in the first allowed Region (the first rung) to the plan (the last)."""

    rungs: tuple[Rung, ...]

    def __add__(self, other: Ladder) -> Ladder:
        return Ladder(tuple(Rung(a.step, a.after + b.after) for a, b in zip(self.rungs, other.rungs, strict=True)))

    def saved(self, index: int, what: str = "carbon_g") -> Band:
        """Return what rung `index` (from 1) saves of `what`, in its unit: negative where it adds.

        Errors are taken to go the same way in both months, because most figures are the same: low against low, high against high.
        """
        before, after = (getattr(self.rungs[index - 1].after, what), getattr(self.rungs[index].after, what))
        ends = sorted((before.low - after.low, before.high - after.high))
        middle = before.mid - after.mid
        return Band(min(ends[0], middle), middle, max(ends[1], middle))

    def share(self, index: int, what: str = "carbon_g") -> float:
        """Return the share of the first rung (0 to 1) that rung `index` saves of `what`, by the middles."""
        first = getattr(self.rungs[0].after, what).mid
        return self.saved(index, what).mid / first if first else 0.0


def fleet_ladder(
    plan: Plan, chosen: Mapping[str, Chosen], footprint: FleetFootprint, as_given: tuple[Plan, Mapping[str, Chosen]] | None = None
) -> dict[str, Ladder]:
    """Return the ladder of each model.

    `as_given` is the plan of the same files as if nothing had been optimized; None where nothing was.
    """
    given_plan, given_chosen = as_given or (plan, chosen)
    given = fleet_footprint(given_plan) if as_given else footprint
    models = {model.name: model for model in given_plan.models}
    steps: dict[str, list[Usage]] = {}
    for model in plan.models:
        before = models.get(model.name, model)
        if hosting_kind(model.kind).runs_on != "devices":
            steps[model.name] = _usages(before, given_chosen.get(model.name, chosen[model.name]))
    flat = iter(estimate([usage for usages in steps.values() for usage in usages]))
    found: dict[str, Ladder] = {}
    for model in plan.models:
        own = footprint.of(model.name)
        if hosting_kind(model.kind).runs_on == "devices":
            # It is compared with itself.
            found[model.name] = Ladder(tuple(Rung(name, own.footprint) for name in (FIRST, *STEPS)))
            continue
        first = [next(flat) for _ in steps[model.name]]
        host = given.of(model.name).host
        months = [*first, host, own.host, own.footprint]
        found[model.name] = Ladder(tuple(map(Rung, (FIRST, *STEPS), months)))
    return found


def total_ladder(ladders: Mapping[str, Ladder]) -> Ladder:
    """Return the ladder of all models together."""
    return reduce(add, ladders.values())


def _usages(model: ModelPlan, chosen: Chosen) -> list[Usage]:
    """Return the months from the usual deployment up to the model's own hosting, alone."""
    alone = (chosen.alone or chosen.winner).option.usage
    spec, demand = model.spec.as_given, demand_of(model.spec.as_given)
    first = usual(spec, model.kind, first_region(spec, model.region))
    here = usual(spec, model.kind, model.region)
    small = _sized(model, demand, here, _x86_or_accelerated(here, model.region))
    silicon = model.image.architecture if model.image.processor == "cpu" else _accelerator(model)
    own = (chosen.alone or chosen.winner).option.item
    if own is not None:
        # The plan's own type, always on: what scaling or sharing changes comes after it.
        other = Compared(_on(model, demand, small, own), own.name, model.region)
    else:
        other = _sized(model, demand, small, candidates(silicon, model.region))
    kept = unscaled(spec, demand, model.kind, model.region, other.instance_type)
    varied = _varied(model, demand, other, kept)
    return [first.usage, here.usage, small.usage, other.usage, kept, varied, alone]


def _varied(model: ModelPlan, demand: Demand, before: Compared, kept: Usage) -> Usage:
    """With instances for each variant and the shadow, where the file has any."""
    shares = traffic_shares(model.spec)
    if len(shares) == 1:
        return kept
    item, low = before.instance_type, model.spec.sla.instances_kept
    counts = [max(instances_needed(item, demand.peak * share, demand.cpu_seconds), low) for share in shares]
    parts = [always_on(demand, before.region, item, 1, shares=(share,), fixed=n) for share, n in zip(shares, counts, strict=True)]
    return replace(kept, levels=tuple(level for part in parts for level in part.levels))


def _accelerator(model: ModelPlan) -> str:
    """The row of preferences.json of the plan's accelerator."""
    return {"gpu": "gpu", "inf1": "inf1"}.get(model.image.processor, "trainium" if model.spec.silicon == "trainium" else "inf2")


def _x86_or_accelerated(usual_one: Compared, region: str) -> Sequence[InstanceType]:
    # A GPU of the usual deployment is right-sized among GPUs.
    return candidates("gpu" if usual_one.instance_type.split(".")[1].startswith("g") else "x86_64", region)


def _sized(model: ModelPlan, demand: Demand, before: Compared, offered: Sequence[InstanceType]) -> Compared:
    """Return the least of `offered` that hold the model, always on; what was before where nothing is better."""
    made = [Compared(_on(model, demand, before, item), item.name, before.region) for item in offered if _holds(model, item)]
    figures = mid_figures([item.usage for item in made])
    best = min(range(len(made)), key=lambda index: figures[index].carbon_g, default=None)
    if best is None or figures[best].carbon_g > mid_figures([before.usage])[0].carbon_g:
        return before
    return made[best]


def _on(model: ModelPlan, demand: Demand, before: Compared, item: InstanceType) -> Usage:
    logs = {"logs_gb": before.usage.logs_gb, "logs_kept_gb": before.usage.logs_kept_gb}
    return replace(unscaled(model.spec, demand, model.kind, before.region, item.name), **logs)


def _holds(model: ModelPlan, item: InstanceType) -> bool:
    spec = model.spec.as_given
    return holds_on_devices(spec, item) if item.processor == "gpu" else fits(item, containers_mb(spec))
