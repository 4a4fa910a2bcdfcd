"""SageMaker's control plane for hosting: models, endpoint configs, endpoints and tags. One function per operation."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import (
    compilation,
    components,
    faults,
    fleet,
    pipelines,
    processing,
    quotas,
    recommender,
    registry,
    rules,
    training,
    transform,
)
from . import ministack_api as cloud
from .hosted import definitions_of
from .images import find_image
from .ministack_api import Answer
from .protocol import Request, respond
from .state import Endpoint, Store, arn, forget_scaling, store
from .utilisation import PUBLISH_SECONDS
from .wire import AwsError, refusal, validation_error

_KIND_OF = {
    "Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint",
    "InferenceComponent": "inference-component", "TransformJob": "transform-job", "CompilationJob": "compilation-job",
    "TrainingJob": "training-job", "ProcessingJob": "processing-job", "ModelPackageGroup": "model-package-group",
}  # fmt: skip


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer one HTTP request."""
    return respond("sagemaker", OPERATIONS, lambda name, request: _authorize(name, request, headers, query), headers, body)


def _authorize(name: str, request: Request, headers: dict[str, str], query: dict[str, list[str]]) -> Answer | None:
    if faults.take(name, json.dumps(request, default=str)):
        return refusal(AwsError("ThrottlingException", "Rate exceeded"))
    target = _target(name, request)
    if target is None:
        return None
    denied = cloud.authorize(headers, query, f"sagemaker:{name}", target)
    for action, resource, context in _on_behalf(name, request):
        denied = denied or cloud.authorize(headers, query, action, resource, context=context)
    return denied


def _on_behalf(name: str, request: Request) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What SageMaker asks whether the caller may do it: give a role away and, of what is registered, read image and archive."""
    for key in ("ExecutionRoleArn", "RoleArn"):
        if request.get(key):
            yield "iam:PassRole", request[key], {"iam:PassedToService": "sagemaker.amazonaws.com"}
    if name != "CreateModelPackage":
        return
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        image = find_image(container["Image"])
        yield from ((action, image.repository_arn, {}) for action in ("ecr:BatchGetImage", "ecr:DescribeImages"))
        place = container.get("ModelDataUrl", "").removeprefix("s3://")
        if place:
            yield "s3:GetObject", f"arn:aws:s3:::{place}", {}


def _target(name: str, request: Request) -> str | None:
    """The ARN that an operation is authorized on; None where it says itself that what it names is not there."""
    target: str | None = (
        request.get("ResourceArn") or request.get("ModelPackageArn") or request.get("PipelineExecutionArn") or "*"
    )
    if request.get("ModelPackageName", "").startswith("arn:"):
        target = request["ModelPackageName"]
    elif "CallbackToken" in request:
        target = pipelines.waiting_for(request["CallbackToken"])
    elif "ModelPackageGroupName" in request:
        target = arn("model-package-group", request["ModelPackageGroupName"].rsplit("/", 1)[-1])
    elif "Pipeline" in name and "PipelineName" in request:
        target = arn("pipeline", request["PipelineName"])
    elif name in recommender.OPERATIONS:
        target = arn("inference-recommendations-job", request["JobName"])
    for part, kind in _KIND_OF.items():
        if name.endswith(part) and f"{part}Name" in request:
            target = arn(kind, request[f"{part}Name"])
    return target


def create_model(request: Request) -> Request:
    """Register a model after looking at its role, image and archive, as SageMaker does."""
    state, name = store(), request["ModelName"]
    _refuse_existing(state.models, "model", name)
    rules.check_containers(request)
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise validation_error("ExecutionRoleArn is required.")
    rules.check_role(role)
    for container in definitions_of(request):
        rules.check_image_access(role, find_image(container["Image"]))
        if container.get("Mode") == "MultiModel":
            rules.check_prefix(role, container.get("ModelDataUrl", ""))
        elif "ModelDataUrl" in container:
            rules.artifact_bytes(role, container["ModelDataUrl"])
    state.models[name] = {**request, "ModelArn": arn("model", name), "CreationTime": time.time()}
    return {"ModelArn": arn("model", name)}


def create_endpoint_config(request: Request) -> Request:
    """Register a config; its instance types were checked against the API's enumeration already."""
    state, name = store(), request["EndpointConfigName"]
    _refuse_existing(state.configs, "endpoint configuration", name)
    rules.check_config(state, request)
    # Half an hour of a demo has few points a minute apart, so that they come as often as AWS allows, unless the user says.
    metrics = {"MetricPublishFrequencyInSeconds": PUBLISH_SECONDS, **request.get("MetricsConfig", {})}
    state.configs[name] = {
        **request, "MetricsConfig": metrics, "EndpointConfigArn": arn("endpoint-config", name), "CreationTime": time.time(),
    }  # fmt: skip
    return {"EndpointConfigArn": arn("endpoint-config", name)}


def create_endpoint(request: Request) -> Request:
    """Start an endpoint; it is Creating until its container answered /ping."""
    state, name = store(), request["EndpointName"]
    _refuse_existing(state.endpoints, "endpoint", name)
    _find(state.configs, "endpoint configuration", request["EndpointConfigName"])
    quotas.check_endpoint(state, request["EndpointConfigName"])
    made = Endpoint(
        name, arn("endpoint", name), request["EndpointConfigName"], cloud.account(), cloud.region(), request.get("Tags", [])
    )
    state.endpoints[name] = made
    fleet.create(made)
    return {"EndpointArn": made.arn}


def update_endpoint(request: Request) -> Request:
    """Swap the fleet for one of another config."""
    state, found = store(), _endpoint(request)
    if found.status != "InService":
        raise validation_error(f'Cannot update in-progress endpoint "{found.arn}": it is {found.status}.')
    config = _find(state.configs, "endpoint configuration", request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig")
    rules.check_update(state, found.name, found.variants.values(), config["ProductionVariants"])
    rules.check_deployment(found.variants.values(), config["ProductionVariants"], deployment)
    quotas.check_endpoint(state, request["EndpointConfigName"], besides=found.name)
    retain = request.get("RetainAllVariantProperties", False)
    fleet.update(found, request["EndpointConfigName"], retain_counts=retain, deployment=deployment)
    return {"EndpointArn": found.arn}


def update_weights_and_capacities(request: Request) -> Request:
    """Set the instance counts and weights that scaling and people ask for."""
    found = _endpoint(request)
    for row in request["DesiredWeightsAndCapacities"]:
        variant = found.variants.get(row["VariantName"])
        if variant is None:
            raise validation_error(f"The variant {row['VariantName']} does not exist.")
        variant.desired = row.get("DesiredInstanceCount", variant.desired)
        if "DesiredWeight" in row:
            variant.config["InitialVariantWeight"] = row["DesiredWeight"]
    return {"EndpointArn": found.arn}


def describe_endpoint(request: Request) -> Request:
    """Describe an endpoint with its variants."""
    found = _endpoint(request)
    failed = {"FailureReason": found.failure} if found.failure else {}
    # The API's list has at least one entry, so it is left out until the first fleet is up.
    variants = {"ProductionVariants": [_variant_summary(item) for item in found.variants.values()]} if found.variants else {}
    return {
        "EndpointName": found.name, "EndpointArn": found.arn, "EndpointConfigName": found.config_name,
        "EndpointStatus": found.status, "CreationTime": found.created, "LastModifiedTime": found.modified, **failed, **variants,
    }  # fmt: skip


def _variant_summary(variant: Any) -> Request:
    row: Request = {"VariantName": variant.name}
    if "ServerlessConfig" in variant.config:
        warm = {"ProvisionedConcurrency": variant.warm} if variant.warm else {}
        return {**row, "CurrentServerlessConfig": {**variant.config["ServerlessConfig"], **warm}}
    weight = float(variant.config.get("InitialVariantWeight", 1))
    counts = {"CurrentInstanceCount": variant.desired, "DesiredInstanceCount": variant.desired}
    return {**row, **counts, "CurrentWeight": weight, "DesiredWeight": weight}


def delete_endpoint(request: Request) -> Request:
    """Stop the fleet and forget the endpoint, its scalable targets included."""
    state, found = store(), _endpoint(request)
    if not found.settled.is_set():
        raise validation_error(f'Cannot update in-progress endpoint "{found.arn}": it is {found.status}.')
    left = [item.name for item in state.components.values() if item.request["EndpointName"] == found.name]
    if left:
        raise validation_error(f'Cannot delete endpoint "{found.arn}": delete the inference components {left} first.')
    del state.endpoints[found.name]
    # Containers finish their requests first, and the API does not keep the caller waiting for that.
    threading.Thread(target=fleet.stop, args=(found,), daemon=True).start()
    forget_scaling(state, f"endpoint/{found.name}/")
    return {}


def _describe(table: Callable[[Store], dict[str, Request]], label: str, key: str) -> Callable[[Request], Request]:
    # The API tells tags through ListTags only.
    hidden = ("Tags",)
    return lambda request: {
        field: value for field, value in _find(table(store()), label, request[key]).items() if field not in hidden
    }


def _delete(table: Callable[[Store], dict[str, Request]], label: str, key: str) -> Callable[[Request], Request]:
    def delete(request: Request) -> Request:
        _find(table(store()), label, request[key])
        del table(store())[request[key]]
        return {}

    return delete


def list_models(request: Request) -> Request:
    """List all models; pages are not needed at local sizes."""
    rows = store().models.values()
    return {"Models": [{key: row[key] for key in ("ModelName", "ModelArn", "CreationTime")} for row in rows]}


def list_endpoint_configs(request: Request) -> Request:
    """List all endpoint configs."""
    rows = store().configs.values()
    keys = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    return {"EndpointConfigs": [{key: row[key] for key in keys} for row in rows]}


def list_endpoints(request: Request) -> Request:
    """List the endpoints that a request asks for."""
    part, status = request.get("NameContains", "").lower(), request.get("StatusEquals")
    return {
        "Endpoints": [
            {"EndpointName": item.name, "EndpointArn": item.arn, "CreationTime": item.created,
             "LastModifiedTime": item.modified, "EndpointStatus": item.status}
            for item in store().endpoints.values()
            if part in item.name.lower() and status in (None, item.status)
        ]
    }  # fmt: skip


def list_tags(request: Request) -> Request:
    """List the tags of a model, config or endpoint."""
    return {"Tags": _tags(request["ResourceArn"])}


def add_tags(request: Request) -> Request:
    """Add or replace tags."""
    tags = _tags(request["ResourceArn"])
    new = {row["Key"] for row in request["Tags"]}
    tags[:] = [row for row in tags if row["Key"] not in new] + request["Tags"]
    return {"Tags": tags}


def delete_tags(request: Request) -> Request:
    """Remove tags."""
    tags = _tags(request["ResourceArn"])
    tags[:] = [row for row in tags if row["Key"] not in request["TagKeys"]]
    return {}


_ARNS = ("ModelArn", "EndpointConfigArn", "ModelPackageGroupArn", "ModelPackageArn")


def _tags(resource_arn: str) -> list[dict[str, str]]:
    state = store()
    for item in (*state.endpoints.values(), *state.components.values()):
        if item.arn == resource_arn:
            return item.tags
    rows = (*state.models.values(), *state.configs.values(), *state.package_groups.values(), *state.packages.values())
    for row in rows:
        if resource_arn in (row.get(key) for key in _ARNS):
            return row.setdefault("Tags", [])
    raise validation_error(f"Could not find the resource {resource_arn}.")


def _endpoint(request: Request) -> Endpoint:
    return _find(store().endpoints, "endpoint", request["EndpointName"])


def _find(table: dict[str, Any], label: str, name: str) -> Any:
    if name not in table:
        raise validation_error(f'Could not find {label} "{name}".')
    return table[name]


def _refuse_existing(table: dict[str, Any], label: str, name: str) -> None:
    if name in table:
        raise validation_error(f'Cannot create already existing {label} "{arn(label.replace(" ", "-"), name)}".')


OPERATIONS: dict[str, Callable[[Request], Request]] = {
    "CreateModel": create_model,
    "DescribeModel": _describe(lambda state: state.models, "model", "ModelName"),
    "DeleteModel": _delete(lambda state: state.models, "model", "ModelName"),
    "ListModels": list_models,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": _describe(lambda state: state.configs, "endpoint configuration", "EndpointConfigName"),
    "DeleteEndpointConfig": _delete(lambda state: state.configs, "endpoint configuration", "EndpointConfigName"),
    "ListEndpointConfigs": list_endpoint_configs,
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_weights_and_capacities,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": list_endpoints,
    "CreateInferenceComponent": components.create,
    "UpdateInferenceComponent": components.update,
    "UpdateInferenceComponentRuntimeConfig": components.update_runtime,
    "DescribeInferenceComponent": components.describe,
    "DeleteInferenceComponent": components.delete,
    "ListInferenceComponents": components.list_all,
    **compilation.OPERATIONS,
    **recommender.OPERATIONS,
    **transform.JOBS.operations(),
    **training.JOBS.operations(),
    **processing.JOBS.operations(),
    **pipelines.OPERATIONS,
    "CreateModelPackageGroup": registry.create_group,
    "DescribeModelPackageGroup": registry.describe_group,
    "DeleteModelPackageGroup": registry.delete_group,
    "ListModelPackageGroups": registry.list_groups,
    "CreateModelPackage": registry.create_package,
    "DescribeModelPackage": registry.describe_package,
    "UpdateModelPackage": registry.update_package,
    "DeleteModelPackage": registry.delete_package,
    "ListModelPackages": registry.list_packages,
    "ListTags": list_tags,
    "AddTags": add_tags,
    "DeleteTags": delete_tags,
}
