"""Which images exist, and what silicon they are for: AWS's from the catalog, the account's own from ECR."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..catalog import drift
from ..catalog import images as catalog
from ..catalog.instances import Architecture
from . import ministack_api as cloud
from .wire import AwsError

_URI = re.compile(
    r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z0-9.-]+/([a-z0-9._/-]+?)(?:@(sha256:[0-9a-f]{64})|:([A-Za-z0-9._-]+))?$"
)
# AWS's images that something stands in for here.
_STOOD_IN_FOR = (*catalog.SERVED_FRAMEWORKS, "huggingface")


@dataclass(frozen=True)
class Image:
    """An image that exists. `served` says whether there is a stand-in for it here, and `framework` whose it is, if AWS's."""

    uri: str
    architecture: Architecture
    repository_arn: str
    served: bool
    framework: str = ""


def find_image(uri: str) -> Image:
    """Return the image at `uri`; AwsError where AWS would not find or not pull it."""
    match = _URI.match(uri)
    if match is None:
        raise AwsError("ValidationException", f'Using non-ECR image "{uri}" without Vpc repository access mode is not supported.')
    account, region, repository, digest, tag = match.groups()
    reference = digest or tag or "latest"
    arn = f"arn:aws:ecr:{region}:{account}:repository/{repository}"
    if region != cloud.region():
        raise AwsError(
            "ValidationException",
            f'Region of "{uri}" does not match expected region of {cloud.region()}. '
            "Cross region ECR image pulls are not allowed.",
        )
    # Model Monitor's image lies in an account of AWS's and has no tag, so it is compared whole.
    if repository == drift.analyzer_repository() and drift.analyzer_image(region) == uri:
        return Image(uri, "x86_64", arn, False)
    prebuilt = _prebuilt(repository, reference, account, region)
    if prebuilt is not None:
        return Image(uri, prebuilt.architecture, arn, prebuilt.framework in _STOOD_IN_FOR, prebuilt.framework)
    if _is_accelerated(repository, reference, account, region):
        return Image(uri, "x86_64", arn, False)
    tags = cloud.ecr_tags(repository, reference)
    if tags is None:
        raise AwsError("ValidationException", f"Requested image {uri} not found.")
    # The stand-in's manifest does not name the silicon; serving_tag ends every tag with it.
    architecture: Architecture = "arm64" if any(name.endswith("-arm64") for name in tags) else "x86_64"
    return Image(uri, architecture, arn, True)


def _is_accelerated(repository: str, tag: str, account: str, region: str) -> bool:
    images = (
        image
        for framework in ("pytorch", "tensorflow", "triton", "huggingface", "huggingface-llm")
        for processor in ("gpu", "neuronx", "inf1")
        for image in catalog.accelerated_images(framework, processor)
    )
    wanted = (repository, tag, account)
    return any((item.repository, item.tag, catalog.account_of(item.registry, region)) == wanted for item in images)


def _prebuilt(repository: str, tag: str, account: str, region: str) -> catalog.PrebuiltImage | None:
    for framework in catalog.prebuilt_frameworks():
        for architecture in ("arm64", "x86_64"):
            for image in catalog.prebuilt_images(framework, architecture):
                owner = catalog.account_of(image.registry, region)
                if (image.repository, image.tag, owner) == (repository, tag, account):
                    return image
    return None
