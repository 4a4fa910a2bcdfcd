"""How large: the smallest instance, or serverless memory, that holds the model and carries the load."""

from __future__ import annotations

import math

from ..catalog import limits, traffic
from ..catalog.discontinued import discontinued
from ..catalog.instances import InstanceType, batch_types, candidates, in_region, instance, is_burstable
from ..errors import CatalogError
from .context import Request
from .silicon import silicon_of
from .types import Choice, ImagePlan, Kind, Rejected, ScalingPlan


def choose_instance(
    request: Request, image: ImagePlan, memory_mb: float, peak_rps: float, kind: Kind
) -> tuple[InstanceType, Choice]:
    """Return the instance type and why, checked when the spec names it.

    `memory_mb` is what server and models need, `peak_rps` the busiest requests per second.
    """
    named = getattr(request.spec.hosting, "instance_type", None)
    if named is not None:
        return _named(request, image, named, memory_mb, kind), Choice("instance", named, "instance_type in the spec")
    silicon = silicon_of(request, request.spec.model) if image.processor != "cpu" else image.architecture
    offered = [item for item in candidates(silicon, request.region, batch=kind == "batch") if _one_gpu(item, kind)]
    fitting = [item for item in offered if _fits(item, memory_mb)]
    if not fitting:
        what = f"no {silicon} instance type in {request.region} holds it" if offered else f"{request.region} hosts no {silicon}"
        raise request.refuse("silicon" if not offered else "model.artifact", what,
                             found=f"about {memory_mb:,.0f} MB", hint="another Region, or a smaller model")  # fmt: skip
    cpu = traffic.cpu_seconds_per_request(request.spec.model.framework)
    chosen = next((item for item in fitting if instances_needed(item, peak_rps, cpu) <= traffic.MAX_INSTANCES), fitting[-1])
    smaller = Rejected("a smaller one", "there is none" if chosen is fitting[0] else "would need too many instances")
    other = next((item for item in fitting if item.vcpu == chosen.vcpu and item is not chosen), None)
    rejected = (smaller, *((Rejected(other.name, "same size, later in the order of preference"),) if other else ()))
    reason = f"smallest with {memory_mb:,.0f} MB (estimate) for server and model; {peak_rps:.2f} requests/s at peak (estimate)"
    return chosen, Choice("instance", chosen.name, reason, rejected)


def choose_scaling(request: Request, item: InstanceType, peak_rps: float) -> tuple[ScalingPlan, Choice]:
    """Return the scaling limits: from what availability needs to twice the estimated peak."""
    cpu = traffic.cpu_seconds_per_request(request.spec.model.framework)
    floor = 2 if request.spec.sla.availability == "high" else 1
    named_low = getattr(request.spec.hosting, "min_instances", None)
    low = floor if named_low is None else named_low
    high = getattr(request.spec.hosting, "max_instances", None) or max(
        low + 1, _power_of_two(2 * instances_needed(item, peak_rps, cpu))
    )
    if low > high:
        raise request.refuse("hosting.max_instances", f"below the {low} that availability: high keeps", found=str(high))
    if is_burstable(item.name) and low != high:
        raise request.refuse("hosting.instance_type", "burstable types cannot be autoscaled", found=item.name,
                             hint="another family, or min_instances equal to max_instances")  # fmt: skip
    target = round(item.vcpu * traffic.TARGET_UTILISATION / cpu * 60)
    why_low = "two zones for availability: high" if floor == 2 else "one when quiet"
    reason = f"{why_low}; {target:,} invocations per instance and minute (assumed)"
    if request.spec.high_resolution_metrics:
        concurrent = item.vcpu * traffic.CONCURRENT_REQUESTS_PER_VCPU
        reason = f"{why_low}; {concurrent:g} requests under way per model (assumed), seen every 10 seconds"
        return ScalingPlan(low, high, target, concurrent), Choice("scaling", f"{low} to {high} instances", reason)
    return ScalingPlan(low, high, target), Choice("scaling", f"{low} to {high} instances", reason)


def choose_serverless(request: Request, memory_mb: float, peak_rps: float) -> tuple[int, int, Choice]:
    """Return serverless memory in MB, the maximum concurrency, and why."""
    steps = [step for step in limits.SERVERLESS_MEMORY_MB if step * traffic.USABLE_MEMORY >= memory_mb]
    named = getattr(request.spec.hosting, "memory_mb", None)
    if not steps and named is None:
        raise request.refuse("hosting", f"serverless ends at {limits.SERVERLESS_MEMORY_MB[-1]:,} MB",
                             found=f"about {memory_mb:,.0f} MB needed", hint="hosting: real-time")  # fmt: skip
    memory = named or steps[0]
    cpu = traffic.cpu_seconds_per_request(request.spec.model.framework)
    needed = max(traffic.SERVERLESS_MIN_CONCURRENCY, math.ceil(2 * peak_rps * max(cpu, 0.1)))
    concurrency = getattr(request.spec.hosting, "max_concurrency", None) or min(needed, limits.SERVERLESS_MAX_CONCURRENCY)
    reason = (
        f"smallest step with {memory_mb:,.0f} MB (estimate) for server and model" if named is None else "memory_mb in the spec"
    )
    return memory, concurrency, Choice("size", f"{memory} MB, {concurrency} at once", reason)


def instances_needed(item: InstanceType, peak_rps: float, cpu_seconds: float) -> int:
    """Return how many instances of `item` carry `peak_rps` at the target utilisation."""
    return max(1, math.ceil(peak_rps * cpu_seconds / (item.vcpu * traffic.TARGET_UTILISATION)))


def zero_scaling(request: Request) -> tuple[ScalingPlan, Choice]:
    """Return the limits of asynchronous hosting: from nothing, unless the spec keeps something warm."""
    hosting = request.spec.hosting
    low = getattr(hosting, "min_instances", None) or 0
    high = getattr(hosting, "max_instances", None) or max(2, low)
    backlog = getattr(hosting, "backlog_per_instance", 0.0)
    reason = f"zero when the queue is empty, one as soon as something waits, more above {backlog:g} waiting per instance"
    return ScalingPlan(low, high, backlog), Choice("scaling", f"{low} to {high} instances", reason)


def named_instance(request: Request, image: ImagePlan, name: str, kind: Kind) -> InstanceType:
    """Return the instance type that the spec names; PlanError when hosting, the Region, the kind or the image has it not."""
    at = "hosting.instance_type"
    gone = discontinued(name)
    if gone:
        raise request.refuse(at, f"{gone.name} is discontinued", found=name, hint=gone.successor)
    try:
        item = instance(name)
    except CatalogError as error:
        raise request.refuse(at, str(error), found=name) from None
    available = in_region(request.region)
    if available is not None and kind != "batch" and name not in available:
        near = ", ".join(sorted(t for t in available if t.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1])[:6])
        raise request.refuse(at, f"{request.region} does not host {name}, according to AWS's price list", found=name, hint=near)
    if kind == "batch" and name not in batch_types():
        near = ", ".join(sorted(t for t in batch_types() if t.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1])[:6])
        source = "botocore, TransformInstanceType"
        raise request.refuse(
            at, f"batch transform does not have {name} ({source})", found=name, allowed=near, hint="silicon: x86"
        )
    if not _one_gpu(item, kind):
        source = "developer guide, multi-model-endpoints"
        raise request.refuse(at, f"multi-model endpoints take types with one GPU ({source})", found=name, hint="ml.g5.xlarge")
    if item.processor != image.processor:
        hint = {"cpu": "silicon: auto", "gpu": "silicon: gpu"}.get(item.processor, "model.compiled_for: inf1, inf2 or trainium")
        message = f"{name} needs an image and artifact for {item.processor}, and these are for {image.processor}"
        raise request.refuse(at, message, found=name, hint=hint)
    if item.architecture != image.architecture:
        message = f"{name} is {item.architecture}, but the image is {image.architecture}: exec format error"
        hint = "silicon: x86" if item.architecture == "x86_64" else "silicon: graviton"
        raise request.refuse(at, message, found=name, hint=hint)
    return item


def _named(request: Request, image: ImagePlan, name: str, memory_mb: float, kind: Kind) -> InstanceType:
    item = named_instance(request, image, name, kind)
    if not _fits(item, memory_mb):
        message = f"about {memory_mb:,.0f} MB are needed, {name} has {item.memory_gib:g} GiB"
        raise request.refuse("hosting.instance_type", message, found=name, hint="leave it out: the smallest that fits is taken")
    return item


def _one_gpu(item: InstanceType, kind: Kind) -> bool:
    return kind != "multi-model" or item.processor != "gpu" or item.accelerators == 1


def _fits(item: InstanceType, memory_mb: float) -> bool:
    return item.memory_gib * 1024 * traffic.USABLE_MEMORY >= memory_mb


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
