"""Many models behind one endpoint: each is loaded when it is called and unloaded when memory is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs import Construct

from ..scaling import DEFAULT_TRACKING, TargetTracking
from .base import DEFAULT_VARIANT
from .image import ContainerImage
from .on_instances import InstanceEndpoint


class MultiModelEndpoint(InstanceEndpoint):
    """A multi-model endpoint: models are the *.tar.gz under one prefix, added and removed without touching it.

    Parameters
    ----------
    bucket, prefix:
        Where the models lie; `prefix` such as groups/tabular/ is the endpoint's own. Put a model there with
        `ModelArtifact(self, "Wine", source=..., bucket=bucket, prefix=endpoint.prefix)`.
    image:
        The container; it must implement SageMaker's multi-model API (greensage's serving image does).
    instance_type, scaling, environment, role, encryption_key, log_retention_days, endpoint_name:
        As for `RealTimeEndpoint`.

    Example
    -------
        endpoint = MultiModelEndpoint(self, "Tabular", bucket=bucket, prefix="groups/tabular/", image=image,
                                      instance_type="ml.c7g.large")
        endpoint.grant_invoke(function, target_models=["wine-*.tar.gz"])
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket,
        prefix: str,
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
        self.prefix = prefix if prefix.endswith("/") else f"{prefix}/"
        super().__init__(
            scope,
            id,
            image=image,
            instance_type=instance_type,
            scaling=scaling,
            container={
                "mode": "MultiModel",
                "modelDataUrl": f"s3://{bucket.bucket_name}/{self.prefix}",
                "environment": dict(environment or {}),
            },
            artifact_bucket_arn=bucket.bucket_arn,
            artifact_prefix=self.prefix,
            role=role,
            encryption_key=encryption_key,
            log_retention_days=log_retention_days,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
            multi_model=True,
        )

    def grant_invoke(self, grantee: iam.IGrantable, *, target_models: Sequence[str] | None = None) -> iam.Grant:
        """Let `grantee` invoke the endpoint; with `target_models` (keys below the prefix, * allowed) only those.

        Without it a caller reaches every model under the prefix.
        """
        conditions = {"StringLike": {"sagemaker:TargetModel": list(target_models)}} if target_models else None
        return self._grant_invoke(grantee, conditions)
