"""One model without instances: billed by the millisecond, zero when idle, warm environments on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, Stack, Token

from ..catalog import limits
from ..catalog.images import is_of_aws
from ..core import defaults
from ..core.checked import check_choice, check_order, check_whole
from ..storage.artifacts import ArtifactLocation, check_location
from .base import DEFAULT_VARIANT, Endpoint, EndpointDefinition, VariantDefinition
from .container import Container, ModelDefinition
from .container_capture import allow_capture, capturing
from .image import ContainerImage, check_image
from .props import DataCapture
from .scaling import ConcurrencyScaling, ProvisionedConcurrency

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import EndpointProps


class ServerlessEndpoint(Endpoint):
    """A serverless endpoint. The first request after idle time waits for a cold start.

    Parameters
    ----------
    artifact, image, environment:
        As for `RealTimeEndpoint`; an arm64 image gets a warning, since no source says that it runs here.
    memory_mb:
        1024 to 6144 in steps of 1024; the CPU share grows with it. Default 1024.
    max_concurrency:
        Requests at once, 1 to 200; more are refused. Default 5.
    provisioned:
        Warm environments, scaled with the load and by schedule; they bill when idle. Default: none.
    capture:
        A sample of requests and answers, written by the container, since SageMaker captures nothing here; greensage's
        serving image does. Default: none.

    The rest is `EndpointProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        ServerlessEndpoint(self, "Digits", artifact=artifact.location, image=image, memory_mb=2048)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation | None = None,
        image: ContainerImage,
        memory_mb: int = defaults.SERVERLESS_MEMORY_MB,
        max_concurrency: int = defaults.SERVERLESS_CONCURRENCY,
        provisioned: ProvisionedConcurrency | None = None,
        capture: DataCapture | None = None,
        environment: Mapping[str, str] | None = None,
        **props: Unpack[EndpointProps],
    ) -> None:
        check_image("image", image)
        check_location("artifact", artifact)
        check_serverless(memory_mb, max_concurrency, provisioned)
        if image.processor != "cpu":
            raise ValueError(f"image is for {image.processor}; serverless hosting has no accelerators")
        _check_owner(scope, image)
        if artifact is not None and artifact.key.endswith("/"):
            raise ValueError(f"artifact {artifact.key} is an uncompressed prefix; serverless hosting takes a .tar.gz")
        settings: dict[str, Any] = {"memorySizeInMb": memory_mb, "maxConcurrency": max_concurrency}
        if provisioned:
            settings["provisionedConcurrency"] = provisioned.min_concurrency
        key = props.get("encryption_key")
        variables = capturing(environment, capture, key.key_arn if key else None)
        model = ModelDefinition.single(Container(image, artifact, variables))
        super().__init__(
            scope,
            id,
            definition=EndpointDefinition(
                generation="serverless",
                variants=[VariantDefinition(DEFAULT_VARIANT, model, {"serverlessConfig": settings})],
                retain_variant_properties=provisioned is not None,
            ),
            **props,
        )
        allow_capture(self._access, capture)
        if image.architecture == "arm64":
            Annotations.of(self).add_warning_v2(
                "greensage:serverless-arm64", "No source says that serverless hosting runs arm64 images; x86_64 is known to run."
            )
        self.scaling = (
            ConcurrencyScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=DEFAULT_VARIANT, tracking=provisioned)
            if provisioned
            else None
        )


def _check_owner(scope: Construct, image: ContainerImage) -> None:
    """Raise ValueError for an image of another account that is not AWS's, where both are known at synth."""
    owner, account = image.uri.partition(".")[0], Stack.of(scope).account
    known = owner.isdigit() and account.isdigit() and not Token.is_unresolved(image.uri)
    if known and owner != account and not is_of_aws(owner):
        raise ValueError(
            f"image is of account {owner} and the stack of {account}; serverless hosting takes images of its own account or "
            f"AWS's only ({limits.FOREIGN_IMAGE}): copy it to an ECR repository of {account}"
        )


def check_serverless(memory_mb: int, max_concurrency: int, provisioned: ProvisionedConcurrency | None) -> None:
    """Raise ValueError for memory or concurrency that CloudFormation lets through and SageMaker refuses."""
    check_choice("memory_mb", memory_mb, limits.SERVERLESS_MEMORY_MB)
    check_whole("max_concurrency", max_concurrency, 1, limits.SERVERLESS_MAX_CONCURRENCY)
    if provisioned:
        check_order("provisioned.max_concurrency", provisioned.max_concurrency, "max_concurrency", max_concurrency)
