"""What an endpoint did in a window: requests and their peaks, latency, instance-hours and how busy they were, from CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog.instances import instance
from .deployed import Host, Variant
from .metrics import HOUR, MINUTE, Points, Query, Window, read_metrics

_REQUESTS, _MACHINES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
_MICROSECONDS, _HOURS_A_DAY = 1e6, 24
_Target = tuple[tuple[str, str], ...]
_Found = dict[Query, Points]


@dataclass(frozen=True)
class Traffic:
    """Requests to an endpoint or to one component, and how long they took. None is what nothing was published of.

    `peak` is requests a second in the busiest minute (or the finest period that CloudWatch still has); `hours` the mean
    rate a second in each hour of the day in UTC; `idle` the share of the window's hours in which no request came.
    """

    requests: float
    peak: float
    hours: tuple[float, ...]
    errors: float
    mean_seconds: float | None
    p95_ms: float | None
    idle: float = 0.0


@dataclass(frozen=True)
class Machines:
    """What one variant ran: hours on the bill, and the use of its instances as shares (0 to 1). None: not published.

    `counted` says that the hours come from what the instances published, and not from their count now.
    """

    variant: Variant
    instance_hours: float
    counted: bool
    most: float
    cpu: float | None = None
    cpu_peak: float | None = None
    memory_peak: float | None = None
    gpu: float | None = None
    disk_peak: float | None = None


@dataclass(frozen=True)
class Observed:
    """One host in `window`, which begins when the endpoint was made, if that was later."""

    host: Host
    window: Window
    traffic: Traffic
    machines: tuple[Machines, ...]
    components: tuple[tuple[str, Traffic], ...] = ()
    setup_seconds: float = 0.0

    @property
    def hours(self) -> float:
        """How long was looked at."""
        return self.window.seconds / HOUR


def observe(
    session: Any, hosts: Sequence[Host], window: Window, *, say: Callable[[str], None] = lambda text: None
) -> list[Observed]:
    """Return what each host did in `window`. Raises GreensageError where CloudWatch refuses."""
    found: list[Observed] = []
    for region in sorted({host.region for host in hosts}):
        there = [host for host in hosts if host.region == region]
        say(f"reading the metrics of {len(there)} endpoints in {region} ...")
        client = session.client("cloudwatch", region_name=region)
        fine = read_metrics(client, (query for host in there for query in _fine(host)), window, period=window.finest)
        coarse = read_metrics(client, (query for host in there for query in _coarse(host)), window, period=_coarse_period(window))
        found += [_observed(host, window, fine | coarse) for host in there]
    return found


def _coarse_period(window: Window) -> int:
    # Of a window of minutes, as on the local cloud, an hour would say too little.
    return HOUR if window.seconds >= _HOURS_A_DAY * HOUR else MINUTE


def _fine(host: Host) -> Iterable[Query]:
    """What is wanted minute by minute: how many requests."""
    for target in _targets(host):
        # Asynchronous endpoints publish no Invocations; how often a latency was noted says the same.
        yield from (Query(_REQUESTS, "Invocations", target, "Sum"), Query(_REQUESTS, "ModelLatency", target, "SampleCount"))


def _coarse(host: Host) -> Iterable[Query]:
    for target in _targets(host):
        yield from (Query(_REQUESTS, name, target, statistic) for name, statistic in _OF_TRAFFIC)
    for variant, target in zip(host.variants, _of_variants(host), strict=True):
        yield from (Query(_MACHINES, name, target, statistic) for name, statistic in _OF_MACHINES)
        if variant.memory_mb:
            yield Query(_REQUESTS, "ModelSetupTime", target, "Sum")


_OF_TRAFFIC = (
    ("Invocation5XXErrors", "Sum"), ("ModelLatency", "Sum"), ("ModelLatency", "SampleCount"), ("ModelLatency", "p95"),
)  # fmt: skip
_OF_MACHINES = (
    ("CPUUtilization", "Sum"), ("CPUUtilization", "SampleCount"), ("CPUUtilization", "Maximum"), ("MemoryUtilization", "Maximum"),
    ("GPUUtilization", "Average"), ("DiskUtilization", "Maximum"),
)  # fmt: skip


def _targets(host: Host) -> list[_Target]:
    return [*_of_variants(host), *(_of_component(name) for _, name in host.components)]


def _of_variants(host: Host) -> list[_Target]:
    return [(("EndpointName", host.endpoint), ("VariantName", item.name)) for item in host.variants]


def _of_component(name: str) -> _Target:
    return (("InferenceComponentName", name),)


def _observed(host: Host, window: Window, found: _Found) -> Observed:
    looked_at = Window(max(window.start, host.created), window.end)
    variants, own = _of_variants(host), [_of_component(item) for _, item in host.components]
    return Observed(
        # Behind components SageMaker counts the requests of each, and none of the endpoint.
        host, looked_at, _traffic(own or variants, looked_at, found),
        tuple(_machines(item, target, looked_at, found) for item, target in zip(host.variants, variants, strict=True)),
        tuple((name, _traffic([target], looked_at, found)) for (name, _), target in zip(host.components, own, strict=True)),
        sum(_values(found, _REQUESTS, variants, "ModelSetupTime", "Sum")) / _MICROSECONDS,
    )  # fmt: skip


def _values(found: _Found, namespace: str, targets: Sequence[_Target], name: str, statistic: str) -> list[float]:
    """The points of one statistic, of all targets."""
    return [value for target in targets for _, value in found.get(Query(namespace, name, target, statistic), ())]


def _traffic(targets: Sequence[_Target], window: Window, found: _Found) -> Traffic:
    def values(name: str, statistic: str) -> list[float]:
        return _values(found, _REQUESTS, targets, name, statistic)

    minutes: dict[float, float] = {}
    for target in targets:
        counted = found.get(Query(_REQUESTS, "Invocations", target, "Sum")) or found.get(
            Query(_REQUESTS, "ModelLatency", target, "SampleCount"), ()
        )
        for at, value in counted:
            minutes[at] = minutes.get(at, 0.0) + value
    requests = sum(minutes.values())
    timed, p95 = sum(values("ModelLatency", "SampleCount")), values("ModelLatency", "p95")
    return Traffic(
        requests=requests,
        peak=max(minutes.values(), default=0.0) / window.finest,
        hours=_by_hour(minutes, window),
        errors=sum(values("Invocation5XXErrors", "Sum")),
        mean_seconds=sum(values("ModelLatency", "Sum")) / _MICROSECONDS / timed if timed else None,
        p95_ms=max(p95) / 1000 if p95 else None,
        idle=_idle(minutes, window),
    )


def _idle(minutes: dict[float, float], window: Window) -> float:
    """The share of the window's hours without a request; of a window of minutes, as on the local cloud, of its minutes."""
    length = _coarse_period(window)
    begun = int(window.start // length)
    whole = max(1, int(-(-window.end // length)) - begun)
    busy = {int(at // length) for at, value in minutes.items() if value}
    return max(0.0, 1 - len(busy) / whole)


def _by_hour(minutes: dict[float, float], window: Window) -> tuple[float, ...]:
    """The mean rate a second in each hour of the day; in hours that the window does not have it is zero."""
    seconds, totals = [0.0] * _HOURS_A_DAY, [0.0] * _HOURS_A_DAY
    at = window.start
    while at < window.end:
        until = min(window.end, (at // HOUR + 1) * HOUR)
        seconds[int(at // HOUR) % _HOURS_A_DAY] += until - at
        at = until
    for moment, value in minutes.items():
        totals[int(moment // HOUR) % _HOURS_A_DAY] += value
    return tuple(total / length if length else 0.0 for total, length in zip(totals, seconds, strict=True))


def _machines(variant: Variant, target: _Target, window: Window, found: _Found) -> Machines:
    def points(name: str, statistic: str) -> list[float]:
        return _values(found, _MACHINES, [target], name, statistic)

    memory, gpu, disk = (
        points("MemoryUtilization", "Maximum"),
        points("GPUUtilization", "Average"),
        points("DiskUtilization", "Maximum"),
    )
    samples = points("CPUUtilization", "SampleCount")
    total = sum(samples)
    hours = window.seconds / HOUR
    if variant.instance_type is None or not total:
        return Machines(
            variant, variant.instances * hours, False, variant.instances, memory_peak=max(memory, default=0.0) / 100 or None
        )
    # CPUUtilization is summed over the cores: 400 % of four.
    cores = 100 * instance(variant.instance_type).vcpu
    return Machines(
        variant,
        # Each instance notes one value every `publish_seconds`.
        total * variant.publish_seconds / HOUR,
        counted=True,
        most=max(value * variant.publish_seconds / _coarse_period(window) for value in samples),
        cpu=sum(points("CPUUtilization", "Sum")) / total / cores,
        cpu_peak=max(points("CPUUtilization", "Maximum")) / cores,
        memory_peak=max(memory) / 100 if memory else None,
        gpu=sum(gpu) / len(gpu) / 100 if gpu else None,
        disk_peak=max(disk) / 100 if disk else None,
    )
