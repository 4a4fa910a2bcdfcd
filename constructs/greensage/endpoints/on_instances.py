"""What endpoints on instances share: the check of the type, the variants, capture, and the scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..catalog import limits
from ..catalog.instances import inference_ami, is_burstable, local_storage
from ..core import defaults
from ..core.checked import check_count, check_number, check_text, check_type, is_known
from ..core.names import generation_of
from .base import DEFAULT_VARIANT, Endpoint, EndpointDefinition, VariantDefinition
from .container import ModelDefinition, Variant
from .deployment import DEFAULT_DEPLOYMENT, GuardedDeployment
from .image import ContainerImage
from .instance import check_instance
from .network import Network
from .props import DataCapture
from .scaling import TargetTracking, VariantScaling

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import InstanceProps

SHADOW = "Shadow"


class InstanceEndpoint(Endpoint):
    """Base of the kinds that run on instances; `scaling` is the VariantScaling, or None for a fixed count of one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model: ModelDefinition,
        instance_type: str,
        scaling: TargetTracking | None,
        weight: float = defaults.WEIGHT,
        variants: Mapping[str, Variant] | None = None,
        shadow: Variant | None = None,
        capture: DataCapture | None = None,
        kind: str = "",
        config: Mapping[str, Any] | None = None,
        error_metrics: Sequence[str] | None = None,
        **props: Unpack[InstanceProps],
    ) -> None:
        _check_kinds(instance_type, scaling, capture, shadow, props)
        self._instance_type = instance_type
        others = dict(variants or {})
        check_number("weight", weight, least=0)
        _check_variants(others, shadow)
        # The containers of one endpoint are of one silicon (check_containers), so the first stands for all.
        image = next(iter(model.containers.values())).image
        main = variant_settings(instance_type, image, scaling.min_instances if scaling else 1, scaling)
        beside = [_definition(name, item, instance_type) for name, item in others.items()]
        shown = _definition(SHADOW, shadow, instance_type) if shadow else None
        settings = {**(config or {}), **(_capture_config(capture, props) if capture else {})}
        # Inferentia 1 has no guarded deployments (developer guide, deployment-guardrails-exclusions).
        props.setdefault("deployment", None if image.processor == "inf1" else DEFAULT_DEPLOYMENT)
        super().__init__(
            scope,
            id,
            definition=EndpointDefinition(
                generation=generation_of(instance_type, kind=kind, variants=[*others, *([SHADOW] if shadow else [])]),
                variants=[VariantDefinition(DEFAULT_VARIANT, model, main, weight), *beside],
                shadow=shown,
                config=settings,
                encrypt_volume=not local_storage(instance_type),
                retain_variant_properties=scaling is not None,
                **({"error_metrics": error_metrics} if error_metrics else {}),
            ),
            **props,
        )
        if capture:
            self._access.write(capture.bucket.bucket_arn, capture.prefix)
        self.scaling = (
            VariantScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=DEFAULT_VARIANT, tracking=scaling)
            if scaling
            else None
        )

    def auto_scale_instance_count(self, scaling: TargetTracking) -> VariantScaling:
        """Let the count of an endpoint that was made with `scaling=None` follow the load; return the scaling.

        Raises ValueError where it is scaled already, or where its type is burstable, and TypeError for another kind of scaling.
        """
        check_type("scaling", scaling, TargetTracking, "TargetTracking(min_instances, max_instances)")
        if self.scaling is not None:
            raise ValueError("the endpoint is scaled already; scaling=None leaves that to auto_scale_instance_count")
        if is_burstable(self._instance_type):
            raise ValueError(f"instance_type {self._instance_type} is burstable and cannot be autoscaled")
        # Otherwise an update would set the count back.
        self.cfn_endpoint.add_property_override("RetainAllVariantProperties", True)
        self.scaling = VariantScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=DEFAULT_VARIANT, tracking=scaling)
        return self.scaling


def _check_kinds(instance_type: str, scaling: Any, capture: Any, shadow: Any, props: InstanceProps) -> None:
    """Raise TypeError, naming the property, for values of another kind than SageMaker's or ours."""
    check_text("instance_type", instance_type)
    for prop, value, wanted, made in (
        ("scaling", scaling, TargetTracking, "TargetTracking(min_instances, max_instances), or None for one fixed instance"),
        ("capture", capture, DataCapture, "DataCapture(bucket)"),
        ("shadow", shadow, Variant, "Variant(container, weight)"),
        ("deployment", props.get("deployment"), GuardedDeployment, "GuardedDeployment(...), or None"),
        ("network", props.get("network"), Network, "Network.in_vpc(...)"),
    ):
        if value is not None:
            check_type(prop, value, wanted, made)


def variant_settings(instance_type: str, image: ContainerImage, count: int, scaling: object | None) -> dict[str, Any]:
    """Return the instances of a variant, checked against the image; Neuron types come with their host image."""
    check_instance(instance_type, image)
    if scaling and is_burstable(instance_type):
        raise ValueError(f"instance_type {instance_type} is burstable and cannot be autoscaled; use scaling=None")
    # AWS creates no variant without an instance (botocore), not even one that scales to zero later.
    made: dict[str, Any] = {"instanceType": instance_type, "initialInstanceCount": max(1, count) if is_known(count) else count}
    ami = inference_ami(image.processor)
    return {**made, "inferenceAmiVersion": ami} if ami else made


def _definition(name: str, variant: Variant, instance_type: str) -> VariantDefinition:
    image = variant.container.image
    settings = variant_settings(variant.instance_type or instance_type, image, variant.instance_count, None)
    return VariantDefinition(name, ModelDefinition.single(variant.container), settings, variant.weight)


def _check_variants(variants: Mapping[str, Variant], shadow: Variant | None) -> None:
    check_count("variants", variants, 0, limits.VARIANTS_MAX - 1)  # beside the main one
    if variants and shadow:
        raise ValueError(
            "shadow cannot be combined with variants: with a shadow there is exactly one production variant "
            "(botocore, CreateEndpointConfigInput.ShadowProductionVariants)"
        )
    for name in variants:
        if name in (DEFAULT_VARIANT, SHADOW):
            raise ValueError(f"variant name {name!r} is taken; the main one is {DEFAULT_VARIANT}, a shadow is {SHADOW}")


def _capture_config(capture: DataCapture, props: InstanceProps) -> dict[str, Any]:
    key = props.get("encryption_key")
    return {
        "data_capture_config": {
            "enableCapture": True,
            "initialSamplingPercentage": capture.sample_percent,
            "destinationS3Uri": f"s3://{capture.bucket.bucket_name}/{capture.prefix}",
            "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
            # SageMaker writes any other content type as base64.
            "captureContentTypeHeader": {"csvContentTypes": ["text/csv"], "jsonContentTypes": ["application/json"]},
            **({"kmsKeyId": key.key_arn} if key else {}),
        }
    }
