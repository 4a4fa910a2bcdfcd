"""How large: the smallest instance, or serverless memory, that holds the model and carries the load."""

from __future__ import annotations

import math

from ..catalog import limits, traffic
from ..catalog.discontinued import discontinued
from ..catalog.instances import InstanceType, cpu_candidates, in_region, instance
from ..errors import CatalogError
from .context import Request
from .types import Choice, ImagePlan, Rejected, ScalingPlan

# The server, the operating system and the page cache want a share of the memory.
_USABLE_MEMORY = 0.8
_SERVERLESS_MIN_CONCURRENCY = 5


def choose_instance(request: Request, image: ImagePlan, memory_mb: float, peak_rps: float) -> tuple[InstanceType, Choice]:
    """Return the instance type and why, checked when the spec names it.

    `memory_mb` is what server and models need, `peak_rps` the busiest requests per second.
    """
    named = getattr(request.spec.hosting, "instance_type", None)
    if named is not None:
        return _named(request, image, named, memory_mb)
    fitting = [
        item for item in cpu_candidates(image.architecture, request.region) if _fits(item, memory_mb)
    ]  # fmt: skip
    if not fitting:
        raise request.refuse("model.artifact", f"no {image.architecture} CPU instance in {request.region} holds it",
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
    low = getattr(request.spec.hosting, "min_instances", None) or floor
    high = getattr(request.spec.hosting, "max_instances", None) or max(
        low + 1, _power_of_two(2 * instances_needed(item, peak_rps, cpu))
    )
    if low > high:
        raise request.refuse("hosting.max_instances", f"below the {low} that availability: high keeps", found=str(high))
    if item.family.startswith("t") and low != high:
        raise request.refuse("hosting.instance_type", "burstable types cannot be autoscaled", found=item.name,
                             hint="another family, or min_instances equal to max_instances")  # fmt: skip
    target = round(item.vcpu * traffic.TARGET_UTILISATION / cpu * 60)
    why_low = "two zones for availability: high" if floor == 2 else "one when quiet"
    reason = f"{why_low}; {target:,} invocations per instance and minute (assumed)"
    return ScalingPlan(low, high, target), Choice("scaling", f"{low} to {high} instances", reason)


def choose_serverless(request: Request, memory_mb: float, peak_rps: float) -> tuple[int, int, Choice]:
    """Return serverless memory in MB, the maximum concurrency, and why."""
    steps = [step for step in limits.SERVERLESS_MEMORY_MB if step * _USABLE_MEMORY >= memory_mb]
    named = getattr(request.spec.hosting, "memory_mb", None)
    if not steps and named is None:
        raise request.refuse("hosting", f"serverless ends at {limits.SERVERLESS_MEMORY_MB[-1]:,} MB",
                             found=f"about {memory_mb:,.0f} MB needed", hint="hosting: real-time")  # fmt: skip
    memory = named or steps[0]
    cpu = traffic.cpu_seconds_per_request(request.spec.model.framework)
    needed = max(_SERVERLESS_MIN_CONCURRENCY, math.ceil(2 * peak_rps * max(cpu, 0.1)))
    concurrency = getattr(request.spec.hosting, "max_concurrency", None) or min(needed, limits.SERVERLESS_MAX_CONCURRENCY)
    reason = (
        f"smallest step with {memory_mb:,.0f} MB (estimate) for server and model" if named is None else "memory_mb in the spec"
    )
    return memory, concurrency, Choice("size", f"{memory} MB, {concurrency} at once", reason)


def instances_needed(item: InstanceType, peak_rps: float, cpu_seconds: float) -> int:
    """Return how many instances of `item` carry `peak_rps` at the target utilisation."""
    return max(1, math.ceil(peak_rps * cpu_seconds / (item.vcpu * traffic.TARGET_UTILISATION)))


def _named(request: Request, image: ImagePlan, name: str, memory_mb: float) -> tuple[InstanceType, Choice]:
    at = "hosting.instance_type"
    gone = discontinued(name)
    if gone:
        raise request.refuse(at, f"{gone.name} is discontinued", found=name, hint=gone.successor)
    try:
        item = instance(name)
    except CatalogError as error:
        raise request.refuse(at, str(error), found=name) from None
    available = in_region(request.region)
    if available is not None and name not in available:
        near = ", ".join(sorted(t for t in available if t.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1])[:6])
        raise request.refuse(at, f"{request.region} does not host {name}, according to AWS's price list", found=name, hint=near)
    if item.accelerator:
        raise request.refuse(at, f"{name} has an accelerator, and the image is for CPUs", found=name, hint="a CPU type")
    if item.architecture != image.architecture:
        message = f"{name} is {item.architecture}, but the image is {image.architecture}: exec format error"
        hint = "silicon: x86" if item.architecture == "x86_64" else "silicon: graviton"
        raise request.refuse(at, message, found=name, hint=hint)
    if not _fits(item, memory_mb):
        raise request.refuse(at, f"about {memory_mb:,.0f} MB are needed, {name} has {item.memory_gib:g} GiB", found=name)
    return item, Choice("instance", name, "instance_type in the spec")


def _fits(item: InstanceType, memory_mb: float) -> bool:
    return item.memory_gib * 1024 * _USABLE_MEMORY >= memory_mb


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
