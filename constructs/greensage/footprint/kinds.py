"""A month of each hosting kind: from demand and size to instance hours and seconds. No figure of energy or money here."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace

from ..catalog import traffic
from ..catalog.figures import DAYS_PER_MONTH, HOURS_PER_MONTH, coefficient, reference_type
from ..catalog.power import compute_units, speed
from .demand import Demand
from .usage import Level, Serverless, Usage

Clock = Sequence[tuple[float, float]]


def instances_needed(
    instance_type: str, peak_rps: float, cpu_seconds: float, utilisation: float = traffic.TARGET_UTILISATION
) -> int:
    """Return how many instances carry `peak_rps` when each may be busy to `utilisation`; at least one."""
    # Floats may end just above a whole number, which must not ask for one instance more.
    return max(1, math.ceil(peak_rps * cpu_seconds / (compute_units(instance_type) * utilisation) - 1e-9))


def on_fraction(rate: float, linger_seconds: float) -> float:
    """Return the share of time in which something lives that lingers after each request.

    Requests at random times (Poisson): the busy share of an M/D/infinity queue, 1 - exp(-rate x linger).
    """
    return -math.expm1(-rate * linger_seconds)


def cold_share(demand: Demand, linger_seconds: float) -> float:
    """Return the share of requests (0 to 1) that find nothing alive: before which none came for `linger_seconds` (Poisson).

    Where nobody knows which hours are active, they are taken as scattered over the day, which is the worse of the two.
    """
    hours = _hours_and_rates(demand)
    every = sum(count * rate for count, rate in hours)
    return _finding_nothing(hours, linger_seconds) / every if every else 0.0


def _cold_starts(demand: Demand, linger_seconds: float) -> float:
    """Return the cold starts of a month, which more requests never make fewer.

    The requests of :func:`cold_share` are fewer the closer calls follow each other; by then some overlap, and each that finds its
    environment busy starts another. As nobody knows how many, the most that a calmer month has is counted.
    """
    calm = [(count, min(rate, 1 / linger_seconds)) for count, rate in _hours_and_rates(demand)]
    return DAYS_PER_MONTH * 3600 * _finding_nothing(calm, linger_seconds)


def _hours_and_rates(demand: Demand) -> list[tuple[float, float]]:
    """Hours of a day with their requests a second; scattered ones are spread over all 24."""
    hours = [(item.hours, item.rate) for item in demand.hours]
    return [(24.0, sum(count * rate for count, rate in hours) / 24)] if demand.scattered else hours


def _finding_nothing(hours: Sequence[tuple[float, float]], linger_seconds: float) -> float:
    """Requests before which none came for that long, in the unit of hours times rate."""
    return sum(count * rate * math.exp(-rate * linger_seconds) for count, rate in hours)


def always_on(
    demand: Demand, region: str, instance_type: str, floor: int, *,
    utilisation: float = traffic.TARGET_UTILISATION, shares: Sequence[float] = (1.0,), fixed: float | None = None,
    most: int | None = None,
) -> Usage:  # fmt: skip
    """Return a month of an endpoint on instances that follow the load, up to `most`; `fixed` keeps that many instead.

    `utilisation` is how busy they may be at the peak. `shares` are the parts of the traffic that production and shadow
    variants get; each has instances of its own.
    """
    levels: list[Level] = []
    units = compute_units(instance_type)
    for share in shares:
        for item in demand.hours:
            count = fixed or max(floor, instances_needed(instance_type, item.peak * share, demand.cpu_seconds, utilisation))
            count = min(count, most) if most else count
            busy = item.rate * share * demand.cpu_seconds / (count * units)
            levels.append(Level(item.hours * DAYS_PER_MONTH, count, min(1.0, busy)))
    return _all_bytes([demand], Usage(region, demand.requests, instance_type, tuple(levels)))


def asynchronous(demand: Demand, region: str, instance_type: str, floor: int, most: int | None = None) -> Usage:
    """Return a month of an asynchronous endpoint: instances, `most` at most, live while something waits, and linger a while."""
    levels: list[Level] = []
    linger = traffic.ASYNCHRONOUS_LINGER_SECONDS + traffic.ASYNCHRONOUS_WAKE_SECONDS
    units = compute_units(instance_type)
    for item in demand.hours:
        # By the mean rate, not the peak: the queue holds what comes in bursts.
        count = max(floor, instances_needed(instance_type, item.rate, demand.cpu_seconds))
        count = min(count, most) if most else count
        busy = item.rate * demand.cpu_seconds / (count * units)
        # Alive while it works, too, and never less than the work takes.
        alive = on_fraction(item.rate, linger + demand.cpu_seconds / units)
        share = 1.0 if floor else min(1.0, max(alive, busy))
        levels.append(Level(item.hours * DAYS_PER_MONTH * share, count, min(1.0, busy / share) if share else 0.0))
    # Each request is an object that is put and read, and so is each answer.
    objects = (("s3_put", 2 * demand.requests), ("s3_get", 2 * demand.requests)) if demand.requests else ()
    usage = Usage(region, demand.requests, instance_type, tuple(levels), services=objects)
    return _with_files(demand, usage, demand.network_gb)


def batch(demand: Demand, region: str, instance_type: str, jobs_per_day: float, instances: int = 1) -> Usage:
    """Return a month of batch jobs: all instances start, share the work at the batch utilisation, and end."""
    busy_hours = demand.requests * demand.cpu_seconds / compute_units(instance_type) / traffic.BATCH_UTILISATION / 3600
    jobs = jobs_per_day * DAYS_PER_MONTH if demand.requests else 0
    start = Level(jobs * traffic.BATCH_START_SECONDS / 3600, instances, 0.0)
    work = Level(busy_hours, 1, traffic.BATCH_UTILISATION)
    return _with_files(demand, Usage(region, demand.requests, instance_type, (start, work)), demand.files_gb)


def serverless(demand: Demand, region: str, memory_mb: int, warm: int = 0) -> Usage:
    """Return a month of a serverless endpoint; `warm` is its provisioned concurrency, which is held and billed all month."""
    gb, seconds = memory_mb / 1024, serverless_seconds(demand, memory_mb)
    held = billed_warm = 0.0
    for item in demand.hours:
        hours = item.hours * DAYS_PER_MONTH
        lingering = on_fraction(item.rate, traffic.SERVERLESS_LINGER_SECONDS)
        environments = max(1.0, item.rate * seconds / traffic.TARGET_UTILISATION)
        held += hours * 3600 * max(lingering * environments, warm)
        billed_warm += hours * 3600 * warm
    starts = 0.0 if warm else _cold_starts(demand, traffic.SERVERLESS_LINGER_SECONDS)
    busy = demand.requests * seconds + starts * traffic.COLD_START_SECONDS
    billed = demand.requests * seconds + billed_warm * coefficient("serverless_provisioned_share").value
    vcpu = memory_mb / coefficient("serverless_mb_per_vcpu").value
    used = Serverless(busy * vcpu, max(held, busy) * gb, busy * gb, billed * gb)
    return _all_bytes([demand], Usage(region, demand.requests, serverless=used))


def serverless_seconds(demand: Demand, memory_mb: int) -> float:
    """Return how long one request takes in an environment of `memory_mb`: CPU time on its share of a vCPU, and overhead."""
    vcpu = memory_mb / coefficient("serverless_mb_per_vcpu").value
    # One core at most serves the part that does not run in parallel.
    effective = vcpu if vcpu <= 1 else 1 / ((1 - demand.parallel) + demand.parallel / vcpu)
    return demand.cpu_seconds / (effective * speed(reference_type()).value) + traffic.OVERHEAD_MS / 1000


def shared(
    demands: Sequence[Demand], clocks: Sequence[Clock], region: str, instance_type: str, floor: int, *,
    utilisation: float = traffic.TARGET_UTILISATION,
) -> Usage:  # fmt: skip
    """Return a month of an endpoint that several models share, hour by hour, so that peaks at different hours do not add up."""
    work, peak = NO_WORK, NO_WORK
    for demand, clock in zip(demands, clocks, strict=True):
        work, peak = (
            added(work, [rate * demand.cpu_seconds for rate, _ in clock]),
            added(peak, [top * demand.cpu_seconds for _, top in clock]),
        )
    levels = shared_levels(work, peak, instance_type, floor, utilisation=utilisation)
    return _all_bytes(demands, Usage(region, sum(item.requests for item in demands), instance_type, levels))


def shared_levels(
    work: Sequence[float], peak: Sequence[float], instance_type: str, floor: int, *,
    utilisation: float = traffic.TARGET_UTILISATION, weights: Sequence[int] | None = None,
) -> tuple[Level, ...]:  # fmt: skip
    """Return the levels of an endpoint with `work` m5 vCPU-seconds a second in each hour of the day, `peak` at the busiest.

    `utilisation` is how busy its instances may be; `weights` say how many hours each entry stands for, default one.
    """
    units, lowest = compute_units(instance_type), max(floor, 1)
    usable = units * utilisation
    hours: dict[tuple[float, float], float] = {}
    for mean, top, weight in zip(work, peak, weights or (1,) * len(work), strict=True):
        count = lowest if top <= usable * lowest else max(lowest, math.ceil(top / usable - 1e-9))
        key = (count, min(1.0, mean / (count * units)))
        hours[key] = hours.get(key, 0.0) + DAYS_PER_MONTH * weight
    return tuple(Level(total, *key) for key, total in hours.items())


NO_WORK: tuple[float, ...] = (0.0,) * 24


def added(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    """Return the sum, hour by hour."""
    return tuple(map(operator.add, first, second))


def components(demands: Sequence[Demand], region: str, instance_type: str, floor: int, count: int) -> Usage:
    """Return a month of inference components on `count` instances, down to `floor` when nothing has been called for a while."""
    rate = sum(item.requests for item in demands) / (HOURS_PER_MONTH * 3600)
    work = sum(item.requests * item.cpu_seconds for item in demands) / (HOURS_PER_MONTH * 3600)
    units = compute_units(instance_type)
    on = max(floor, count, math.ceil(work / (units * traffic.TARGET_UTILISATION) - 1e-9))
    share = max(on_fraction(rate, traffic.COMPONENT_LINGER_SECONDS), work / (on * units))
    levels = [Level(HOURS_PER_MONTH * share, on, min(1.0, work / (on * units * share)) if share else 0.0)]
    if floor:
        levels.append(Level(HOURS_PER_MONTH * (1 - share), floor, 0.0))
    return _all_bytes(demands, Usage(region, sum(item.requests for item in demands), instance_type, tuple(levels)))


def stored_only(demand: Demand, region: str) -> Usage:
    """Return a month of a model that runs on devices: the cloud only keeps the artifact."""
    return Usage(region, demand.requests, stored_gb=demand.artifact_gb)


def _with_files(demand: Demand, usage: Usage, gb: float) -> Usage:
    """Inputs and results, `gb` a month, lie in S3 until they expire."""
    bytes_too = _all_bytes([demand], usage)
    return replace(bytes_too, network_gb=gb, stored_gb=bytes_too.stored_gb + gb * demand.files_days / DAYS_PER_MONTH)


def _all_bytes(demands: Sequence[Demand], usage: Usage) -> Usage:
    return replace(
        usage,
        stored_gb=sum(item.artifact_gb for item in demands),
        # What is written is only billed; what is kept takes disks.
        logs_gb=sum(item.logs_gb * item.logs_price_share for item in demands),
        logs_kept_gb=sum(item.logs_gb * item.logs_days / DAYS_PER_MONTH for item in demands),
        network_gb=sum(item.network_gb for item in demands),
    )
