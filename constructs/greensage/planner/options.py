"""Every legal way to host one model in the Regions it may run in, each with the month it would run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..catalog import limits
from ..catalog.figures import DAYS_PER_MONTH
from ..catalog.instances import InstanceType
from ..catalog.kinds import hosting_kind
from ..catalog.power import compute_units
from ..catalog.traffic import (
    BATCH_START_SECONDS,
    BATCH_UTILISATION,
    COMPONENT_LINGER_SECONDS,
    SERVERLESS_LINGER_SECONDS,
    TARGET_UTILISATION,
)
from ..errors import PlanError
from ..footprint import kinds
from ..footprint.demand import clock_of, containers_mb, jobs_per_day
from ..footprint.kinds import cold_share
from ..footprint.usage import Usage
from ..spec import BatchHosting
from .context import Request
from .kind import with_kind
from .latency import LATE_SHARE, answers_in_time, floor_ms, p95_ms, serverless_p95_ms
from .silicon import choose_image
from .size import fitting_types, floor_of, serverless_at_once, serverless_memory_mb, utilisation_on, warm_of
from .types import ImagePlan, Kind
from .usage import Size, usage_alone

SECONDS_PER_DAY = 86_400


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
    def keeps_by_middle(self) -> bool:
        """Whether the middle of the estimate keeps the SLA, whatever its band says."""
        wanted = self.request.spec.sla.latency_p95_ms
        return wanted is None or self.p95_ms is None or self.p95_ms <= wanted

    @property
    def size(self) -> str:
        """The instance type, or the memory."""
        return self.item.name if self.item else f"{self.memory_mb} MB" if self.memory_mb else "devices"

    @property
    def label(self) -> str:
        """Kind and size, for people."""
        return f"{self.kind} on {self.size}" if self.item else f"{self.kind} with {self.size}"


def options_of(
    request: Request, legal: Iterable[Kind], regions: Iterable[str]
) -> tuple[list[Option], list[tuple[Kind, PlanError]]]:
    """Return the options of `request`, and what AWS or the catalog said against the rest, by kind."""
    options: list[Option] = []
    errors: list[tuple[Kind, PlanError]] = []
    for kind in legal:
        asked = with_kind(request, kind)
        for region in regions:
            try:
                options += _options_in(asked.in_region(region), kind)
            except PlanError as error:
                errors.append((kind, error))
    return options, errors


def memory_mb(request: Request) -> float:
    """Return the memory in MB that all containers of the model are assumed to need."""
    return containers_mb(request.spec)


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
        types = fitting_types(request, image, needed, kind)
        in_time = [item for item in types if answers_in_time(kind, floor_ms(request.demand, item))]
        if not in_time:
            raise _too_slow(request, kind, min(floor_ms(request.demand, item) for item in types))
        yield from (_on_instances(_with_enough(request, kind, item), kind, image, item) for item in in_time)


def _with_enough(request: Request, kind: Kind, item: InstanceType) -> Request:
    """Jobs take the payload that the file says, and as many instances as let one end before the next begins.

    Instances are set where the planner chose the jobs; where the file names them, the plan says what would be needed.
    """
    hosting = request.spec.hosting
    if not isinstance(hosting, BatchHosting):
        return request
    changes: dict[str, int] = {}
    payload_mb = math.ceil((request.spec.traffic.payload_kb or 0) * 1000 / 1_048_576)
    if payload_mb > hosting.max_payload_mb and "max_payload_mb" not in hosting.model_fields_set:
        changes["max_payload_mb"] = payload_mb
    count = min(jobs_instances(request, item), limits.TRANSFORM_INSTANCES_MAX)
    if count > hosting.instances and request.located.content.get("hosting", "auto") == "auto":
        changes["instances"] = count
    return request.with_spec(hosting=hosting.model_copy(update=changes)) if changes else request


def jobs_instances(request: Request, item: InstanceType) -> int:
    """Return how many instances of `item` let one job end before the next begins."""
    demand, jobs = request.demand, jobs_per_day(request.spec)
    seconds = demand.requests / DAYS_PER_MONTH * demand.cpu_seconds / compute_units(item.name) / BATCH_UTILISATION
    left = SECONDS_PER_DAY - jobs * BATCH_START_SECONDS
    # Where starting alone takes longer than the time between two jobs, no number of instances helps.
    return max(1, math.ceil(seconds / left)) if left > 0 else limits.TRANSFORM_INSTANCES_MAX + 1


def _too_slow(request: Request, kind: Kind, answer_ms: float) -> PlanError:
    timeout = hosting_kind(kind).timeout
    assert timeout is not None
    return request.refuse(
        "traffic.cpu_ms_per_request", f"{kind} ends a request after {limits.shown(timeout)} ({limits.source_of(timeout)})",
        found=f"about {answer_ms / 1000:,.0f} s for one answer (estimate)", hint="hosting: asynchronous, or a faster model",
    )  # fmt: skip


def _serverless(request: Request, kind: Kind, image: ImagePlan) -> Option:
    demand = request.demand
    size = serverless_memory_mb(request, memory_mb(request))
    warm_ms = serverless_p95_ms(demand, size, warm=1)
    if not answers_in_time(kind, warm_ms):
        raise _too_slow(request, kind, warm_ms)
    at_once = serverless_at_once(demand, size)
    if at_once > limits.SERVERLESS_MAX_CONCURRENCY:
        raise request.refuse("hosting", f"serverless answers {limits.SERVERLESS_MAX_CONCURRENCY} requests at once at most",
                             found=f"about {at_once:,.0f} at the peak (estimate)", hint="hosting: real-time")  # fmt: skip
    warm, wanted = warm_of(request), request.spec.sla.latency_p95_ms
    estimate = serverless_p95_ms(demand, size, warm)
    at_worst = serverless_p95_ms(replace(demand, cpu_seconds=demand.cpu_seconds_high), size, warm)
    usage = usage_alone(kind, request.spec, demand, request.region, Size(None, size))
    return Option(request, kind, image, None, size, usage, estimate, wanted is None or at_worst <= wanted)


def _on_instances(request: Request, kind: Kind, image: ImagePlan, item: InstanceType) -> Option:
    demand, region, name = request.demand, request.region, item.name
    low = getattr(request.spec.hosting, "min_instances", None) or 0
    busy = utilisation_on(request, item, kind)
    row = hosting_kind(kind)
    usable = busy or TARGET_UTILISATION
    estimate = None if row.answers != "at-once" else p95_ms(demand, item, utilisation=usable)
    if row.shares == "copies":
        usage = kinds.components([demand], region, name, low, 1)
    elif row.shares:
        clocks = [clock_of(request.spec.traffic)]
        usage = kinds.shared([demand], clocks, region, name, floor_of(request), utilisation=usable)
    else:
        floor = low if row.answers == "queued" else floor_of(request)
        usage = usage_alone(kind, request.spec, demand, region, Size(name, floor=floor, utilisation=usable))
    return Option(request, kind, image, item, None, usage, estimate, keeps_sla=busy > 0 and not _too_often_asleep(request, kind))


def _too_often_asleep(request: Request, kind: Kind) -> bool:
    lingers = kept_alive_seconds(request, kind)
    waits = request.spec.sla.latency_p95_ms is not None and not math.isinf(lingers)
    return waits and cold_share(request.demand, lingers) > LATE_SHARE


def kept_alive_seconds(request: Request, kind: Kind) -> float:
    """Return how long something stays awake after a call, for kinds that sleep and whose callers wait; infinite for others."""
    row, hosting = hosting_kind(kind), request.spec.hosting
    if row.runs_on == "memory" and not warm_of(request):
        return SERVERLESS_LINGER_SECONDS
    asleep = row.shares == "copies" and not getattr(hosting, "min_copies", 1) and not getattr(hosting, "min_instances", 0)
    return COMPONENT_LINGER_SECONDS if asleep else math.inf
