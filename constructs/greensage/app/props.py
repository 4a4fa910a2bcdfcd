"""Turns what a spec and a plan say into the props of the constructs; decides nothing."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from ..endpoints import DataCapture, GuardedDeployment, Network
from ..endpoints.scaling import ScheduledLimits, TargetTracking
from ..planner import DeploymentPlan, ScalingPlan
from ..planner.startup import startup_of
from ..spec import MetricScaling, ModelSpec
from ..storage.retention import DataBucket

HIGH_RESOLUTION_SECONDS = 10


def instance_props(
    stack: Stack, spec: ModelSpec, deployment: DeploymentPlan | None, key: kms.IKey | None, logs_days: int,
    instance_type: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Return `InstanceProps` for an endpoint on instances."""
    start = startup_of(spec, instance_type)
    return {
        **endpoint_props(stack, spec, key, logs_days),
        "network": network(stack, spec),
        "network_isolation": spec.network_isolation,
        "deployment": guarded(stack, deployment),
        "metric_seconds": HIGH_RESOLUTION_SECONDS if spec.high_resolution_metrics else None,
        "startup_timeout_seconds": start.startup_timeout_seconds,
        "download_timeout_seconds": start.download_timeout_seconds,
        "volume_size_gb": start.volume_gb,
        "inference_ami": start.inference_ami,
        "routing": start.routing,
    }


def endpoint_props(stack: Stack, spec: ModelSpec, key: kms.IKey | None, logs_days: int) -> dict[str, Any]:
    """Return `EndpointProps`."""
    return {
        "encryption_key": key, "log_retention_days": logs_days, "log_storage": spec.logs.storage,
        "role": execution_role(stack, spec),
    }  # fmt: skip


def execution_role(stack: Stack, spec: ModelSpec) -> iam.IRole | None:
    """Return the role that the file names; None: one of its own."""
    return iam.Role.from_role_arn(stack, "ExecutionRole", spec.execution_role_arn) if spec.execution_role_arn else None


def network(stack: Stack, spec: ModelSpec) -> Network | None:
    """Return the network of the spec's subnets and security groups."""
    if spec.vpc is None:
        return None
    if spec.vpc.tags:
        return Network.by_tags(stack, "Network", tags=spec.vpc.tags, zones=spec.vpc.zones)
    return Network.from_ids(stack, "Group", subnet_ids=spec.vpc.subnets, security_group_ids=spec.vpc.security_groups)


def guarded(stack: Stack, plan: DeploymentPlan | None) -> GuardedDeployment | None:
    """Return the guarded deployment with the user's own alarms, by name."""
    if plan is None:
        return None
    alarms = [
        cloudwatch.Alarm.from_alarm_arn(
            stack,
            f"Alarm{index}",
            stack.format_arn(
                service="cloudwatch", resource="alarm", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
            ),
        )
        for index, name in enumerate(plan.alarms)
    ]
    return GuardedDeployment(
        plan.strategy,
        plan.step_percent,
        plan.interval_seconds,
        plan.bake_seconds,
        plan.max_error_percent,
        plan.max_latency_ms,
        alarms,
    )


def tracking(plan: ScalingPlan | None, spec: ModelSpec) -> TargetTracking | None:
    """Return target tracking for instances."""
    if plan is None:
        return None
    follows = getattr(spec.hosting, "scaling", None)
    return TargetTracking(
        plan.min_instances, plan.max_instances, plan.target, schedule=schedule(spec),
        target_concurrent_requests=None if follows else plan.target_concurrent_requests,
        metric=_metric(follows) if follows else None, target=follows.target if follows else None,
    )  # fmt: skip


def _metric(asked: MetricScaling) -> str | cloudwatch.Metric:
    if asked.namespace is None:
        return asked.metric
    return cloudwatch.Metric(namespace=asked.namespace, metric_name=asked.metric, statistic=asked.statistic)


def schedule(spec: ModelSpec) -> tuple[ScheduledLimits, ...]:
    """Return the spec's scheduled limits."""
    return tuple(ScheduledLimits(item.name, item.at, item.min, item.max, item.timezone) for item in spec.schedule)


def capture(stack: Stack, spec: ModelSpec, key: kms.IKey | None) -> DataCapture | None:
    """Return data capture into a bucket of the stack's own, which expires it."""
    if spec.capture is None:
        return None
    bucket = DataBucket(stack, "Captured", expire_days=spec.capture.days, encryption_key=key)
    return DataCapture(bucket, sample_percent=spec.capture.sample_percent)
