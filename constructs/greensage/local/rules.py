"""What AWS refuses, in its words, where it matters here. Each rule takes a request and raises, or says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..catalog import limits
from ..catalog.images import is_of_aws
from ..catalog.instances import instance
from ..errors import CatalogError
from . import ministack_api as cloud
from .images import Image
from .state import Store, Variant
from .wire import validation_error

COUNT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
WARM_DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
COPY_DIMENSION = "sagemaker:inference-component:DesiredCopyCount"


# aws/amazon-sagemaker-feedback issue 181.
_FOREIGN_IMAGE = (
    "The container image URI is not a prebuilt SageMaker algorithm or deep learning image, or the bring-your-own container "
    "image URI does not reside in an Amazon ECR repository within the same AWS account creating the endpoint."
)


def check_role(role_arn: str) -> None:
    """The role must exist and trust SageMaker."""
    if not cloud.role_trusts(role_arn, "sagemaker.amazonaws.com"):
        raise validation_error(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def check_image_access(role_arn: str, image: Image) -> None:
    """The role must be able to pull."""
    for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"):
        if not cloud.role_allows(role_arn, action, image.repository_arn):
            raise validation_error(
                f'The role "{role_arn}" does not have {action} permission for the image: "{image.uri}". '
                "Please ensure that the permissions are granted."
            )


def artifact_bytes(role_arn: str, uri: str) -> bytes:
    """Return the archive at `uri`, read as the role."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    # Rights before existence: as with S3, who may not read does not hear whether it is there.
    if not cloud.role_allows(role_arn, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
        raise validation_error(
            f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists and that its trust '
            'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
            'Also ensure that the role has "s3:GetObject" permissions and that the object is located in '
            f"{cloud.region()}."
        )
    content = cloud.s3_object(bucket, key)
    if content is None:
        raise validation_error(f"Could not find model data at {uri}.")
    return content


def check_prefix(role_arn: str, uri: str) -> None:
    """A multi-model prefix ends with a slash, its bucket exists, and the role may list it."""
    if not uri.endswith("/"):
        raise validation_error(f"ModelDataUrl {uri} of a multi-model container must be an S3 prefix ending with a slash.")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if cloud.s3_keys(bucket, prefix) is None:
        raise validation_error(f"Could not find model data at {uri}.")
    if not cloud.role_allows(role_arn, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix}):
        raise validation_error(f'The role "{role_arn}" does not have s3:ListBucket permission for {uri}.')


def check_config(store: Store, request: dict[str, Any]) -> None:
    """Variants name existing models, and either instances or serverless; what excludes each other is refused."""
    rows, shadows = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    names = [row["VariantName"] for row in (*rows, *shadows)]
    if len(set(names)) < len(names):
        raise validation_error(f"Duplicate variant names: {names}")
    if shadows and (len(rows), len(shadows)) != (1, 1):
        raise validation_error("With ShadowProductionVariants there must be exactly one production and one shadow variant.")
    for row in (*rows, *shadows):
        if "ModelName" in row and row["ModelName"] not in store.models:
            raise validation_error(f'Could not find model "{row["ModelName"]}".')
        _check_variant(row, len(names))
        _check_features(store, request, row)
    _check_components(request, rows)


def _check_components(request: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    without = [row["VariantName"] for row in rows if "ModelName" not in row]
    if without and "ExecutionRoleArn" not in request:
        raise validation_error(f"ExecutionRoleArn is required, because the variants {without} have no ModelName.")
    managed = [row["VariantName"] for row in rows if "ManagedInstanceScaling" in row and "ModelName" in row]
    if managed:
        raise validation_error("ManagedInstanceScaling is only supported for inference component endpoints.")


def _check_features(store: Store, request: dict[str, Any], row: dict[str, Any]) -> None:
    """The cells of the capability matrix that a config can break."""
    model = store.models.get(row.get("ModelName", ""), {})
    many = (model.get("PrimaryContainer") or {}).get("Mode") == "MultiModel"
    direct = (model.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct"
    serverless, waits = "ServerlessConfig" in row, "AsyncInferenceConfig" in request
    captured = "DataCaptureConfig" in request
    for wrong, what in (
        (captured and (many or direct or serverless or waits), "Data capture is not supported for this kind of endpoint."),
        (
            serverless and (many or len(model.get("Containers", [])) > 1),
            "Serverless endpoints host one container with one model.",
        ),
        (serverless and _is_foreign(model), _FOREIGN_IMAGE),
        (serverless and bool(model.get("VpcConfig")), "Serverless endpoints do not support VpcConfig."),
        (serverless and model.get("EnableNetworkIsolation"), "Serverless endpoints do not support network isolation."),
        (waits and len(request["ProductionVariants"]) > 1, "Asynchronous endpoints have one production variant."),
        (
            "ShadowProductionVariants" in request and (many or direct or serverless or waits),
            "Shadow variants are not supported here.",
        ),
    ):
        if wrong:
            raise validation_error(what)


def _is_foreign(model: dict[str, Any]) -> bool:
    """Whether an image of a model is another account's, and not AWS's."""
    containers = [model.get("PrimaryContainer") or {}, *model.get("Containers", [])]
    owners = {row["Image"].partition(".")[0] for row in containers if ".dkr.ecr." in row.get("Image", "")}
    return any(owner != cloud.account() and not is_of_aws(owner) for owner in owners)


def check_containers(request: dict[str, Any]) -> None:
    """A model has one primary container, or 2 to 15 with hostnames if they are called directly."""
    containers = request.get("Containers")
    if ("PrimaryContainer" in request) == bool(containers):
        raise validation_error("A model needs either PrimaryContainer or Containers.")
    if not containers:
        return
    if not limits.CONTAINERS_MIN <= len(containers) <= limits.CONTAINERS_MAX:
        raise validation_error(f"Containers must have {limits.CONTAINERS_MIN} to {limits.CONTAINERS_MAX} entries.")
    names = [row.get("ContainerHostname") for row in containers]
    if (request.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct" and (
        None in names or len(set(names)) < len(names)
    ):
        raise validation_error("Containers that are invoked directly need a ContainerHostname each, all different.")


def _check_variant(row: dict[str, Any], count: int) -> None:
    serverless = row.get("ServerlessConfig")
    if (serverless is None) == (row.get("InstanceType") is None):
        raise validation_error("A production variant needs either InstanceType or ServerlessConfig.")
    if serverless is None:
        if row.get("InitialInstanceCount") is None:
            raise validation_error("InitialInstanceCount is required for a variant with InstanceType.")
        return
    if count > 1:
        raise validation_error("Serverless endpoints do not support multiple production variants.")
    if serverless["MemorySizeInMB"] not in limits.SERVERLESS_MEMORY_MB:
        allowed = ", ".join(map(str, limits.SERVERLESS_MEMORY_MB))
        raise validation_error(f"MemorySizeInMB must be one of [{allowed}], got {serverless['MemorySizeInMB']}.")
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise validation_error("ProvisionedConcurrency must not be greater than MaxConcurrency.")


def check_architecture(image: Image, variant: str, instance_type: str | None) -> None:
    """An image on the wrong silicon never starts; AWS finds out after minutes."""
    # Hosting without instances is taken to be x86_64: no source says that it runs arm64 images.
    architecture = "x86_64"
    if instance_type is not None:
        try:
            architecture = instance(instance_type).architecture
        except CatalogError:
            # The API accepts some types of which the catalog does not know the silicon.
            return
    if image.architecture != architecture:
        where = instance_type or "hosting without instances"
        raise validation_error(
            f"The primary container for production variant {variant} did not pass the ping health check. "
            f"exec format error: the image is {image.architecture}, {where} is {architecture}."
        )


def check_deployment(old: Iterable[Variant], new: list[dict[str, Any]], deployment: dict[str, Any] | None) -> None:
    """A guarded deployment keeps the variant names; rolling has one variant (deployment-guardrails-exclusions)."""
    if not deployment:
        return
    before, after = {variant.name for variant in old}, {row["VariantName"] for row in new}
    if before != after:
        raise validation_error(
            f"The deployment needs the same variant names before and after: {sorted(before)}, {sorted(after)}."
        )
    if "RollingUpdatePolicy" in deployment and len(after) > 1:
        raise validation_error("RollingUpdatePolicy is not supported with several production variants.")


def check_update(store: Store, endpoint: str, old: Iterable[Variant], new: list[dict[str, Any]]) -> None:
    """Autoscaled variants keep their name and instance type; instances never become serverless.

    Developer guide, "Update endpoints that use auto scaling" and "Serverless inference".
    """
    new_types = {row["VariantName"]: row.get("InstanceType") for row in new}
    blocked = [
        variant.name
        for variant in old
        if (f"endpoint/{endpoint}/variant/{variant.name}", COUNT_DIMENSION) in store.targets
        and new_types.get(variant.name) != variant.instance_type
    ]
    if blocked:
        raise validation_error(
            f"The variant(s) {blocked} must be deregistered as scalable targets with AWS Auto Scaling before they can be "
            "removed or have their instance type updated."
        )
    if any(variant.instance_type for variant in old) and any(row.get("ServerlessConfig") for row in new):
        raise validation_error("An instance-based endpoint cannot be updated to a serverless endpoint.")
