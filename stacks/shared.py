"""What model and group stacks both need: the platform's bucket and image, tags, and an image's environment."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Stack, Tags
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm

from greensage.endpoints import ContainerImage
from greensage.names import Parameters
from greensage.planner import ImagePlan
from greensage.retention import ImagePin, allow_unpin
from greensage.serving_tag import serving_tag


def artifact_bucket(stack: Stack, parameters: Parameters) -> s3.IBucket:
    """Return the platform's bucket, looked up when the stack is deployed."""
    name = ssm.StringParameter.value_for_string_parameter(stack, parameters.artifact_bucket)
    return s3.Bucket.from_bucket_name(stack, "ArtifactBucket", name)


def container_image(stack: Stack, image: ImagePlan, parameters: Parameters) -> tuple[ContainerImage, ImagePin | None]:
    """Return the planned image, and the pin that keeps it in the platform's repository."""
    if image.uri is not None:
        return ContainerImage.from_uri(image.uri, architecture=image.architecture), None
    repository = ssm.StringParameter.value_for_string_parameter(stack, parameters.serving_repository)
    tag = serving_tag(image.architecture, serving_base(stack))
    built = ContainerImage.from_repository_name(stack, repository, tag, architecture=image.architecture)
    pin = ImagePin(stack, "ImageInUse", repository_name=repository, repository_arn=built.repository_arn, tag=tag)
    return built, pin


def key_from_arn(stack: Stack, arn: str | None) -> kms.IKey | None:
    """Return the user's key, if there is one."""
    return kms.Key.from_key_arn(stack, "Key", arn) if arn else None


def environment(*, allow_pickle: bool) -> dict[str, str]:
    """Return what the serving image reads from its environment."""
    return {"GREENSAGE_ALLOW_PICKLE": "1"} if allow_pickle else {}


def tag_stack(stack: Stack, tags: Mapping[str, str]) -> None:
    """Tag every resource of `stack`, for cost allocation among other things."""
    for key, value in tags.items():
        Tags.of(stack).add(key, value)


def serving_base(stack: Stack) -> str | None:
    """Return the base image of the serving image if the user has set one: `-c serving-base=IMAGE`."""
    return stack.node.try_get_context("serving-base")


def allow_unpinning(stack: Stack, parameters: Parameters) -> None:
    """Let the stack remove the pin of an image that it used before an update."""
    name = ssm.StringParameter.value_for_string_parameter(stack, parameters.serving_repository)
    allow_unpin(stack, stack.format_arn(service="ecr", resource="repository", resource_name=name))
