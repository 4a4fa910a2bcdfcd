"""What a fleet's carbon hangs on most: each assumption moved to the ends of its band, all others kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..catalog.figures import quality_factor
from ..catalog.power import power
from ..catalog.regions import region
from ..footprint.demand import cpu_quality, cpu_seconds
from ..spec import ModelSpec
from .fleet import FleetFootprint, fleet_footprint
from .types import Plan

# What is asked of traffic: half and twice as many requests.
_TRAFFIC = 2.0


@dataclass(frozen=True)
class Sensitivity:
    """One assumption: the fleet's gCO2e a month where it is at the end that takes least, and at the one that takes most."""

    what: str
    low_g: float
    high_g: float

    @property
    def swing_g(self) -> float:
        """How far apart the two are."""
        return self.high_g - self.low_g


def sensitivities(plan: Plan, footprint: FleetFootprint) -> tuple[Sensitivity, ...]:
    """Return the assumptions behind the fleet's carbon, the one that matters most first; the plan itself stays as it is."""
    total = footprint.total
    carbon, grid, pue, making = total.carbon_g.mid, [0.0, 0.0], [0.0, 0.0], total.embodied_g
    watts = [0.0, 0.0]
    for model in plan.models:
        item, place = footprint.of(model.name), region(model.region)
        grams = item.footprint.operational_g.mid
        _add(grid, grams, place.intensity.spread)
        _add(pue, grams, place.pue.spread)
        host = plan.group_of(model) or model
        if host.instance_type:
            _add(watts, item.host.parts[0].mid, power(host.instance_type).half_w.spread)
    found = [
        Sensitivity("intensity of the grid", carbon + grid[0], carbon + grid[1]),
        Sensitivity("watts of the instances", carbon + watts[0], carbon + watts[1]),
        Sensitivity("embodied emissions", carbon - making.mid + making.low, carbon - making.mid + making.high),
        Sensitivity("PUE", carbon + pue[0], carbon + pue[1]),
        _again(plan, "CPU time of a request", _with_cpu, lambda spec: quality_factor(cpu_quality(spec))),
        _again(plan, "requests, half or twice as many", _with_requests, lambda spec: _TRAFFIC),
    ]
    return tuple(sorted(found, key=lambda item: -item.swing_g))


def _add(ends: list[float], grams: float, spread: tuple[float, float]) -> None:
    ends[0] += grams / spread[0] - grams
    ends[1] += grams * spread[1] - grams


def _again(
    plan: Plan, what: str, change: Callable[[ModelSpec, float], ModelSpec], factor: Callable[[ModelSpec], float]
) -> Sensitivity:
    """The footprint of the same plan for other demand."""
    ends: list[float] = []
    for up in (False, True):
        models = tuple(
            replace(model, spec=change(model.spec, factor(model.spec) if up else 1 / factor(model.spec))) for model in plan.models
        )
        ends.append(fleet_footprint(Plan(models, plan.groups)).total.carbon_g.mid)
    return Sensitivity(what, min(ends), max(ends))


def _with_cpu(spec: ModelSpec, factor: float) -> ModelSpec:
    traffic = spec.traffic.model_copy(update={"cpu_ms_per_request": cpu_seconds(spec) * 1000 * factor})
    return spec.model_copy(update={"traffic": traffic})


def _with_requests(spec: ModelSpec, factor: float) -> ModelSpec:
    asked = spec.traffic
    peak = asked.peak_requests_per_second
    changes = {
        "requests_per_day": round(asked.requests_per_day * factor),
        "peak_requests_per_second": peak * factor if peak else None,
    }
    return spec.model_copy(update={"traffic": asked.model_copy(update=changes)})
