"""One model on instances of its own that follow the load."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from constructs import Construct

from ..artifacts import ArtifactLocation
from ..scaling import DEFAULT_TRACKING, TargetTracking
from .base import DEFAULT_VARIANT
from .image import ContainerImage
from .on_instances import InstanceEndpoint


class RealTimeEndpoint(InstanceEndpoint):
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
        super().__init__(
            scope,
            id,
            image=image,
            instance_type=instance_type,
            scaling=scaling,
            container={"modelDataUrl": artifact.uri, "environment": dict(environment or {})},
            artifact_bucket_arn=artifact.bucket_arn,
            artifact_prefix=artifact.prefix,
            role=role,
            encryption_key=encryption_key,
            log_retention_days=log_retention_days,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            multi_model=False,
        )
