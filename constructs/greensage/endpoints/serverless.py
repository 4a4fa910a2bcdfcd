"""One model without instances: billed by the millisecond, zero when idle."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from constructs import Construct

from ..artifacts import ArtifactLocation
from .base import DEFAULT_VARIANT, Endpoint, check_serverless
from .image import ContainerImage


class ServerlessEndpoint(Endpoint):
    """A serverless endpoint. The first request after idle time waits for a cold start.

    Parameters
    ----------
    artifact, image, environment, role, log_retention_days, endpoint_name:
        As for `RealTimeEndpoint`; the image must be x86_64, no source says that arm64 runs here.
    memory_mb:
        1024 to 6144 in steps of 1024; the CPU share grows with it.
    max_concurrency:
        Requests at once, 1 to 200; more are refused.
    encryption_key:
        Reads an artifact that is encrypted with it.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        ServerlessEndpoint(self, "Digits", artifact=artifact.location, image=image, memory_mb=2048)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation,
        image: ContainerImage,
        memory_mb: int = 1024,
        max_concurrency: int = 5,
        environment: Mapping[str, str] | None = None,
        role: iam.IRole | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention_days: int = 14,
        endpoint_name: str | None = None,
        variant_name: str = DEFAULT_VARIANT,
    ) -> None:
        check_serverless(memory_mb, max_concurrency)
        if image.architecture != "x86_64":
            raise ValueError(f"image is {image.architecture}; serverless hosting is known to run x86_64 images only")
        super().__init__(
            scope,
            id,
            generation="serverless",
            image=image,
            container={"modelDataUrl": artifact.uri, "environment": dict(environment or {})},
            variant={"serverlessConfig": {"memorySizeInMb": memory_mb, "maxConcurrency": max_concurrency}},
            artifact_bucket_arn=artifact.bucket_arn,
            artifact_prefix=artifact.prefix,
            list_prefix=False,
            retain_variant_properties=False,
            role=role,
            encryption_key=encryption_key,
            volume_key=False,
            log_retention_days=log_retention_days,
            endpoint_name=endpoint_name,
            variant_name=variant_name,
        )
