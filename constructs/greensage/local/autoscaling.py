"""Application Auto Scaling for production variants: targets and policies, with the rules that AWS enforces."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

from . import ministack_api as cloud
from .ministack_api import Answer
from .protocol import Request, respond
from .rules import COUNT_DIMENSION
from .state import Variant, store
from .wire import AwsError, validation_error

_RESOURCE = re.compile(r"^endpoint/([A-Za-z0-9-]+)/variant/([A-Za-z0-9-]+)$")
_METRICS = {
    COUNT_DIMENSION: {"SageMakerVariantInvocationsPerInstance", "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
}


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer one HTTP request."""
    return respond(
        "application-autoscaling",
        OPERATIONS,
        lambda name, request: cloud.authorize(headers, query, f"application-autoscaling:{name}", "*"),
        headers,
        body,
    )


def register(request: Request) -> Request:
    """Register or change a scalable target; the variant's count is moved into its limits."""
    key = _key(request)
    variant = _variant(request)
    state = store()
    row = {**state.targets.get(key, {"CreationTime": time.time()}), **request}
    low, high = row.get("MinCapacity"), row.get("MaxCapacity")
    if low is None or high is None:
        raise validation_error("MinCapacity and MaxCapacity are required to register a scalable target.")
    if low > high:
        raise validation_error("Minimum capacity cannot be greater than maximum capacity.")
    if low < 1:
        raise validation_error("MinCapacity must be at least 1 for production variants that are not asynchronous.")
    if (variant.instance_type or "").startswith("ml.t2."):
        raise validation_error(f"Variants on burstable instances ({variant.instance_type}) cannot be scaled.")
    row["ScalableTargetARN"] = row.get("ScalableTargetARN") or _target_arn()
    state.targets[key] = row
    variant.desired = min(max(variant.desired, low), high)
    return {"ScalableTargetARN": row["ScalableTargetARN"]}


def deregister(request: Request) -> Request:
    """Forget a target and its policies."""
    state, key = store(), _key(request)
    if key not in state.targets:
        raise _not_found("scalable target", request)
    del state.targets[key]
    for policy in [item for item in state.policies if item[:2] == key]:
        del state.policies[policy]
    return {}


def describe_targets(request: Request) -> Request:
    """List the targets, optionally of given resources."""
    wanted = request.get("ResourceIds")
    fields = (
        "ServiceNamespace",
        "ResourceId",
        "ScalableDimension",
        "MinCapacity",
        "MaxCapacity",
        "CreationTime",
        "ScalableTargetARN",
    )
    rows = [row for row in store().targets.values() if not wanted or row["ResourceId"] in wanted]
    service = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
    role = f"arn:aws:iam::{cloud.account()}:role/{service}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    return {"ScalableTargets": [{**{key: row[key] for key in fields}, "RoleARN": role} for row in rows]}


def put_policy(request: Request) -> Request:
    """Attach a policy to a registered target."""
    state, key = store(), _key(request)
    if key not in state.targets:
        raise _not_found("scalable target", request)
    tracking = request.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (tracking.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    if metric and metric not in _METRICS[request["ScalableDimension"]]:
        raise validation_error(f"Predefined metric {metric} cannot be used with {request['ScalableDimension']}.")
    policy_key = (*key, request["PolicyName"])
    known = state.policies.get(policy_key, {})
    policy_arn = known.get("PolicyARN") or (
        f"arn:aws:autoscaling:{cloud.region()}:{cloud.account()}:scalingPolicy:{uuid.uuid4()}:resource/sagemaker/"
        f"{request['ResourceId']}:policyName/{request['PolicyName']}"
    )
    state.policies[policy_key] = {"CreationTime": time.time(), **known, **request, "PolicyARN": policy_arn}
    return {"PolicyARN": policy_arn, "Alarms": []}


def delete_policy(request: Request) -> Request:
    """Detach a policy."""
    key = (*_key(request), request["PolicyName"])
    if key not in store().policies:
        raise _not_found("scaling policy", request)
    del store().policies[key]
    return {}


def describe_policies(request: Request) -> Request:
    """List the policies, optionally of one resource."""
    wanted = request.get("ResourceId")
    rows = [row for row in store().policies.values() if wanted in (None, row["ResourceId"])]
    return {"ScalingPolicies": [{**row, "Alarms": []} for row in rows]}


def _key(request: Request) -> tuple[str, str]:
    if request["ServiceNamespace"] != "sagemaker" or request["ScalableDimension"] != COUNT_DIMENSION:
        asked = f"{request['ScalableDimension']} of {request['ServiceNamespace']}"
        raise validation_error(f"The local cloud scales {COUNT_DIMENSION} of sagemaker, not {asked}.")
    return request["ResourceId"], request["ScalableDimension"]


def _variant(request: Request) -> Variant:
    match = _RESOURCE.match(request["ResourceId"])
    endpoint = store().endpoints.get(match.group(1)) if match else None
    variant = endpoint.variants.get(match.group(2)) if endpoint and match else None
    if variant is None or not variant.instance_type:
        raise validation_error(f"No scalable resource was found for service namespace sagemaker: {request['ResourceId']}.")
    return variant


def _target_arn() -> str:
    return f"arn:aws:application-autoscaling:{cloud.region()}:{cloud.account()}:scalable-target/{uuid.uuid4().hex}"


def _not_found(what: str, request: Request) -> AwsError:
    return AwsError("ObjectNotFoundException", f"No {what} found for {request['ResourceId']}.")


OPERATIONS: dict[str, Callable[[Request], Request]] = {
    "RegisterScalableTarget": register,
    "DeregisterScalableTarget": deregister,
    "DescribeScalableTargets": describe_targets,
    "PutScalingPolicy": put_policy,
    "DeleteScalingPolicy": delete_policy,
    "DescribeScalingPolicies": describe_policies,
}
