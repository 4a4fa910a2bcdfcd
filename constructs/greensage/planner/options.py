"""Every legal way to host one model in the Regions it may run in, each with the month it would run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..catalog import limits
from ..catalog.instances import InstanceType
from ..catalog.kinds import hosting_kind
from ..catalog.traffic import TARGET_UTILISATION
from ..errors import PlanError
from ..footprint import kinds
from ..footprint.demand import clock_of, container_mb, sources_of
from ..footprint.usage import Usage
from .context import Request
from .kind import with_kind
from .latency import p95_ms, serverless_p95_ms
from .silicon import choose_image
from .size import fitting_types, floor_of, serverless_memory_mb, utilisation_on
from .types import ImagePlan, Kind
from .usage import Size, usage_alone


@dataclass(frozen=True)
class Option:
    """One way to host a model. `request` says it as a spec would; `item` is None for serverless and edge."""

    request: Request
    kind: Kind
    image: ImagePlan
    item: InstanceType | None
    memory_mb: int | None
    usage: Usage
    p95_ms: float | None
    keeps_sla: bool

    @property
    def size(self) -> str:
        """The instance type, or the memory."""
        return self.item.name if self.item else f"{self.memory_mb} MB" if self.memory_mb else "devices"

    @property
    def label(self) -> str:
        """Kind and size, for people."""
        return f"{self.kind} on {self.size}" if self.item else f"{self.kind} with {self.size}"


def options_of(request: Request, legal: Iterable[Kind], regions: Iterable[str]) -> tuple[list[Option], list[PlanError]]:
    """Return the options of `request`, and what AWS or the catalog said against the rest."""
    options: list[Option] = []
    errors: list[PlanError] = []
    for kind in legal:
        asked = with_kind(request, kind)
        for region in regions:
            try:
                options += _options_in(replace(asked, region=region), kind)
            except PlanError as error:
                errors.append(error)
    return options, errors


def memory_mb(request: Request) -> float:
    """Return the memory in MB that all containers of the model are assumed to need."""
    return sum(map(container_mb, sources_of(request.spec)))


def _options_in(request: Request, kind: Kind) -> Iterator[Option]:
    image, _ = choose_image(request, kind)
    row = hosting_kind(kind)
    if row.runs_on == "devices":
        usage = usage_alone(kind, request.spec, request.demand, request.region, Size(None))
        yield Option(request, kind, image, None, None, usage, None, keeps_sla=True)
    elif row.runs_on == "memory":
        yield _serverless(request, kind, image)
    else:
        # What a component reserves is checked where all of its group are placed.
        needed = 0.0 if row.shares == "copies" else memory_mb(request)
        for item in fitting_types(request, image, needed, kind):
            yield _on_instances(request, kind, image, item)


def _serverless(request: Request, kind: Kind, image: ImagePlan) -> Option:
    demand = request.demand
    size = serverless_memory_mb(request, memory_mb(request))
    at_once = demand.peak * kinds.serverless_seconds(demand, size)
    if at_once > limits.SERVERLESS_MAX_CONCURRENCY:
        raise request.refuse("hosting", f"serverless answers {limits.SERVERLESS_MAX_CONCURRENCY} requests at once at most",
                             found=f"about {at_once:,.0f} at the peak (estimate)", hint="hosting: real-time")  # fmt: skip
    estimate, wanted = serverless_p95_ms(demand, size), request.spec.sla.latency_p95_ms
    usage = usage_alone(kind, request.spec, demand, request.region, Size(None, size))
    return Option(request, kind, image, None, size, usage, estimate, wanted is None or estimate <= wanted)


def _on_instances(request: Request, kind: Kind, image: ImagePlan, item: InstanceType) -> Option:
    demand, region, name = request.demand, request.region, item.name
    low = getattr(request.spec.hosting, "min_instances", None) or 0
    busy = utilisation_on(request, item, kind)
    row = hosting_kind(kind)
    estimate = None if row.answers != "at-once" else p95_ms(demand, item, utilisation=busy or TARGET_UTILISATION)
    usable = busy or TARGET_UTILISATION
    if row.shares == "copies":
        usage = kinds.components([demand], region, name, low, 1)
    elif row.shares:
        clocks = [clock_of(request.spec.traffic)]
        usage = kinds.shared([demand], clocks, region, name, floor_of(request), utilisation=usable)
    else:
        floor = low if row.answers == "queued" else floor_of(request)
        usage = usage_alone(kind, request.spec, demand, region, Size(name, floor=floor, utilisation=usable))
    return Option(request, kind, image, item, None, usage, estimate, keeps_sla=busy > 0)
