"""A few different models or frameworks side by side on the same instances, each called by its container's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from .container import Container, ModelDefinition, check_containers
from .on_instances import InstanceEndpoint
from .scaling import DEFAULT_TRACKING, TargetTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import InstanceProps


class MultiContainerEndpoint(InstanceEndpoint):
    """A multi-container endpoint with direct invocation.

    Parameters
    ----------
    containers:
        2 to 15 containers by name; callers pass the name as TargetContainerHostname.
    instance_type, scaling:
        As for `RealTimeEndpoint`; GPUs are not offered by AWS here.

    The rest is `InstanceProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        containers = {"wine": Container(image, wine.location), "iris": Container(image, iris.location)}
        endpoint = MultiContainerEndpoint(self, "Scores", instance_type="ml.c7g.large", containers=containers)
        endpoint.grant_invoke(function, containers=["wine"])
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Mapping[str, Container],
        instance_type: str,
        scaling: TargetTracking | None = DEFAULT_TRACKING,
        **props: Unpack[InstanceProps],
    ) -> None:
        check_containers(containers)
        accelerated = {name for name, item in containers.items() if item.image.processor != "cpu"}
        if accelerated:
            raise ValueError(f"containers {sorted(accelerated)} are for accelerators; multi-container endpoints run on CPUs")
        self._containers = tuple(containers)
        super().__init__(
            scope,
            id,
            model=ModelDefinition(containers, "Direct"),
            instance_type=instance_type,
            scaling=scaling,
            kind="mc",
            **props,
        )

    def grant_invoke(self, grantee: iam.IGrantable, *, containers: Sequence[str] | None = None) -> iam.Grant:
        """Let `grantee` invoke the endpoint; with `containers` only those of its containers."""
        unknown = [name for name in containers or () if name not in self._containers]
        if unknown:
            raise ValueError(f"containers {unknown} are not here; the endpoint has {', '.join(self._containers)}")
        conditions = {"StringEquals": {"sagemaker:TargetContainerHostname": list(containers)}} if containers else None
        return self._grant_invoke(grantee, conditions)
