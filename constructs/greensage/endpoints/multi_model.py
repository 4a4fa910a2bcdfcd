"""Many models behind one endpoint: each is loaded when it is called and unloaded when memory is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from ..catalog.instances import instance
from ..core.checked import check_text
from ..errors import CatalogError
from ..storage.artifacts import ArtifactLocation
from .container import Container, ModelDefinition
from .container_capture import allow_capture, capturing
from .image import ContainerImage, check_image, check_of_ecr
from .on_instances import InstanceEndpoint
from .props import DataCapture
from .scaling import DEFAULT_TRACKING, TargetTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from constructs import Construct

    from .props import InstanceProps


class MultiModelEndpoint(InstanceEndpoint):
    """A multi-model endpoint: models are the *.tar.gz under one prefix, added and removed without touching it.

    Parameters
    ----------
    bucket, prefix:
        Where the models lie; `prefix` such as groups/tabular/ is the endpoint's own. Put a model there with
        `ModelArtifact(self, "Wine", source=..., bucket=bucket, prefix=endpoint.prefix)`.
    image:
        The container; it must implement SageMaker's multi-model API (greensage's serving image does; on GPUs it is
        AWS's Triton image).
    instance_type:
        Any CPU type, or a type with exactly one GPU.
    cache_models:
        Keep models in memory between requests; False suits many models that are each called rarely.
        Default: yes.
    scaling, environment:
        As for `RealTimeEndpoint`.
    capture:
        As for `ServerlessEndpoint`; each model's lie below its name, which stands where the prefix says {model}.

    The rest is `InstanceProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        endpoint = MultiModelEndpoint(self, "Tabular", bucket=bucket, prefix="groups/tabular/", image=image,
                                      instance_type="ml.c7g.large")
        endpoint.grant_invoke(function, target_models=["wine-*.tar.gz"])
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket,
        prefix: str,
        image: ContainerImage,
        instance_type: str,
        cache_models: bool = True,
        scaling: TargetTracking | None = DEFAULT_TRACKING,
        capture: DataCapture | None = None,
        environment: Mapping[str, str] | None = None,
        **props: Unpack[InstanceProps],
    ) -> None:
        check_image("image", image)
        check_of_ecr("image", image, "a multi-model endpoint")
        check_text("instance_type", instance_type)
        self.prefix = prefix if prefix.endswith("/") else f"{prefix}/"
        _check_accelerator(instance_type, image)
        here = ArtifactLocation(bucket.bucket_name, bucket.bucket_arn, self.prefix, self.prefix)
        # A prefix in ModelDataUrl: ModelDataSource is not for multi-model endpoints (botocore, ContainerDefinition).
        mode: dict[str, Any] = {"mode": "MultiModel", "modelDataUrl": here.uri, "modelDataSource": None}
        if not cache_models:
            mode["multiModelConfig"] = {"modelCacheSetting": "Disabled"}
        key = props.get("encryption_key")
        variables = capturing(environment, capture, key.key_arn if key else None)
        super().__init__(
            scope,
            id,
            model=ModelDefinition({"model": Container(image, here, variables)}, multi_model=mode),
            instance_type=instance_type,
            scaling=scaling,
            kind="mm",
            **props,
        )
        allow_capture(self._access, capture)

    def grant_invoke(self, grantee: iam.IGrantable, *, target_models: Sequence[str] | None = None) -> iam.Grant:
        """Let `grantee` invoke the endpoint; with `target_models` (keys below the prefix, * allowed) only those.

        Without it a caller reaches every model under the prefix.
        """
        conditions = {"StringLike": {"sagemaker:TargetModel": list(target_models)}} if target_models else None
        return self._grant_invoke(grantee, conditions)


def _check_accelerator(instance_type: str, image: ContainerImage) -> None:
    if image.processor in ("inf1", "neuronx"):
        raise ValueError(f"image is for {image.processor}; multi-model endpoints run on CPUs and single GPUs")
    try:
        count = instance(instance_type).accelerators
    except CatalogError:
        return
    if count > 1:
        raise ValueError(f"instance_type {instance_type} has {count} GPUs; multi-model endpoints take types with one")
