"""How large: the smallest instance of each family, or serverless memory, that holds the model and meets the latency."""

from __future__ import annotations

import math
from dataclasses import replace
from difflib import get_close_matches
from functools import cache

from ..catalog import limits, traffic
from ..catalog.accelerators import device_gib, usable_device_mb
from ..catalog.discontinued import discontinued
from ..catalog.instances import InstanceType, batch_types, candidates, in_region, instance, is_burstable
from ..catalog.kinds import hosting_kind
from ..catalog.power import compute_units, power
from ..errors import CatalogError
from ..footprint.demand import Demand, devices_mb, hosts_mb, size_mb
from ..footprint.kinds import instances_needed, serverless_seconds
from ..spec import MetricScaling, ModelSpec
from .context import Request
from .latency import serverless_p95_ms, usable_utilisation
from .silicon import silicon_of
from .types import Choice, ImagePlan, Kind, ScalingPlan

_WORTH_SAYING_MB = 1_000


def fitting_types(request: Request, image: ImagePlan, memory_mb: float, kind: Kind) -> tuple[InstanceType, ...]:
    """Return the instance types to choose among: of each family the smallest that hold `memory_mb` and keep the latency.

    The type that the spec names stands alone; whether it holds the model is said (`memory_note`), and not refused. A family
    that has no type as fast as the SLA wants offers what it would without one, and the plan says so.

    Raises PlanError where nothing holds the model.
    """
    named = getattr(request.spec.hosting, "instance_type", None)
    if named is not None:
        return (named_instance(request, image, named, kind),)
    silicon = silicon_of(request, request.spec.model) if image.processor != "cpu" else image.architecture
    offered = _offered(silicon, request.region, kind)
    fitting = ([item for item in items if holds(request, image, item, memory_mb)] for items in offered.values())
    found = tuple(item for items in fitting if items for item in _of_family(items, request, kind))
    if not found:
        what = f"no {silicon} instance type in {request.region} holds it" if offered else f"{request.region} hosts no {silicon}"
        found_ = request.spec.silicon if not offered else f"about {_needed(request, image, memory_mb):,.0f} MB"
        hint = "another Region, or silicon: auto" if not offered else "another Region, or a smaller model"
        raise request.refuse("silicon" if not offered else "model.artifact", what, found=found_, hint=hint)
    return found


def utilisation_on(request: Request, item: InstanceType, kind: Kind) -> float:
    """Return how busy `item` may be at the peak for the SLA's latency to be kept (0: it cannot keep it)."""
    # Instances are sized by latency where somebody waits for the answer.
    wanted = request.spec.sla.latency_p95_ms if hosting_kind(kind).answers == "at-once" else None
    return usable_utilisation(request.demand.cpu_seconds_high, request.demand.parallel, item, wanted)


def _of_family(items: list[InstanceType], request: Request, kind: Kind) -> list[InstanceType]:
    """Return the sizes to choose among: the smallest, and larger ones only while the latency holds the smaller back.

    Beside a size of which few carry the peak stands one of which it takes more, where that draws clearly less.
    """
    if _by_jobs(kind):
        # A job takes the time that it takes: a larger size would only be emptier at its end.
        return items[:1]
    found: list[InstanceType] = []
    lean: InstanceType | None = None
    for item in items:
        busy = utilisation_on(request, item, kind)
        count = _count_on(request, item, busy) if busy else traffic.MOST_INSTANCES + 1
        if count > traffic.MAX_INSTANCES:
            lean = lean or (item if count <= traffic.MOST_INSTANCES else None)
            continue
        found.append(item)
        # At the target utilisation, or at the floor anyway, a larger size would only be emptier.
        if busy >= traffic.TARGET_UTILISATION or count <= floor_of(request):
            break
    if lean and (not found or _watts_per_unit(lean) < traffic.WORTH_MORE_INSTANCES * _watts_per_unit(found[0])):
        found.append(lean)
    # The largest machine would not keep the SLA either, so none is bought for it.
    return found or [_without_sla(items, request)]


def _watts_per_unit(item: InstanceType) -> float:
    return power(item.name).full_w.value / compute_units(item.name)


def _without_sla(items: list[InstanceType], request: Request) -> InstanceType:
    few = (item for item in items if _count_on(request, item, traffic.TARGET_UTILISATION) <= traffic.MAX_INSTANCES)
    return next(few, items[-1])


def _count_on(request: Request, item: InstanceType, busy: float) -> int:
    return instances_needed(item.name, request.demand.peak, request.demand.cpu_seconds, busy)


@cache
def _offered(silicon: str, region: str, kind: Kind) -> dict[str, list[InstanceType]]:
    """The types of each family, smallest first."""
    families: dict[str, list[InstanceType]] = {}
    for item in candidates(silicon, region, batch=_by_jobs(kind)):
        if _one_gpu(item, kind):
            families.setdefault(item.family, []).append(item)
    return families


def choose_scaling(request: Request, item: InstanceType, peak_rps: float, utilisation: float) -> tuple[ScalingPlan, Choice]:
    """Return the scaling limits: from what availability needs to twice the estimated peak.

    `utilisation` is how busy an instance may be at the target.
    """
    cpu = request.demand.cpu_seconds
    floor = floor_of(request)
    # In powers of two, the limit stays as it is over a wide range of traffic.
    high = getattr(request.spec.hosting, "max_instances", None) or max(
        floor + 1, _power_of_two(2 * instances_needed(item.name, peak_rps, cpu, utilisation))
    )
    if floor > high:
        raise request.refuse("hosting.max_instances", f"below the {floor} that availability: high keeps", found=str(high))
    if is_burstable(item.name) and floor != high:
        raise request.refuse("hosting.instance_type", "burstable types cannot be autoscaled", found=item.name,
                             hint="another family, or min_instances equal to max_instances")  # fmt: skip
    target = max(1, round(compute_units(item.name) * utilisation / cpu * 60))
    why_low = "two zones for availability: high" if request.spec.sla.availability == "high" else "one when quiet"
    reason = f"{why_low}; {target:,} invocations per instance and minute (assumed)"
    concurrent = None
    if request.spec.high_resolution_metrics:
        concurrent = item.vcpu * traffic.CONCURRENT_REQUESTS_PER_VCPU
        reason = f"{why_low}; {concurrent:g} requests under way per model (assumed), seen every 10 seconds"
    follows: MetricScaling | None = getattr(request.spec.hosting, "scaling", None)
    if follows is not None:
        reason = f"{why_low}; {follows.metric} near {follows.target:g}, as the file says"
        if follows.namespace is None and follows.metric not in limits.INSTANCE_METRICS:
            near = get_close_matches(follows.metric, limits.INSTANCE_METRICS, n=1, cutoff=0.5)
            raise request.refuse(
                "hosting.scaling.metric", "instances publish no such metric; one of your own needs its namespace",
                found=follows.metric, allowed=", ".join(limits.INSTANCE_METRICS),
                hint=f"{near[0]}?" if near else "namespace: NAME",
            )  # fmt: skip
    plan = ScalingPlan(floor, high, target, concurrent, utilisation)
    return plan, Choice("scaling", f"{floor} to {high} instances", reason)


def floor_of(request: Request) -> int:
    """Return how many instances an endpoint that answers at once keeps: the spec's, two for high availability, or one."""
    named = getattr(request.spec.hosting, "min_instances", None)
    return request.spec.sla.instances_kept if named is None else named


def serverless_memory_mb(request: Request, memory_mb: float) -> int:
    """Return the smallest memory step that holds `memory_mb` and meets the latency. PlanError where there is none."""
    named = getattr(request.spec.hosting, "memory_mb", None)
    if named is not None:
        return named
    steps = [step for step in limits.SERVERLESS_MEMORY_MB if step * traffic.USABLE_MEMORY >= memory_mb]
    if not steps:
        raise request.refuse("hosting", f"serverless ends at {limits.SERVERLESS_MEMORY_MB[-1]:,} MB",
                             found=f"about {memory_mb:,.0f} MB needed", hint="hosting: real-time")  # fmt: skip
    demand, wanted = request.demand, request.spec.sla.latency_p95_ms
    # More memory is more CPU, so fewer requests are under way at once.
    steps = [step for step in steps if serverless_at_once(demand, step) <= limits.SERVERLESS_MAX_CONCURRENCY] or steps
    if wanted is None:
        return steps[0]
    late = replace(demand, cpu_seconds=demand.cpu_seconds_high)
    fast = (step for step in steps if serverless_p95_ms(late, step, warm_of(request)) <= wanted)
    # Where no step is fast enough a larger one would only take more, and the plan says that the SLA is not kept.
    return next(fast, steps[0])


def serverless_at_once(demand: Demand, memory_mb: int) -> float:
    """Return how many requests are under way at the peak in environments of `memory_mb`."""
    return demand.peak * serverless_seconds(demand, memory_mb)


def warm_of(request: Request) -> int:
    """Return how many serverless environments are kept warm."""
    return getattr(request.spec.hosting, "provisioned_concurrency", None) or 0


def serverless_concurrency(request: Request) -> int:
    """Return the maximum concurrency: the spec's, or twice the estimated peak within AWS's limit."""
    needed = max(
        traffic.SERVERLESS_MIN_CONCURRENCY, math.ceil(2 * request.peak_requests_per_second * max(request.demand.cpu_seconds, 0.1))
    )
    return getattr(request.spec.hosting, "max_concurrency", None) or min(needed, limits.SERVERLESS_MAX_CONCURRENCY)


def zero_scaling(request: Request) -> tuple[ScalingPlan, Choice]:
    """Return the limits of asynchronous hosting: from nothing, unless the spec keeps something warm."""
    hosting = request.spec.hosting
    low = getattr(hosting, "min_instances", None) or 0
    high = getattr(hosting, "max_instances", None) or max(2, low)
    backlog = getattr(hosting, "backlog_per_instance", 0.0)
    idle = f"{low} kept awake" if low else "zero when the queue is empty, one as soon as something waits"
    reason = f"{idle}, more above {backlog:g} waiting per instance"
    return ScalingPlan(low, high, backlog), Choice("scaling", f"{low} to {high} instances", reason)


def named_instance(request: Request, image: ImagePlan, name: str, kind: Kind) -> InstanceType:
    """Return the instance type that the spec names; PlanError when hosting, the Region, the kind or the image has it not."""
    at = "hosting.instance_type"
    # Asked before the catalog, which knows no type that is gone, nor what to use instead.
    gone = discontinued(name)
    if gone:
        raise request.refuse(at, f"{gone.name} is discontinued", found=name, hint=gone.successor)
    try:
        item = instance(name)
    except CatalogError as error:
        raise request.refuse(at, str(error), found=name) from None
    available = in_region(request.region)
    if available is not None and not _by_jobs(kind) and name not in available:
        near = ", ".join(sorted(t for t in available if t.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1])[:6])
        raise request.refuse(at, f"{request.region} does not host {name}, according to AWS's price list", found=name, hint=near)
    if _by_jobs(kind) and name not in batch_types():
        near = ", ".join(sorted(t for t in batch_types() if t.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1])[:6])
        source = "botocore, TransformInstanceType"
        raise request.refuse(
            at, f"batch transform does not have {name} ({source})", found=name, allowed=near, hint="silicon: x86"
        )
    if not _one_gpu(item, kind):
        source = hosting_kind(kind).one_gpu
        raise request.refuse(at, f"{kind} endpoints take types with one GPU ({source})", found=name, hint="ml.g5.xlarge")
    if item.processor != image.processor:
        hint = {"cpu": "silicon: auto", "gpu": "silicon: gpu"}.get(item.processor, "model.compiled_for: inf1, inf2 or trainium")
        message = f"{name} needs an image and artifact for {item.processor}, and these are for {image.processor}"
        raise request.refuse(at, message, found=name, hint=hint)
    if item.architecture != image.architecture:
        message = f"{name} is {item.architecture}, but the image is {image.architecture}: exec format error"
        hint = "silicon: x86" if item.architecture == "x86_64" else "silicon: graviton"
        raise request.refuse(at, message, found=name, hint=hint)
    return item


def memory_note(request: Request, image: ImagePlan, item: InstanceType, memory_mb: float) -> str | None:
    """Return the sum where a model is on a GPU, or on a type that the file names and that may be too small; else None."""
    if image.processor != "gpu":
        if fits(item, memory_mb):
            return None
        return (
            f"about {memory_mb:,.0f} MB are needed, an estimate, and {item.name} has {item.memory_gib:g} GiB: set model.memory_mb"
        )
    device, total = device_gib(item), devices_mb(request.spec)
    if device is None:
        return None
    source = request.spec.model
    held = f" in {source.precision}" if source.precision else ""
    how = "model.memory_mb" if source.memory_mb else f"{size_mb(source):,.0f} MB of weights{held} and a fifth more"
    said = f"GPU memory: {how} is {total / 1000:,.1f} GB; {item.name} has {item.accelerators} x {device:g} GiB"
    count = devices_needed(request.spec, item)
    if count > item.accelerators:
        return f"{said}, too little; a larger type, model.precision, or model.memory_mb if you measured less"
    if count == 1:
        # Of what is small beside any device there is nothing to say.
        return said if total > _WORTH_SAYING_MB else None
    return f"{said}: it takes {count} devices, and a container that divides it among them"


def devices_needed(spec: ModelSpec, item: InstanceType) -> int:
    """Return how many devices of `item` the model takes; 1 where their memory is not known."""
    usable = usable_device_mb(item)
    return 1 if usable is None else math.ceil(devices_mb(spec) / usable)


def holds(request: Request, image: ImagePlan, item: InstanceType, memory_mb: float) -> bool:
    """Return whether `item` holds the model by estimate: in its memory, or on its devices with the weights beside them."""
    on_devices = image.processor == "gpu" and memory_mb
    return holds_on_devices(request.spec, item) if on_devices else fits(item, memory_mb)


def holds_on_devices(spec: ModelSpec, item: InstanceType) -> bool:
    """Return whether the devices of `item` hold the weights, and its memory what lies beside them, by estimate."""
    return fits(item, hosts_mb(spec)) and devices_needed(spec, item) <= item.accelerators


def _needed(request: Request, image: ImagePlan, memory_mb: float) -> float:
    return devices_mb(request.spec) if image.processor == "gpu" else memory_mb


def _by_jobs(kind: Kind) -> bool:
    """Jobs that score files have instance types of their own, and no price list that says where."""
    return hosting_kind(kind).answers == "files"


def _one_gpu(item: InstanceType, kind: Kind) -> bool:
    return not hosting_kind(kind).one_gpu or item.processor != "gpu" or item.accelerators == 1


def fits(item: InstanceType, memory_mb: float) -> bool:
    """Return whether `memory_mb` fit into the memory of `item` that servers and models may fill."""
    return traffic.usable_memory_mb(item.memory_gib) >= memory_mb


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
