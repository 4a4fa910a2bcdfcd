"""One model on instances of its own that follow the load."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from constructs import Construct

from ..artifacts import ArtifactLocation
from ..names import generation_of
from ..scaling import DEFAULT_TRACKING, TargetTracking, VariantScaling
from .base import DEFAULT_VARIANT, Endpoint
from .image import ContainerImage
from .instance import check_instance, has_local_storage


class RealTimeEndpoint(Endpoint):
    """A real-time endpoint with one production variant, autoscaled, with limited logs and a role of its own.

    Parameters
    ----------
    artifact:
        Where the model.tar.gz lies; of a `ModelArtifact`, or `ArtifactLocation.in_bucket(bucket, key)`.
    image:
        The container, with its architecture, which must be that of `instance_type`.
    instance_type:
        A type of SageMaker hosting, for instance ml.c7g.large. A change replaces the endpoint without a gap.
    scaling:
        Limits and target; default 1 to 2 instances. None: a fixed single instance.
    environment:
        For the container; at most 100 entries.
    role:
        An existing execution role; the policy is attached to it. Default: one of its own.
    encryption_key:
        Encrypts the instances' volumes (types with NVMe disks encrypt those themselves) and reads the artifact.
    log_retention_days:
        One of CloudWatch's numbers of days; default 14.
    endpoint_name:
        A physical name. Without one the name is made from the stack, the id and the instance type; with one
        SageMaker will refuse a change of instance type while the endpoint is autoscaled.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        endpoint = RealTimeEndpoint(self, "Churn", artifact=artifact.location, image=image,
                                    instance_type="ml.c7g.large")
        endpoint.grant_invoke(function)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation,
        image: ContainerImage,
        instance_type: str,
        scaling: TargetTracking | None = DEFAULT_TRACKING,
        environment: Mapping[str, str] | None = None,
        role: iam.IRole | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention_days: int = 14,
        endpoint_name: str | None = None,
        variant_name: str = DEFAULT_VARIANT,
    ) -> None:
        check_instance(instance_type, image)
        super().__init__(
            scope,
            id,
            generation=generation_of(instance_type),
            image=image,
            container={"modelDataUrl": artifact.uri, "environment": dict(environment or {})},
            variant={
                "instanceType": instance_type,
                "initialInstanceCount": scaling.min_instances if scaling else 1,
            },
            artifact_bucket_arn=artifact.bucket_arn,
            artifact_prefix=artifact.prefix,
            list_prefix=False,
            retain_variant_properties=scaling is not None,
            role=role,
            encryption_key=encryption_key,
            volume_key=not has_local_storage(instance_type),
            log_retention_days=log_retention_days,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
        )
        self.scaling = (
            VariantScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=variant_name, tracking=scaling)
            if scaling
            else None
        )
