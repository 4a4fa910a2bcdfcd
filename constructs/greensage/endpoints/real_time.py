"""One model, with variants and a shadow if wanted, on instances of its own that follow the load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..core import defaults
from ..storage.artifacts import ArtifactLocation
from .container import Container, ModelDefinition, Variant
from .image import ContainerImage
from .on_instances import InstanceEndpoint
from .props import DataCapture
from .scaling import DEFAULT_TRACKING, TargetTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import InstanceProps


class RealTimeEndpoint(InstanceEndpoint):
    """A real-time endpoint, autoscaled, with limited logs, guarded updates and a role of its own.

    Parameters
    ----------
    artifact:
        Where the model.tar.gz lies; of a `ModelArtifact`, or `ArtifactLocation.in_bucket(bucket, key)`. A key that
        ends with a slash is the prefix of an uncompressed model. Default: none, for an image that brings or fetches its model.
    image:
        The container, with its architecture, which must be that of `instance_type`.
    instance_type:
        A type of SageMaker hosting, for instance ml.c7g.large. A change replaces the endpoint without a gap.
    scaling:
        Limits and target; default 1 to 2 instances. None: a fixed single instance.
    environment:
        For the container; at most 100 entries, default none.
    variants, weight:
        More production variants by name, and the main one's share. Another set of names is another endpoint,
        which comes up beside the old one. Default: none, and 1.
    shadow:
        A variant that gets a copy of the traffic; its weight, relative to the main one's, is the share.
        Default: none.
    capture:
        Requests and answers written to S3; default: none.

    The rest is `InstanceProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        endpoint = RealTimeEndpoint(self, "Churn", artifact=artifact.location, image=image,
                                    instance_type="ml.c7g.large")
        endpoint.grant_invoke(function)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation | None = None,
        image: ContainerImage,
        instance_type: str,
        scaling: TargetTracking | None = DEFAULT_TRACKING,
        environment: Mapping[str, str] | None = None,
        weight: float = defaults.WEIGHT,
        variants: Mapping[str, Variant] | None = None,
        shadow: Variant | None = None,
        capture: DataCapture | None = None,
        **props: Unpack[InstanceProps],
    ) -> None:
        super().__init__(
            scope,
            id,
            model=ModelDefinition.single(Container(image, artifact, environment or {})),
            instance_type=instance_type,
            scaling=scaling,
            weight=weight,
            variants=variants,
            shadow=shadow,
            capture=capture,
            **props,
        )
