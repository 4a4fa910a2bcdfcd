"""How long an answer takes, an estimate to size by: service time and waiting, and how busy an instance may be to keep an SLA."""

from __future__ import annotations

from functools import cache

from ..catalog import limits, traffic
from ..catalog.instances import InstanceType
from ..catalog.kinds import Kind, hosting_kind
from ..catalog.power import speed
from ..footprint.demand import Demand
from ..footprint.kinds import cold_share, serverless_seconds

# The 95th percentile of an exponentially distributed wait is about three times its mean.
_P95_OF_WAIT = 3.0
# What a 95th percentile leaves to be late.
LATE_SHARE = 0.05
# Leaves a millionth of the range.
_HALVINGS = 20


def p95_ms(demand: Demand, item: InstanceType, *, utilisation: float = traffic.TARGET_UTILISATION) -> float:
    """Return the estimated 95th percentile in milliseconds on instances that are busy to `utilisation` (0 to 1).

    Service time after Amdahl (1967) over the cores; mean wait after Sakasegawa (1977) for M/M/c on one instance:
    W = s x u^(sqrt(2(c+1)) - 1) / (c(1 - u)), with c servers of service time s at utilisation u.
    """
    return _p95_ms(demand.cpu_seconds, demand.parallel, item, utilisation)


def floor_ms(demand: Demand, item: InstanceType) -> float:
    """Return the least that an answer takes on `item`, in milliseconds: network, container and the model, nobody waiting."""
    return _p95_ms(demand.cpu_seconds, demand.parallel, item, 0.0)


def answers_in_time(kind: Kind, answer_ms: float) -> bool:
    """Return whether an answer of `answer_ms` comes before the timeout of `kind`."""
    timeout = hosting_kind(kind).timeout
    return timeout is None or answer_ms <= 1000 * limits.count(timeout)


@cache
def usable_utilisation(cpu_seconds: float, parallel: float, item: InstanceType, wanted_ms: float | None) -> float:
    """Return how busy an instance may be at the peak: at most the target, less where the SLA wants it, 0 where nothing helps.

    `cpu_seconds` is the high end of its band (`Demand.cpu_seconds_high`), so that an SLA is not kept to the millisecond only.
    """
    target = traffic.TARGET_UTILISATION
    if wanted_ms is None or _p95_ms(cpu_seconds, parallel, item, target) <= wanted_ms:
        return target
    if _p95_ms(cpu_seconds, parallel, item, 0.0) > wanted_ms:
        return 0.0
    low, high = 0.0, target
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _p95_ms(cpu_seconds, parallel, item, middle) <= wanted_ms else (low, middle)
    return low


def serverless_p95_ms(demand: Demand, memory_mb: int, warm: int = 0) -> float:
    """Return the estimate for serverless: each request has its own environment, so nothing waits but for a cold start.

    Where more than one call in twenty is cold, the 95th percentile is a cold start. `warm` is the provisioned concurrency.
    """
    cold = not warm and cold_share(demand, traffic.SERVERLESS_LINGER_SECONDS) > LATE_SHARE
    return 1000 * (serverless_seconds(demand, memory_mb) + (traffic.COLD_START_SECONDS if cold else 0.0))


@cache
def _p95_ms(cpu_seconds: float, parallel: float, item: InstanceType, busy: float) -> float:
    servers, service = item.vcpu, cpu_seconds / speed(item.name).value
    if item.accelerator:
        servers = item.accelerators
    elif parallel:
        # A request that spreads over all cores is served alone: one server, as fast as Amdahl allows.
        servers, service = 1, service * ((1 - parallel) + parallel / item.vcpu)
    wait = service * busy ** ((2 * (servers + 1)) ** 0.5 - 1) / (servers * (1 - busy))
    return traffic.OVERHEAD_MS + 1000 * (service + _P95_OF_WAIT * wait)
