"""A container image together with what it was built for: an image on the wrong silicon never starts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from aws_cdk import Fn, Stack
from aws_cdk import aws_ecr as ecr

from constructs import Construct

from ..catalog.images import accelerated_images, prebuilt_frameworks, prebuilt_image, prebuilt_images
from ..catalog.instances import Architecture, Processor
from ..core.checked import check_choice, check_type
from ..errors import CatalogError

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_ECR_URI = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.([a-z0-9.-]+)/([a-z0-9._/-]+?)(?:[:@].+)?$")


@dataclass(frozen=True)
class ContainerImage:
    """An image in ECR; use one of the class methods.

    For instance `ContainerImage.prebuilt("xgboost", "1.5-1", architecture="arm64", region="eu-west-1")`.

    Parameters
    ----------
    uri:
        Of the image, with tag or digest; may be a token.
    architecture:
        x86_64 or arm64; it must be the instances'.
    repository_arn:
        What pulls are granted on.
    processor:
        What it computes on: cpu (default), gpu or neuronx.
    """

    uri: str
    architecture: Architecture
    repository_arn: str
    processor: Processor = "cpu"

    def __post_init__(self) -> None:
        check_choice("architecture", self.architecture, get_args(Architecture))
        check_choice("processor", self.processor, get_args(Processor))

    @classmethod
    def prebuilt(cls, framework: str, version: str | None = None, *, architecture: Architecture, region: str) -> ContainerImage:
        """Return AWS's CPU inference image of `framework`, for instance xgboost 1.5-1 on arm64.

        Raises CatalogError with the versions AWS has, or when AWS does not publish it in `region`.
        """
        _check_framework(framework)
        image = prebuilt_image(framework, version, architecture)
        if image is None:
            have = ", ".join(item.version for item in prebuilt_images(framework, architecture)) or "none"
            raise CatalogError(f"AWS has no {architecture} image of {framework} {version}; it has: {have}")
        uri = image.uri(region)
        if uri is None:
            raise CatalogError(f"AWS does not publish {image.repository}:{image.tag} in {region}")
        return cls.from_uri(uri, architecture=architecture)

    @classmethod
    def accelerated(cls, framework: str, version: str, *, processor: Processor, region: str) -> ContainerImage:
        """Return AWS's image of `framework` for a GPU (pytorch, tensorflow, triton) or Neuron (`inf1`, `neuronx`).

        Raises CatalogError with the versions AWS has.
        """
        images = accelerated_images(framework, processor)
        image = next((item for item in images if item.version == version), None)
        if image is None:
            have = ", ".join(dict.fromkeys(item.version for item in images)) or "none"
            raise CatalogError(f"AWS has no {processor} image of {framework} {version}; it has: {have}")
        uri = image.uri(region)
        if uri is None:
            raise CatalogError(f"AWS does not publish {image.repository}:{image.tag} in {region}")
        return cls.from_uri(uri, architecture=image.architecture, processor=processor)

    @classmethod
    def from_uri(cls, uri: str, *, architecture: Architecture, processor: Processor = "cpu") -> ContainerImage:
        """Return the image at a literal ECR `uri`, in any account that lets the role pull it."""
        match = _ECR_URI.match(uri)
        if match is None:
            raise CatalogError(f"{uri!r} is not the URI of an ECR image: ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG")
        account, region, suffix, name = match.groups()
        # China has a suffix of its own; GovCloud shares amazonaws.com, so its Region tells.
        partition = {"amazonaws.com.cn": "aws-cn"}.get(suffix, "aws-us-gov" if region.startswith("us-gov") else "aws")
        return cls(uri, architecture, f"arn:{partition}:ecr:{region}:{account}:repository/{name}", processor)

    @classmethod
    def from_private_registry(
        cls, uri: str, *, architecture: Architecture, processor: Processor = "cpu", credentials_provider_arn: str | None = None
    ) -> ContainerImage:
        """Return an image of a Docker registry that is reached through the endpoint's `network`, which is needed then.

        `credentials_provider_arn` is of a Lambda function that answers {"Credentials": {"Username", "Password"}}; default:
        none, the registry asks for no name. The registry's certificate has to be of a public authority (developer guide,
        "Use a Private Docker Registry for Real-Time Inference Containers").
        """
        return PrivateImage(uri, architecture, "", processor, credentials_provider_arn)

    @property
    def source(self) -> dict[str, Any]:
        """The part of a ContainerDefinition that names the image."""
        return {"image": self.uri}

    @property
    def rights(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the execution role has to be allowed to get the image: actions, and ARNs; none where nothing is needed."""
        return _PULL, (self.repository_arn,)

    @property
    def of_ecr(self) -> bool:
        """Whether it is an image of ECR by its URI: what jobs and inference components take."""
        return True

    @classmethod
    def from_asset(
        cls, scope: Construct, id: str, directory: str, *, architecture: Architecture, processor: Processor = "cpu",
        file: str = "Dockerfile", build_args: Mapping[str, str] | None = None,
    ) -> ContainerImage:  # fmt: skip
        """Return an image that the CDK builds of a Dockerfile when it deploys, for `architecture`; that needs Docker there.

        `directory` is what it is built in, `file` the Dockerfile below it, `build_args` its arguments (no secrets). Raises
        ValueError where there is no such file.
        """
        from aws_cdk import aws_ecr_assets as ecr_assets

        if not (Path(directory) / file).is_file():
            raise ValueError(f"directory is {directory!r}, and there is no {file} in it")
        check_choice("architecture", architecture, get_args(Architecture))
        platform = ecr_assets.Platform.LINUX_ARM64 if architecture == "arm64" else ecr_assets.Platform.LINUX_AMD64
        asset = ecr_assets.DockerImageAsset(
            scope, id, directory=directory, file=file, platform=platform, build_args=dict(build_args or {}) or None
        )
        return cls(asset.image_uri, architecture, asset.repository.repository_arn, processor)

    @classmethod
    def from_repository(cls, repository: ecr.IRepository, tag: str, *, architecture: Architecture) -> ContainerImage:
        """Return the image `tag` (or sha256:… digest) of an ECR repository of yours."""
        return cls(repository.repository_uri_for_tag_or_digest(tag), architecture, repository.repository_arn)

    @classmethod
    def from_repository_name(cls, scope: Construct, name: str, digest: str, *, architecture: Architecture) -> ContainerImage:
        """Return the image with `digest` of the repository `name` (tokens, both) in the account and Region of `scope`."""
        stack = Stack.of(scope)
        arn = stack.format_arn(service="ecr", resource="repository", resource_name=name)
        uri = f"{stack.account}.dkr.ecr.{stack.region}.{stack.url_suffix}/{name}@{digest}"
        return cls(uri, architecture, arn)


@dataclass(frozen=True)
class PrivateImage(ContainerImage):
    """An image outside of ECR; made by `ContainerImage.from_private_registry`."""

    credentials_provider_arn: str | None = None

    @property
    def source(self) -> dict[str, Any]:
        """With the access through the VPC, and who knows the password."""
        config: dict[str, Any] = {"repositoryAccessMode": "Vpc"}
        if self.credentials_provider_arn is not None:
            config["repositoryAuthConfig"] = {"repositoryCredentialsProviderArn": self.credentials_provider_arn}
        return {"image": self.uri, "imageConfig": config}

    @property
    def rights(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """To ask for the password."""
        provider = self.credentials_provider_arn
        return (("lambda:InvokeFunction",), (provider,)) if provider else ((), ())

    @property
    def of_ecr(self) -> bool:
        """It is not."""
        return False


@dataclass(frozen=True)
class PackagedImage(ContainerImage):
    """Image and model of a package of the Model Registry; made by `ModelPackageSource`. `readable` are ARNs, comma-separated."""

    package_arn: str = ""
    readable: str = ""

    @property
    def source(self) -> dict[str, Any]:
        """The package, which names image and model."""
        return {"modelPackageName": self.package_arn}

    @property
    def rights(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """To pull its images and to read its archives, known when the stack is deployed."""
        return (*_PULL, "s3:GetObject", "s3:ListBucket"), tuple(Fn.split(",", self.readable))

    @property
    def of_ecr(self) -> bool:
        """It names no image."""
        return False


def _check_framework(framework: str) -> None:
    known = prebuilt_frameworks()
    if framework not in known:
        near = difflib.get_close_matches(framework, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CatalogError(f"AWS has no images of {framework!r}; it has them of {', '.join(known)}{hint}")


def check_of_ecr(prop: str, image: ContainerImage, what: str) -> None:
    """Raise ValueError where `what` takes images of ECR only."""
    if not image.of_ecr:
        shown = image.uri or "a package of the Model Registry"
        raise ValueError(f"{prop} is {shown}; {what} takes an image of ECR: ContainerImage.from_uri(URI, architecture=...)")


def check_image(prop: str, value: Any) -> None:
    """Raise TypeError unless `value` is a ContainerImage."""
    check_type(prop, value, ContainerImage, "a ContainerImage, for instance ContainerImage.from_uri(URI, architecture=...)")
