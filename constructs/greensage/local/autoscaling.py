"""Application Auto Scaling's API for SageMaker: targets, policies and schedules, with the rules that AWS enforces."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from . import ministack_api as cloud
from .ministack_api import Answer
from .protocol import Request, respond
from .scalable import PREDEFINED, scalable
from .state import store
from .wire import AwsError, validation_error


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
    """Register or change a scalable target; the capacity is moved into its limits."""
    key, state = _key(request), store()
    item = scalable(*key)
    row = {**state.targets.get(key, {"CreationTime": time.time()}), **request}
    low, high = row.get("MinCapacity"), row.get("MaxCapacity")
    if low is None or high is None:
        raise validation_error("MinCapacity and MaxCapacity are required to register a scalable target.")
    if low > high:
        raise validation_error("Minimum capacity cannot be greater than maximum capacity.")
    if low < item.least:
        raise validation_error(f"MinCapacity must be at least {item.least} for {key[1]} of {key[0]}.")
    if item.refusal:
        raise validation_error(item.refusal)
    row["ScalableTargetARN"] = row.get("ScalableTargetARN") or _target_arn()
    state.targets[key] = row
    item.set(min(max(item.get(), low), high))
    return {"ScalableTargetARN": row["ScalableTargetARN"]}


def deregister(request: Request) -> Request:
    """Forget a target, its policies and its schedules."""
    state, key = store(), _key(request)
    if key not in state.targets:
        raise _not_found("scalable target", request)
    del state.targets[key]
    for table in (state.policies, state.schedules):
        for name in [item for item in table if item[:2] == key]:
            del table[name]
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
    if metric and metric not in PREDEFINED[request["ScalableDimension"]]:
        only = ", ".join(PREDEFINED[request["ScalableDimension"]])
        raise validation_error(
            f"Scalable dimension {request['ScalableDimension']} only supports these predefined metrics: {only}"
        )
    policy_key = (*key, request["PolicyName"])
    # A policy that is put again keeps its ARN: alarms name it as their action.
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


def put_schedule(request: Request) -> Request:
    """Attach scheduled limits to a registered target."""
    state, key = store(), _key(request)
    if key not in state.targets:
        raise _not_found("scalable target", request)
    arn = f"arn:aws:autoscaling:{cloud.region()}:{cloud.account()}:scheduledAction:{uuid.uuid4()}:{request['ResourceId']}"
    name = (*key, request["ScheduledActionName"])
    state.schedules[name] = {"ScheduledActionARN": arn, "CreationTime": time.time(), **state.schedules.get(name, {}), **request}
    return {}


def delete_schedule(request: Request) -> Request:
    """Detach scheduled limits."""
    key = (*_key(request), request["ScheduledActionName"])
    if key not in store().schedules:
        raise _not_found("scheduled action", request)
    del store().schedules[key]
    return {}


def describe_schedules(request: Request) -> Request:
    """List the scheduled limits, optionally of one resource."""
    wanted = request.get("ResourceId")
    return {"ScheduledActions": [row for row in store().schedules.values() if wanted in (None, row["ResourceId"])]}


def _key(request: Request) -> tuple[str, str]:
    if request["ServiceNamespace"] != "sagemaker" or request["ScalableDimension"] not in PREDEFINED:
        asked = f"{request['ScalableDimension']} of {request['ServiceNamespace']}"
        raise validation_error(f"The local cloud scales {', '.join(PREDEFINED)} of sagemaker, not {asked}.")
    return request["ResourceId"], request["ScalableDimension"]


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
    "PutScheduledAction": put_schedule,
    "DeleteScheduledAction": delete_schedule,
    "DescribeScheduledActions": describe_schedules,
}
