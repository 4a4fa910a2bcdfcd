"""What can be scaled: instances of a variant, warm environments, copies of a component; how to read and set it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import components
from .rules import COPY_DIMENSION, COUNT_DIMENSION, WARM_DIMENSION
from .state import Variant, store
from .wire import validation_error

_VARIANT = re.compile(r"^endpoint/([A-Za-z0-9-]+)/variant/([A-Za-z0-9-]+)$")
_COMPONENT = re.compile(r"^inference-component/([A-Za-z0-9-]+)$")
# Predefined metrics by dimension: the metric behind each, and its statistic over a minute.
PREDEFINED: dict[str, dict[str, tuple[str, str]]] = {
    COUNT_DIMENSION: {
        "SageMakerVariantInvocationsPerInstance": ("InvocationsPerInstance", "Sum"),
        "SageMakerVariantConcurrentRequestsPerModelHighResolution": ("ConcurrentRequestsPerModel", "Maximum"),
    },
    WARM_DIMENSION: {
        "SageMakerVariantProvisionedConcurrencyUtilization": ("ServerlessProvisionedConcurrencyUtilization", "Maximum")
    },
    COPY_DIMENSION: {
        "SageMakerInferenceComponentInvocationsPerCopy": ("InvocationsPerCopy", "Sum"),
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": ("ConcurrentRequestsPerCopy", "Maximum"),
    },
}


@dataclass(frozen=True)
class Scalable:
    """One thing that scales: its capacity, the least it may have, its metrics' dimensions, and why it cannot, if so."""

    get: Callable[[], int]
    set: Callable[[int], None]
    least: int
    dimensions: dict[str, str]
    refusal: str = ""


def scalable(resource_id: str, dimension: str) -> Scalable:
    """Return what `resource_id` names; AWS's error when there is no such thing, or it does not scale that way."""
    match = _COMPONENT.match(resource_id)
    if match and dimension == COPY_DIMENSION and match.group(1) in store().components:
        component = components.find(match.group(1))
        return Scalable(
            lambda: component.copies, lambda count: components.set_copies(component, count), 0,
            {"InferenceComponentName": component.name},
        )  # fmt: skip
    found = _variant(resource_id)
    if found is None or dimension == COPY_DIMENSION or (dimension == WARM_DIMENSION) != (found[1].instance_type is None):
        raise validation_error(f"No scalable resource was found for service namespace sagemaker: {resource_id}, {dimension}.")
    return _of_variant(*found, dimension)


def _of_variant(endpoint: str, variant: Variant, dimension: str) -> Scalable:
    name = variant.name

    # Looked up each time: an update puts another variant of the same name in its place.
    def now() -> Variant:
        return store().endpoints[endpoint].variants[name]

    dimensions = {"EndpointName": endpoint, "VariantName": name}
    if dimension == WARM_DIMENSION:
        cold = "" if variant.warm else f"Variant {name} has no provisioned concurrency."
        return Scalable(lambda: now().warm, lambda count: setattr(now(), "warm", count), 1, dimensions, cold)
    asynchronous = store().endpoints[endpoint].fleet.asynchronous is not None
    burstable = (variant.instance_type or "").startswith("ml.t2.")
    refusal = f"Variants on burstable instances ({variant.instance_type}) cannot be scaled." if burstable else ""
    return Scalable(
        lambda: now().desired, lambda count: setattr(now(), "desired", count), 0 if asynchronous else 1, dimensions, refusal
    )


def _variant(resource_id: str) -> tuple[str, Variant] | None:
    match = _VARIANT.match(resource_id)
    endpoint = store().endpoints.get(match.group(1)) if match else None
    variant = endpoint.variants.get(match.group(2)) if endpoint and match else None
    return (endpoint.name, variant) if endpoint and variant else None
