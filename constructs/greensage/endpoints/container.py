"""One container of a model: image, artifact, environment; and the variants that are made of containers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_cdk import Token

from constructs import IDependable

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_count, check_number, check_type, check_whole
from ..storage.artifacts import ArtifactLocation, check_location
from .image import ContainerImage, check_image

_HOSTNAME = re.compile(r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")


@dataclass(frozen=True)
class Container:
    """A container of a pipeline, of a multi-container endpoint or of a variant.

    Parameters
    ----------
    image:
        What runs.
    artifact:
        Its model; default: none, for an image that holds its model.
    environment:
        At most 100 variables; may hold tokens, but no secrets. Default: none.
    """

    image: ContainerImage
    artifact: ArtifactLocation | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        check_image("image", self.image)
        check_location("artifact", self.artifact)
        check_type("environment", self.environment, Mapping, "a mapping of names to texts")
        check_count("environment", self.environment, 0, limits.ENVIRONMENT_MAX)
        for name, value in self.environment.items():
            check_type(f"environment: {name}", value, str, "a text")

    @property
    def after(self) -> list[IDependable]:
        """What puts its archive where it is read."""
        return [self.artifact.after] if self.artifact is not None and self.artifact.after is not None else []

    def definition(self, hostname: str | None = None) -> dict[str, Any]:
        """Return the ContainerDefinition that CloudFormation takes."""
        made: dict[str, Any] = {**self.image.source, "environment": dict(self.environment)}
        if self.artifact is not None:
            made |= self.artifact.model_data
        if hostname is not None:
            made["containerHostname"] = hostname
        return made


@dataclass(frozen=True)
class ModelDefinition:
    """What a SageMaker model is made of: one container, or several by hostname that run in `mode`."""

    containers: Mapping[str, Container]
    mode: Literal["Serial", "Direct"] | None = None
    multi_model: Mapping[str, Any] | None = None

    @classmethod
    def single(cls, container: Container) -> ModelDefinition:
        """Return a model of one container."""
        return cls({"model": container})

    @property
    def properties(self) -> dict[str, Any]:
        """PrimaryContainer, or Containers with their mode."""
        if self.mode is None:
            (only,) = self.containers.values()
            merged = {**only.definition(), **(self.multi_model or {})}
            return {"primary_container": {key: value for key, value in merged.items() if value is not None}}
        rows = [item.definition(name) for name, item in self.containers.items()]
        return {"containers": rows, "inference_execution_config": {"mode": self.mode}}


@dataclass(frozen=True)
class Variant:
    """One more production variant, or a shadow variant: a model, its share of the traffic, and its instances.

    Parameters
    ----------
    container:
        The model and its image.
    weight:
        Share of the traffic relative to the other weights, from 0; default 1.
    instance_type:
        Default: the endpoint's.
    instance_count:
        A whole number from 1; default 1.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    container: Container
    weight: float = defaults.WEIGHT
    instance_type: str | None = None
    instance_count: int = 1

    def __post_init__(self) -> None:
        check_type("container", self.container, Container, "a Container(image, artifact)")
        check_number("weight", self.weight, least=0)
        check_whole("instance_count", self.instance_count, 1)


def check_containers(containers: Mapping[str, Container]) -> None:
    """Raise ValueError for a number of containers, hostnames or a mix of silicon that SageMaker refuses."""
    check_count("containers", containers, limits.CONTAINERS_MIN, limits.CONTAINERS_MAX)
    for name in containers:
        if not Token.is_unresolved(name) and not _HOSTNAME.match(name):
            raise ValueError(f"container name {name!r} is no hostname: letters, digits and hyphens, at most 63")
    check_same_silicon([item.image for item in containers.values()])


def check_same_silicon(images: Sequence[ContainerImage]) -> None:
    """Raise ValueError when the containers of one endpoint were built for different silicon."""
    kinds = {(item.architecture, item.processor) for item in images}
    if len(kinds) > 1:
        shown = ", ".join(f"{architecture} {processor}" for architecture, processor in sorted(kinds))
        raise ValueError(f"the containers of one endpoint run on the same instances, but are built for {shown}")
