"""What model and group stacks both need: the platform's bucket and image, tags, and an image's environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aws_cdk import Stack, Tags
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm

from ..catalog.engines import Engine
from ..catalog.instances import Architecture
from ..core.names import Parameters
from ..endpoints import ContainerImage
from ..planner import ImagePlan
from ..spec import LogsSpec, ModelSource
from ..storage.retention import ImageDigest
from ..storage.serving_tag import serving_tag


def artifact_bucket(stack: Stack, parameters: Parameters) -> s3.IBucket:
    """Return the platform's bucket, looked up when the stack is deployed."""
    known = stack.node.try_find_child("ArtifactBucket")
    if known is not None:
        return cast(s3.IBucket, known)
    # Not an export: CloudFormation refuses to change one that another stack imports.
    name = ssm.StringParameter.value_for_string_parameter(stack, parameters.artifact_bucket)
    return s3.Bucket.from_bucket_name(stack, "ArtifactBucket", name)


class Images:
    """The planned images of one stack, each once; greensage's own by the digest that the platform's repository has."""

    def __init__(self, stack: Stack, parameters: Parameters) -> None:
        self._stack, self._parameters = stack, parameters
        self._serving: dict[tuple[Architecture, Engine], ContainerImage] = {}

    def get(self, plan: ImagePlan) -> ContainerImage:
        """Return the image that the plan names."""
        if plan.origin == "registry":
            assert plan.uri is not None
            return ContainerImage.from_private_registry(
                plan.uri, architecture=plan.architecture, processor=plan.processor, credentials_provider_arn=plan.credentials
            )
        if plan.uri is not None:
            return ContainerImage.from_uri(plan.uri, architecture=plan.architecture, processor=plan.processor)
        assert plan.origin == "serving", "a package is built by the model's stack"
        return self.serving(plan.architecture, plan.engine)

    def serving(self, architecture: Architecture, engine: Engine) -> ContainerImage:
        """Return greensage's own image of `engine`, as the platform has built it."""
        known = (architecture, engine)
        if known not in self._serving:
            stack = self._stack
            repository = ssm.StringParameter.value_for_string_parameter(stack, self._parameters.serving_repository)
            arn = stack.format_arn(service="ecr", resource="repository", resource_name=repository)
            tag = serving_tag(architecture, serving_base(stack), engine)
            id = f"Image-{engine}-{architecture.replace('_', '')}"
            found = ImageDigest(stack, id, repository_name=repository, repository_arn=arn, tag=tag)
            self._serving[known] = ContainerImage.from_repository_name(stack, repository, found.digest, architecture=architecture)
        return self._serving[known]


def group_prefix(group: str) -> str:
    """Return the prefix under which the archives of the models of `group` lie."""
    return f"groups/{group}/"


def key_from_arn(stack: Stack, arn: str | None, id: str = "Key") -> kms.IKey | None:
    """Return the user's key, if there is one."""
    return kms.Key.from_key_arn(stack, id, arn) if arn else None


def environment_of(source: ModelSource, logs: LogsSpec | None = None) -> dict[str, str]:
    """Return what a source's container reads from its environment."""
    secrets = {f"{name}_SECRET_ARN": arn for name, arn in source.secrets.items()}
    frames = {"GREENSAGE_DATAFRAME": "1"} if source.dataframe else {}
    own = {**allowed(pickle=source.allow_pickle, code=source.allow_code), **frames, **logging_of(logs or LogsSpec())}
    return {**own, **secrets, **source.variables}


def logging_of(logs: LogsSpec) -> dict[str, str]:
    """Return what tells the serving container how much to log, where it is otherwise than it does by itself."""
    usual, wanted = LogsSpec(), dict[str, str]()
    if logs.level != usual.level:
        wanted["GREENSAGE_LOG_LEVEL"] = logs.level
    if logs.requests_percent != usual.requests_percent:
        wanted["GREENSAGE_LOG_PERCENT"] = f"{logs.requests_percent:g}"
    return wanted


def allowed(*, pickle: bool, code: bool) -> dict[str, str]:
    """Return what tells the serving container that an archive may hold more than data."""
    given = {"GREENSAGE_ALLOW_PICKLE": pickle, "GREENSAGE_ALLOW_CODE": code}
    return {name: "1" for name, yes in given.items() if yes}


def tag_stack(stack: Stack, tags: Mapping[str, str]) -> None:
    """Tag every resource of `stack`, for cost allocation among other things."""
    for key, value in tags.items():
        Tags.of(stack).add(key, value)


def serving_base(stack: Stack) -> str | None:
    """Return the base image of the serving image if the user has set one: `-c serving-base=IMAGE`."""
    return stack.node.try_get_context("serving-base")
