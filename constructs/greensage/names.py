"""The one place where names of AWS resources and parameters are made."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Names

from constructs import Construct

from .catalog import limits

_HASH_LENGTH = 8
_LONGEST_GENERATION = 20


@dataclass(frozen=True)
class EndpointNames:
    """The names around one endpoint. `grant_pattern` covers all generations of it."""

    endpoint: str
    config_base: str
    grant_pattern: str


def endpoint_names(scope: Construct, generation: str, asked: str | None) -> EndpointNames:
    """Return the names of the endpoint in `scope`; `asked` is a physical name the user insists on.

    Why a generation: SageMaker refuses to change the instance type of an autoscaled variant, or an endpoint
    into a serverless one, in place. A name that changes with them makes CloudFormation create the new endpoint,
    move the scalable target and the parameter over, and delete the old one last: it serves throughout, and a
    failure rolls back to it. Anything else is updated in place under the same name.
    """
    if asked is not None:
        if len(asked) > limits.RESOURCE_NAME_MAX:
            raise ValueError(f"endpoint_name {asked!r} is longer than {limits.RESOURCE_NAME_MAX} characters")
        return EndpointNames(asked, asked[: limits.RESOURCE_NAME_MAX - _HASH_LENGTH - 1].rstrip("-"), asked)
    room = limits.RESOURCE_NAME_MAX - _HASH_LENGTH - _LONGEST_GENERATION - 2
    base = Names.unique_resource_name(scope, max_length=room, separator="-").lower().strip("-")
    name = f"{base}-{generation}"
    return EndpointNames(name, name, f"{base}-*")


def generation_of(instance_type: str, *, multi_model: bool = False) -> str:
    """Return the generation of an endpoint on `instance_type`: c7g-large of ml.c7g.large."""
    slug = instance_type.removeprefix("ml.").replace(".", "-")
    return f"mm-{slug}" if multi_model else slug


@dataclass(frozen=True)
class Parameters:
    """Names of the SSM parameters by which stacks and clients find things. `root` separates environments."""

    root: str = "/greensage"

    def model(self, name: str) -> str:
        """JSON with the endpoint of model `name`; for a shared one with `endpointParameter` and `targetModel`."""
        return f"{self.root}/models/{name}"

    @property
    def artifact_bucket(self) -> str:
        """The platform's bucket for artifacts."""
        return f"{self.root}/platform/artifact-bucket"

    @property
    def serving_repository(self) -> str:
        """The platform's repository of the serving image."""
        return f"{self.root}/platform/serving-repository"

    def group_endpoint(self, group: str) -> str:
        """The endpoint that the models of `group` share."""
        return f"{self.root}/groups/{group}/endpoint"
