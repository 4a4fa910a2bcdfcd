"""How long an answer takes at the busiest hour: service time and waiting, an estimate to size by."""

from __future__ import annotations

from ..catalog import traffic
from ..catalog.instances import InstanceType
from ..catalog.power import compute_units, speed
from ..footprint.demand import Demand
from ..footprint.kinds import instances_needed, serverless_seconds

# The 95th percentile of an exponentially distributed wait is about three times its mean.
_P95_OF_WAIT = 3.0


def p95_ms(demand: Demand, item: InstanceType, *, load: float | None = None) -> float:
    """Return the estimated 95th percentile in milliseconds on as many instances as the peak needs.

    `load` is the busiest work in m5 vCPU-seconds a second where others share the endpoint; default: the demand's own.

    Service time after Amdahl (1967) over the cores; mean wait after Sakasegawa (1977) for M/M/c:
    W = s x u^(sqrt(2(c+1)) - 1) / (c(1 - u)), with c servers of service time s at utilisation u.
    """
    units = compute_units(item.name)
    work = demand.peak * demand.cpu_seconds if load is None else load
    count = instances_needed(item.name, work, 1.0)
    busy = min(work / (count * units), 0.99)
    if item.accelerator:
        servers, service = count * item.accelerators, demand.cpu_seconds / speed(item.name).value
    elif demand.parallel:
        servers, service = count, demand.cpu_seconds / speed(item.name).value * _amdahl(demand.parallel, item.vcpu)
    else:
        servers, service = count * item.vcpu, demand.cpu_seconds / speed(item.name).value
    wait = service * busy ** ((2 * (servers + 1)) ** 0.5 - 1) / (servers * (1 - busy))
    return traffic.OVERHEAD_MS + 1000 * (service + _P95_OF_WAIT * wait)


def serverless_p95_ms(demand: Demand, memory_mb: int) -> float:
    """Return the estimate for a warm serverless environment: each request has its own, so nothing waits."""
    return 1000 * serverless_seconds(demand, memory_mb)


def _amdahl(parallel: float, cores: int) -> float:
    return (1 - parallel) + parallel / cores
