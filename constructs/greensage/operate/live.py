"""What endpoints really took, as a month at the rate of a window, by the same formulas as the plan's estimate. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from ..catalog import traffic
from ..catalog.figures import HOURS_PER_MONTH, coefficient
from ..footprint import Footprint, Level, Serverless, Usage, estimate
from ..footprint.kinds import on_fraction
from ..planner import FleetFootprint
from .observed import Machines, Observed


@dataclass(frozen=True)
class LiveHost:
    """One endpoint: what was observed, and the month that follows if it goes on like this."""

    observed: Observed
    month: Footprint


def live_footprint(observed: Sequence[Observed]) -> list[LiveHost]:
    """Return each host's month at the rate of its window.

    Instance-hours, how busy instances were, requests and how long they took are measured; watts, embodied carbon and grams a
    kWh are the catalog's, and so is what a request logs. Raises CatalogError for an instance type that the catalog lacks.
    """
    usages = [_usages(row) for row in observed]
    flat = iter(estimate([usage for rows in usages for usage in rows]))
    found: list[LiveHost] = []
    for row, parts in zip(observed, usages, strict=True):
        month = reduce(add, [next(flat) for _ in parts])
        found.append(LiveHost(row, month))
    return found


def month_factor(observed: Observed) -> float:
    """Return by what amounts of the window have to be multiplied to be those of a month."""
    return HOURS_PER_MONTH / observed.hours


def share_of(name: str, live: LiveHost, footprints: FleetFootprint) -> float:
    """Return the part of an endpoint that is model `name`'s, as the report divides what is shared."""
    others = live.observed.host.models
    if len(others) == 1:
        return 1.0
    known = {item.name for item in footprints.models}
    shares = {other: footprints.of(other).share if other in known else 0.0 for other in others}
    return shares[name] / sum(shares.values()) if sum(shares.values()) else 1 / len(others)


def _usages(observed: Observed) -> list[Usage]:
    """One usage for each variant: requests and bytes are counted with the first."""
    times = month_factor(observed)
    requests = observed.traffic.requests * times
    logs = requests * traffic.LOG_KB_PER_REQUEST / 1e6
    network = requests * traffic.PAYLOAD_KB / 1e6
    made = [_usage(observed, item, times) for item in observed.machines]
    return [replace(made[0], requests=requests, logs_gb=logs, network_gb=network), *made[1:]]


def _usage(observed: Observed, machines: Machines, times: float) -> Usage:
    region, variant = observed.host.region, machines.variant
    if variant.instance_type is None:
        return Usage(region, 0.0, serverless=_serverless(observed, variant.memory_mb or 0, times))
    hours = machines.instance_hours * times
    # What was not published is taken to be idle: it can only be more.
    return Usage(region, 0.0, variant.instance_type, (Level(hours, 1, machines.cpu or 0.0),))


def _serverless(observed: Observed, memory_mb: int, times: float) -> Serverless:
    """By the time that requests took: an upper bound of the CPU time, and what is billed."""
    seconds = observed.traffic.requests * (observed.traffic.mean_seconds or 0.0) + observed.setup_seconds
    rate = observed.traffic.requests / observed.window.seconds
    lingering = on_fraction(rate, traffic.SERVERLESS_LINGER_SECONDS) * observed.window.seconds
    gb, vcpu = memory_mb / 1024, memory_mb / coefficient("serverless_mb_per_vcpu").value
    busy, held = seconds * times, max(seconds, lingering) * times
    return Serverless(busy * vcpu, held * gb, busy * gb, busy * gb)
