"""What Inference Recommender measured, with energy and carbon at the model's own load, and the pick: SLA, then carbon. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog import recommender
from ..catalog.figures import HOURS_PER_MONTH
from ..catalog.power import compute_units
from ..catalog.prices import hourly_price
from ..errors import GreensageError
from ..footprint import Level, Usage, estimate
from ..footprint.demand import demand_of
from ..planner import ModelPlan

# In the id of a recommendation of the local cloud, which measures on this machine.
LOCAL = "local-load-test"
_P95_BAND = 1.1  # a p95 of a short test is taken to be so much off
_USED = 0.999


@dataclass(frozen=True)
class Measured:
    """One instance type: what one instance sustained, and what the model's own load would take on it in a month.

    `rate` is requests a second, `latency_ms` AWS's ModelLatency; `instances` hold the peak with room. `why_not` is empty for
    what keeps the SLA. `local` says that no such instance was asked.
    """

    instance_type: str
    rate: float
    latency_ms: float
    instances: int
    energy_kwh: float
    carbon_g: float
    cost_usd: float
    why_not: str
    local: bool

    @property
    def cpu_ms(self) -> float:
        """CPU time of one request on one m5 vCPU, by what an instance sustained."""
        return compute_units(self.instance_type) / self.rate * 1000


def measured_of(rows: Sequence[Mapping[str, Any]], model: ModelPlan) -> list[Measured]:
    """Return what AWS answered for `model`, the best first. Rows without a rate, which AWS could not measure, are left out.

    Raises GreensageError where nothing was measured, CatalogError for a type that the catalog lacks.
    """
    found = [_measured(row, model) for row in rows if (row.get("Metrics") or {}).get("MaxInvocations")]
    if not found:
        raise GreensageError(f"{model.name}: Inference Recommender measured no instance type; look at its job's logs")
    return sorted(found, key=lambda item: (bool(item.why_not), item.carbon_g, item.cost_usd))


def pick(found: Sequence[Measured]) -> Measured | None:
    """Return the best that keeps the SLA; None where none does."""
    return next((item for item in found if not item.why_not), None)


def _measured(row: Mapping[str, Any], model: ModelPlan) -> Measured:
    name = str(row["EndpointConfiguration"]["InstanceType"])
    rate, latency = row["Metrics"]["MaxInvocations"] / 60, float(row["Metrics"]["ModelLatency"])
    demand = demand_of(model.spec)
    usable = rate * recommender.setting("load")
    instances = max(model.spec.sla.instances_kept, math.ceil(demand.peak / usable))
    levels = tuple(
        Level(HOURS_PER_MONTH * part.hours / 24, instances, min(_USED, part.rate / (instances * rate))) for part in demand.hours
    )
    (month,) = estimate([Usage(model.region, demand.requests, name, levels)])
    wanted = model.spec.sla.latency_p95_ms
    missed = wanted is not None and latency * _P95_BAND > wanted
    why = f"{latency:.0f} ms, and {wanted} are wanted with 10% to spare" if missed else ""
    return Measured(
        name, rate, latency, instances, month.energy_kwh.mid, month.carbon_g.mid,
        instances * HOURS_PER_MONTH * hourly_price(name, model.region).value, why, LOCAL in str(row.get("RecommendationId", "")),
    )  # fmt: skip
