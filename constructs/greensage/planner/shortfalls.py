"""Where a plan falls short of what its file asks: groups, the SLA, and limits that are below what the peak needs."""

from __future__ import annotations

from collections.abc import Iterator

from ..catalog import limits, traffic
from ..catalog.figures import quality_factor
from ..catalog.instances import candidates
from ..catalog.kinds import hosting_kind, kind_that_shares
from ..footprint.demand import Demand
from ..footprint.kinds import cold_share, instances_needed
from ..text import duration_ms
from .choose import Chosen, least
from .latency import LATE_SHARE, answers_in_time, floor_ms
from .options import jobs_instances, kept_alive_seconds, memory_mb
from .size import serverless_at_once, warm_of

MEASURED = quality_factor("measured")


def shortfalls(chosen: Chosen) -> Iterator[str]:
    """Yield a sentence for each, with the key to look at."""
    for look in (_of_the_group, _of_the_sla, _of_the_capacity, _of_the_memory, _of_the_job):
        yield from look(chosen)


def _of_the_group(chosen: Chosen) -> Iterator[str]:
    """A group that the model does not go to, and why."""
    spec, kind = chosen.request.spec, chosen.option.kind
    if spec.group is None or hosting_kind(kind).shares is not None:
        return
    if spec.hosting != "auto":
        why = f"the file asks for {kind}, which shares nothing"
    else:
        why = chosen.against.get(chosen.request.together or kind_that_shares("server")) or "it takes less alone"
    yield f"group: {spec.group} is not honoured, so this one has hosting of its own: {why}"


def _of_the_sla(chosen: Chosen) -> Iterator[str]:
    option, demand = chosen.option, chosen.option.request.demand
    wanted = option.request.spec.sla.latency_p95_ms
    if option.p95_ms is not None and not answers_in_time(option.kind, option.p95_ms):
        yield f"the p95 is estimated at {duration_ms(option.p95_ms)}, and {option.kind} ends a request before: it fails at load"
    if option.keeps_sla or wanted is None:
        return
    cold = cold_share(demand, kept_alive_seconds(option.request, option.kind))
    if cold > LATE_SHARE:
        yield (
            f"about {cold:.0%} of calls find nothing awake (Poisson), and a p95 leaves {LATE_SHARE:.0%}: {option.kind} does not "
            f"keep {wanted:,} ms. Leave sla.latency_p95_ms out if that is fine, or keep something warm"
        )
        return
    silicon = {"gpu" if item.option.image.processor == "gpu" else item.option.image.architecture for item in chosen.options}
    types = [item for name in silicon for item in candidates(name, option.request.region)] if option.item else []
    fastest = min(types, key=lambda item: floor_ms(demand, item), default=None)
    floor = (
        f"{duration_ms(floor_ms(demand, fastest))} on the fastest, {fastest.name}" if fastest else duration_ms(option.p95_ms or 0)
    )
    late = duration_ms(option.p95_ms or 0)
    yield (
        f"nothing is estimated to keep the SLA's p95 of {wanted:,} ms: network and container take about "
        f"{traffic.OVERHEAD_MS:g} ms (assumed), with the model {floor}{_with_band(demand)}. {option.label} is the least "
        f"{least(chosen)}, at about {late}; set traffic.cpu_ms_per_request to what you measured"
    )


def _with_band(demand: Demand) -> str:
    """What the SLA is kept with: the high end of the CPU time."""
    return f", and the CPU time may be {demand.cpu_factor:g} times that" if demand.cpu_factor > MEASURED else ""


def _of_the_capacity(chosen: Chosen) -> Iterator[str]:
    """Where a limit of the file is below what the peak needs."""
    option, hosting, demand = chosen.option, chosen.option.request.spec.hosting, chosen.option.request.demand
    row, most = hosting_kind(option.kind), getattr(hosting, "max_instances", None)
    if option.item is not None and most is not None and row.shares is None and row.answers != "files":
        peak = demand.peak if row.answers == "at-once" else max(item.rate for item in demand.hours)
        needed = instances_needed(option.item.name, peak, demand.cpu_seconds)
        if needed > most:
            yield f"hosting.max_instances is {most}, and the busiest hour needs about {needed:,} of {option.item.name} (estimate)"
    follows = getattr(hosting, "scaling", None)
    if follows:
        yield f"the estimate counts instances by CPU time, and not by hosting.scaling ({follows.metric} near {follows.target:g})"


def _of_the_memory(chosen: Chosen) -> Iterator[str]:
    """The same for hosting by memory: concurrency, what is kept warm, and the memory itself."""
    option, hosting = chosen.option, chosen.option.request.spec.hosting
    if option.memory_mb is None:
        return
    at_once, warm = serverless_at_once(option.request.demand, option.memory_mb), warm_of(option.request)
    allowed = getattr(hosting, "max_concurrency", None) or limits.SERVERLESS_MAX_CONCURRENCY
    under_way = f"about {at_once:,.0f} requests are under way at the peak (estimate)"
    if at_once > allowed:
        yield f"hosting.max_concurrency is {allowed}, and {under_way}"
    if warm and at_once > warm:
        yield f"hosting.provisioned_concurrency is {warm}, and {under_way}: the others start cold"
    needed = memory_mb(option.request)
    if needed > option.memory_mb * traffic.USABLE_MEMORY:
        yield f"hosting.memory_mb is {option.memory_mb}, and about {needed:,.0f} MB are needed, an estimate: set model.memory_mb"


def _of_the_job(chosen: Chosen) -> Iterator[str]:
    option = chosen.option
    if option.item is None or hosting_kind(option.kind).answers != "files":
        return
    needed, given = jobs_instances(option.request, option.item), getattr(option.request.spec.hosting, "instances", 1)
    if needed > given:
        if needed > limits.TRANSFORM_INSTANCES_MAX:
            yield "a job takes longer than the time between two: fewer jobs, a faster model, or an endpoint (estimate)"
            return
        yield (
            f"a job would not end before the next begins: about {needed:,} instances of {option.item.name} would do it, "
            f"and there are {given} (estimate; hosting.instances, at most {limits.TRANSFORM_INSTANCES_MAX})"
        )
