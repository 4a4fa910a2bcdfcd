"""A chain of containers that every request passes: for instance preprocessing, a model, postprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .container import Container, ModelDefinition, check_containers
from .on_instances import InstanceEndpoint
from .props import DataCapture
from .scaling import DEFAULT_TRACKING, TargetTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import InstanceProps


class SerialPipelineEndpoint(InstanceEndpoint):
    """A serial inference pipeline on one endpoint.

    Parameters
    ----------
    containers:
        2 to 15 containers by name, in the order in which requests pass them: each gets the answer of the one before.
    instance_type, scaling:
        As for `RealTimeEndpoint`.
    capture:
        Requests and answers of the whole chain, written to S3. AWS's pages disagree on whether pipelines have it.
        Default: none.

    The rest is `InstanceProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        containers = {"scale": Container(image, scaler.location), "model": Container(image, model.location)}
        SerialPipelineEndpoint(self, "Scored", instance_type="ml.c7g.large", containers=containers)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        containers: Mapping[str, Container],
        instance_type: str,
        scaling: TargetTracking | None = DEFAULT_TRACKING,
        capture: DataCapture | None = None,
        **props: Unpack[InstanceProps],
    ) -> None:
        check_containers(containers)
        super().__init__(
            scope, id, model=ModelDefinition(containers, "Serial"), instance_type=instance_type, scaling=scaling,
            capture=capture, kind="sp", **props,
        )  # fmt: skip
