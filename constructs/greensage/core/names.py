"""The one place where names of AWS resources and parameters are made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Names

from constructs import Construct

from ..catalog import limits
from .defaults import PARAMETERS_ROOT

_HASH_LENGTH = 8
_LONGEST_GENERATION = 22
_JOB_BASE = 26


@dataclass(frozen=True)
class EndpointNames:
    """The names around one endpoint. `grant_pattern` covers all generations of it."""

    endpoint: str
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
        return EndpointNames(asked, asked)
    # Nine characters less than there is room for: a longer name would replace the endpoints that are deployed.
    room = limits.RESOURCE_NAME_MAX - _HASH_LENGTH - _LONGEST_GENERATION - 2
    base = Names.unique_resource_name(scope, max_length=room, separator="-").lower().strip("-")
    return EndpointNames(f"{base}-{generation}", f"{base}-*")


def unique_component_name(scope: Construct) -> str:
    """Return the name of the inference component in `scope`, known at synth because its log group carries it."""
    return Names.unique_resource_name(scope, max_length=limits.RESOURCE_NAME_MAX, separator="-").lower().strip("-")


def group_component_name(group: str, model: str) -> str:
    """Return the name of a model's component in a group: it starts with the group's, which the group's role may log for."""
    name = f"{group}-{model}"
    if len(name) <= limits.RESOURCE_NAME_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limits.RESOURCE_NAME_MAX - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def job_base(scope: Construct) -> str:
    """Return the first part of the names of jobs started by `scope`; a run's id of 36 characters follows."""
    return Names.unique_resource_name(scope, max_length=_JOB_BASE, separator="-").lower().strip("-")


def generation_of(instance_type: str, *, kind: str = "", variants: Sequence[str] = ()) -> str:
    """Return the generation of an endpoint on `instance_type`: c7g-large of ml.c7g.large, mm-c7g-large of kind mm.

    The names of further variants are part of it, as a hash: an update in place must keep them.
    """
    parts = [kind, *instance_type.removeprefix("ml.").split(".")]
    if variants:
        parts.append(hashlib.sha256(",".join(sorted(variants)).encode()).hexdigest()[:4])
    return "-".join(part for part in parts if part)


@dataclass(frozen=True)
class Parameters:
    """Names of the SSM parameters by which stacks and clients find things. `root` separates environments."""

    root: str = PARAMETERS_ROOT

    def model(self, name: str) -> str:
        """JSON with the endpoint of model `name`; for a shared one with `endpointParameter` and `targetModel`."""
        return f"{self.root}/models/{name}"

    def spec(self, name: str) -> str:
        """JSON with the spec of model `name`, for the weekly review."""
        return f"{self.root}/specs/{name}"

    def champion(self, name: str) -> str:
        """JSON with the archive of model `name` that serves: the deployed one, or a retrained one."""
        return f"{self.root}/champions/{name}"

    @property
    def artifact_bucket(self) -> str:
        """The platform's bucket for artifacts."""
        return f"{self.root}/platform/artifact-bucket"

    @property
    def serving_repository(self) -> str:
        """The platform's repository of the serving image."""
        return f"{self.root}/platform/serving-repository"

    def group_endpoint(self, group: str, kind: str) -> str:
        """The endpoint of `kind` that the models of `group` share."""
        return f"{self.root}/groups/{group}/{kind}/endpoint"

    def group_loop(self, group: str, kind: str) -> str:
        """The bucket with the captures of the models of `group` that have drift."""
        return f"{self.root}/groups/{group}/{kind}/loop"
