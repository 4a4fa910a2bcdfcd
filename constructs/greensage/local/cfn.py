"""CloudFormation's resource types for what we add: each calls the API operation that AWS's own handler calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..catalog import limits
from . import autoscaling, sagemaker_api
from . import ministack_api as cloud
from .state import store
from .wire import AwsError, check_request, coerce, operation

Props = dict[str, Any]
Result = tuple[str, dict[str, str]]
_SETTLE_SECONDS = 1200
_POLL_SECONDS = 0.02


def install() -> None:
    """Register the types; create-only properties are those of AWS's resource schemas."""
    model = _CreateOnly("Model", "ModelName", "ModelArn")
    config = _CreateOnly("EndpointConfig", "EndpointConfigName", "EndpointConfigArn")
    for kind in (model, config):
        cloud.add_resource_type(
            f"AWS::SageMaker::{kind.kind}", create=kind.create, update=kind.update, delete=kind.delete,
            replacing=kind.replacing(), named_by=kind.name_key, tagged=True, slow=False,
        )  # fmt: skip
    cloud.add_resource_type(
        "AWS::SageMaker::ModelPackageGroup", create=_create_group, update=_update_group, delete=_delete_group,
        replacing=("ModelPackageGroupName", "ModelPackageGroupDescription"), named_by="ModelPackageGroupName", tagged=True,
        slow=False,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::SageMaker::Pipeline", create=_create_pipeline, update=_update_pipeline, delete=_delete_pipeline,
        replacing=("PipelineName",), named_by="PipelineName", tagged=True, slow=False,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::SageMaker::Endpoint", create=_create_endpoint, update=_update_endpoint, delete=_delete_endpoint,
        replacing=("EndpointName",), named_by="EndpointName", tagged=True, slow=True,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::SageMaker::InferenceComponent", create=_create_component, update=_update_component, delete=_delete_component,
        # AWS's resource schema names no create-only property for components.
        replacing=(), named_by=None, tagged=True, slow=True,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::ApplicationAutoScaling::ScalableTarget", create=_create_target, update=_update_target, delete=_delete_target,
        replacing=("ResourceId", "ScalableDimension", "ServiceNamespace"), named_by=None, tagged=False, slow=False,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::ApplicationAutoScaling::ScalingPolicy", create=_create_policy, update=_update_policy, delete=_delete_policy,
        replacing=("PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"),
        named_by=None, tagged=False, slow=False,
    )  # fmt: skip


def _call(service: str, name: str, request: Props) -> Props:
    table = sagemaker_api.OPERATIONS if service == "sagemaker" else autoscaling.OPERATIONS
    model = operation(service, name)
    shape = model.input_shape
    assert shape is not None
    typed = coerce(shape, request)
    try:
        check_request(model, typed)
        return table[name](typed)
    except AwsError as error:
        label = "SageMaker" if service == "sagemaker" else "ApplicationAutoScaling"
        # Worded like AWS's handlers, because it is what the CDK's CLI shows as the reason.
        raise ValueError(f"{error.message} (Service: {label}, Status Code: {error.status}, {error.code})") from None


class _CreateOnly:
    """Models and endpoint configs: nothing but tags changes in place."""

    def __init__(self, kind: str, name_key: str, arn_key: str) -> None:
        self.kind, self.name_key, self._arn_key = kind, name_key, arn_key

    def replacing(self) -> tuple[str, ...]:
        """All properties of the create request, but the tags."""
        shape: Any = operation("sagemaker", f"Create{self.kind}").input_shape
        assert shape is not None
        return tuple(name for name in shape.members if name != "Tags")

    def create(self, logical_id: str, props: Props, stack: str) -> Result:
        """Create under the given or a generated name."""
        name = props.get(self.name_key) or cloud.generated_name(stack, logical_id, limits.RESOURCE_NAME_MAX)
        made = _call("sagemaker", f"Create{self.kind}", {**props, self.name_key: name})
        return made[self._arn_key], {self.name_key: name, self._arn_key: made[self._arn_key]}

    def update(self, physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
        """Only tags get here; the rest replaces."""
        _update_tags(physical_id, old, new)
        return physical_id, {self.name_key: _name(physical_id), self._arn_key: physical_id}

    def delete(self, physical_id: str, props: Props) -> None:
        """Delete; what is gone already is fine."""
        _quietly(lambda: _call("sagemaker", f"Delete{self.kind}", {self.name_key: _name(physical_id)}))


def _create_group(logical_id: str, props: Props, stack: str) -> Result:
    made = _call("sagemaker", "CreateModelPackageGroup", props)
    return made["ModelPackageGroupArn"], dict(made)


def _update_group(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    return physical_id, {"ModelPackageGroupArn": physical_id}


def _delete_group(physical_id: str, props: Props) -> None:
    if _name(physical_id) in store().package_groups:
        _call("sagemaker", "DeleteModelPackageGroup", {"ModelPackageGroupName": _name(physical_id)})


def _create_pipeline(logical_id: str, props: Props, stack: str) -> Result:
    name = props.get("PipelineName") or cloud.generated_name(stack, logical_id, limits.RESOURCE_NAME_MAX)
    request = _pipeline_request({**props, "PipelineName": name})
    # The API takes tokens of 32 to 128 characters.
    _call("sagemaker", "CreatePipeline", {**request, "ClientRequestToken": f"{stack}-{logical_id}".ljust(32, "-")[:128]})
    return name, {}


def _update_pipeline(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    request = _pipeline_request({**new, "PipelineName": physical_id})
    _call("sagemaker", "UpdatePipeline", {key: value for key, value in request.items() if key != "Tags"})
    return physical_id, {}


def _delete_pipeline(physical_id: str, props: Props) -> None:
    if physical_id in store().pipelines:
        token = physical_id.ljust(32, "-")[:128]
        _call("sagemaker", "DeletePipeline", {"PipelineName": physical_id, "ClientRequestToken": token})


def _pipeline_request(props: Props) -> Props:
    """The definition is an object of its own in CloudFormation."""
    body = props["PipelineDefinition"]["PipelineDefinitionBody"]
    return {**{key: value for key, value in props.items() if key != "PipelineDefinition"}, "PipelineDefinition": body}


def _create_endpoint(logical_id: str, props: Props, stack: str) -> Result:
    name = props.get("EndpointName") or cloud.generated_name(stack, logical_id, limits.RESOURCE_NAME_MAX)
    request = {"EndpointName": name, "EndpointConfigName": props["EndpointConfigName"], "Tags": props.get("Tags", [])}
    made = _call("sagemaker", "CreateEndpoint", request)
    found = store().endpoints[name]
    found.settled.wait(_SETTLE_SECONDS)
    if found.status != "InService":
        reason = found.failure or f"the endpoint is still {found.status}"
        # The stack never learns of it, so its rollback would leave it behind.
        _call("sagemaker", "DeleteEndpoint", {"EndpointName": name})
        raise ValueError(
            f"Resource of type 'AWS::SageMaker::Endpoint' with identifier '{made['EndpointArn']}' did not stabilize. {reason}"
        )
    return made["EndpointArn"], {"EndpointName": name, "EndpointArn": made["EndpointArn"]}


def _update_endpoint(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    name = _name(physical_id)
    _update_tags(physical_id, old, new)
    if old.get("EndpointConfigName") != new.get("EndpointConfigName"):
        retain = str(new.get("RetainAllVariantProperties", "false")).lower() == "true"
        guard = {"DeploymentConfig": new["DeploymentConfig"]} if new.get("DeploymentConfig") else {}
        request = {
            "EndpointName": name, "EndpointConfigName": new["EndpointConfigName"], "RetainAllVariantProperties": retain, **guard,
        }  # fmt: skip
        _call("sagemaker", "UpdateEndpoint", request)
        found = store().endpoints[name]
        found.settled.wait(_SETTLE_SECONDS)
        # An update that was rolled back is InService again; the status alone would pass it as a success.
        if found.last_failure or found.status != "InService":
            raise ValueError(
                f'Resource handler returned message: "{found.last_failure or found.status}" (HandlerErrorCode: NotStabilized)'
            )
    return physical_id, {"EndpointName": name, "EndpointArn": physical_id}


def _delete_endpoint(physical_id: str, props: Props) -> None:
    found = store().endpoints.get(_name(physical_id))
    if found is None:
        return
    # SageMaker refuses to delete an endpoint that is being changed.
    found.settled.wait(_SETTLE_SECONDS)
    _call("sagemaker", "DeleteEndpoint", {"EndpointName": found.name})
    # Containers write captures until they end, and the stack deletes the bucket next.
    found.stopped.wait(_SETTLE_SECONDS)


def _create_component(logical_id: str, props: Props, stack: str) -> Result:
    name = props.get("InferenceComponentName") or cloud.generated_name(stack, logical_id, limits.RESOURCE_NAME_MAX)
    made = _call("sagemaker", "CreateInferenceComponent", {**_component_request(props), "InferenceComponentName": name})
    failure = _settled_component(name)
    if failure:
        _call("sagemaker", "DeleteInferenceComponent", {"InferenceComponentName": name})
        raise ValueError(f"Resource of type 'AWS::SageMaker::InferenceComponent' did not stabilize. {failure}")
    return made["InferenceComponentArn"], {"InferenceComponentArn": made["InferenceComponentArn"], "InferenceComponentName": name}


def _update_component(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    """The endpoint of a component cannot change (UpdateInferenceComponent has no such parameter)."""
    name = _name(physical_id)
    _update_tags(physical_id, old, new)
    if old["EndpointName"] != new["EndpointName"]:
        raise ValueError("The EndpointName of an inference component cannot be changed.")
    if old.get("Specification") != new.get("Specification"):
        request = {key: value for key, value in _component_request(new).items() if key in ("Specification", "DeploymentConfig")}
        _call("sagemaker", "UpdateInferenceComponent", {**request, "InferenceComponentName": name})
        failure = _settled_component(name)
        if failure:
            raise ValueError(f'Resource handler returned message: "{failure}" (HandlerErrorCode: NotStabilized)')
    return physical_id, {"InferenceComponentArn": physical_id, "InferenceComponentName": name}


def _component_request(props: Props) -> Props:
    known = (
        "InferenceComponentName",
        "EndpointName",
        "VariantName",
        "Specification",
        "RuntimeConfig",
        "Tags",
        "DeploymentConfig",
    )
    return {key: props[key] for key in known if key in props}


def _settled_component(name: str) -> str:
    """Wait for a component; return why it did not come up, or nothing."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    component = store().components[name]
    while component.status in ("Creating", "Updating") and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return component.failure or ("" if component.status == "InService" else f"it is still {component.status}")


def _delete_component(physical_id: str, props: Props) -> None:
    _quietly(lambda: _call("sagemaker", "DeleteInferenceComponent", {"InferenceComponentName": _name(physical_id)}))


def _create_target(logical_id: str, props: Props, stack: str) -> Result:
    _call("application-autoscaling", "RegisterScalableTarget", _only(props, "RegisterScalableTarget"))
    for row in props.get("ScheduledActions", []):
        _call("application-autoscaling", "PutScheduledAction", {**_target_keys(props), **row})
    physical_id = f"{props['ResourceId']}|{props['ScalableDimension']}|{props['ServiceNamespace']}"
    return physical_id, {"Id": physical_id}


def _update_target(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    kept = {row["ScheduledActionName"] for row in new.get("ScheduledActions", [])}
    for row in old.get("ScheduledActions", []):
        if row["ScheduledActionName"] not in kept:
            gone = {**_target_keys(new), "ScheduledActionName": row["ScheduledActionName"]}
            _quietly(lambda gone=gone: _call("application-autoscaling", "DeleteScheduledAction", gone))
    # RegisterScalableTarget and PutScheduledAction change what is there already.
    return _create_target(logical_id, new, stack)


def _target_keys(props: Props) -> Props:
    return {key: props[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace")}


def _delete_target(physical_id: str, props: Props) -> None:
    request = _target_of(physical_id)
    _quietly(lambda: _call("application-autoscaling", "DeregisterScalableTarget", request))


def _create_policy(logical_id: str, props: Props, stack: str) -> Result:
    request = {**_only(props, "PutScalingPolicy"), **_policy_target(props)}
    made = _call("application-autoscaling", "PutScalingPolicy", request)
    return made["PolicyARN"], {"Arn": made["PolicyARN"]}


def _update_policy(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    return _create_policy(logical_id, new, stack)


def _delete_policy(physical_id: str, props: Props) -> None:
    request = {"PolicyName": props["PolicyName"], **_policy_target(props)}
    _quietly(lambda: _call("application-autoscaling", "DeleteScalingPolicy", request))


def _policy_target(props: Props) -> dict[str, str]:
    if "ScalingTargetId" in props:
        return _target_of(props["ScalingTargetId"])
    return _target_keys(props)


def _target_of(physical_id: str) -> dict[str, str]:
    resource, dimension, namespace = physical_id.split("|")
    return {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}


def _only(props: Props, name: str) -> Props:
    shape: Any = operation("application-autoscaling", name).input_shape
    assert shape is not None
    return {key: value for key, value in props.items() if key in shape.members and key != "Tags"}


def _update_tags(arn: str, old: Props, new: Props) -> None:
    before, after = ({row["Key"]: row["Value"] for row in props.get("Tags", [])} for props in (old, new))
    gone = [key for key in before if key not in after]
    changed = [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]
    if gone:
        _call("sagemaker", "DeleteTags", {"ResourceArn": arn, "TagKeys": gone})
    if changed:
        _call("sagemaker", "AddTags", {"ResourceArn": arn, "Tags": changed})


def _name(arn: str) -> str:
    """Return the name behind an ARN, which SageMaker writes in lower case."""
    slug, state = arn.rsplit("/", 1)[-1], store()
    names = (*state.endpoints, *state.models, *state.configs)
    return next((name for name in names if name.lower() == slug), slug)


def _quietly(delete: Callable[[], Any]) -> None:
    try:
        delete()
    except ValueError as error:
        if "Could not find" not in str(error) and "No scal" not in str(error):
            raise
