"""What endpoints on instances share: the check of the type, the variant, and the scaling."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kms as kms

from constructs import Construct

from ..names import generation_of
from ..scaling import TargetTracking, VariantScaling
from .base import Endpoint
from .image import ContainerImage
from .instance import check_instance, has_local_storage


class InstanceEndpoint(Endpoint):
    """Base of the kinds that run on instances; `scaling` is the VariantScaling, or None for a fixed count of one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image: ContainerImage,
        instance_type: str,
        scaling: TargetTracking | None,
        encryption_key: kms.IKey | None,
        variant_name: str,
        multi_model: bool,
        **shared: Any,
    ) -> None:
        check_instance(instance_type, image)
        if scaling and instance_type.startswith("ml.t"):
            raise ValueError(f"instance_type {instance_type} is burstable and cannot be autoscaled; use scaling=None")
        super().__init__(
            scope,
            id,
            generation=generation_of(instance_type, multi_model=multi_model),
            image=image,
            variant={"instanceType": instance_type, "initialInstanceCount": scaling.min_instances if scaling else 1},
            list_prefix=multi_model,
            retain_variant_properties=scaling is not None,
            encryption_key=encryption_key,
            volume_key=not has_local_storage(instance_type),
            variant_name=variant_name,
            **shared,
        )
        self.scaling = (
            VariantScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=variant_name, tracking=scaling)
            if scaling
            else None
        )
