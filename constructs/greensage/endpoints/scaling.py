"""Capacity that follows the load: instances, copies and warm environments; to zero where AWS can, and the way back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct, IDependable

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_choice, check_cron, check_number, check_order, check_whole, is_known, is_token

_COUNT = "sagemaker:variant:DesiredInstanceCount"
_COPIES = "sagemaker:inference-component:DesiredCopyCount"
_WARM = "sagemaker:variant:DesiredProvisionedConcurrency"
_INVOCATIONS = "SageMakerVariantInvocationsPerInstance"
_CONCURRENCY = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
_PER_COPY = "SageMakerInferenceComponentInvocationsPerCopy"
_AT_ONCE = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
_WARM_IN_USE = "SageMakerVariantProvisionedConcurrencyUtilization"
# Where instances publish what limits.INSTANCE_METRICS lists.
_INSTANCES = "/aws/sagemaker/Endpoints"
_AT = re.compile(r"^at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\)$")


def _check_limits(what: str, low: int, high: int, least: int, schedule: Sequence[ScheduledLimits]) -> None:
    check_whole(f"min_{what}", low, least)
    check_whole(f"max_{what}", high, 1)
    check_order(f"min_{what}", low, f"max_{what}", high)
    for item in schedule:
        if item.min is not None:
            check_whole(f"schedule {item.name}: min", item.min, least)


def _check_pace(tracking: TargetTracking | BacklogTracking | CopyTracking) -> None:
    for prop in ("scale_out_cooldown_seconds", "scale_in_cooldown_seconds"):
        check_whole(prop, getattr(tracking, prop), 0)


def _check_targets(tracking: TargetTracking | CopyTracking) -> None:
    check_number("target_invocations_per_minute", tracking.target_invocations_per_minute, above=0)
    if tracking.target_concurrent_requests is not None:
        check_number("target_concurrent_requests", tracking.target_concurrent_requests, above=0)


@dataclass(frozen=True)
class ScheduledLimits:
    """Other limits from a certain time on.

    Parameters
    ----------
    name:
        Of the scheduled action, unique on its target.
    at:
        cron(0 8 ? * MON-FRI *), rate(…) or at(…).
    min, max:
        The new limits, whole numbers from 0; give one or both. Default: as it is.
    timezone:
        An IANA name, for instance Europe/Berlin; default UTC.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    name: str
    at: str
    min: int | None = None
    max: int | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError(f"schedule {self.name} sets neither min nor max")
        for what, value in (("min", self.min), ("max", self.max)):
            if value is not None:
                check_whole(f"schedule {self.name}: {what}", value, 0)
        if self.min is not None and self.max is not None:
            check_order(f"schedule {self.name}: min", self.min, "max", self.max)
        if is_known(self.at) and not _AT.match(self.at):
            check_cron(f"schedule {self.name}: at", self.at)

    def action(self) -> dict[str, Any]:
        """Return the scheduled action that CloudFormation takes; a time zone is allowed with cron and at only."""
        limits = {"minCapacity": self.min, "maxCapacity": self.max}
        zone = {} if self.at.startswith("rate(") else {"timezone": self.timezone}
        target = {key: value for key, value in limits.items() if value is not None}
        return {"scheduledActionName": self.name, "schedule": self.at, "scalableTargetAction": target, **zone}


@dataclass(frozen=True)
class TargetTracking:
    """Keep invocations per instance near a target.

    Parameters
    ----------
    min_instances, max_instances:
        Limits of the fleet, whole numbers from 1; default 1 to 2.
    target_invocations_per_minute:
        Requests per instance and minute, more than 0; default 1000.
    scale_out_cooldown_seconds:
        Seconds after growing in which it does not grow again, 0 or more; default 60, because an instance needs
        about a minute to start.
    scale_in_cooldown_seconds:
        Seconds after a change in which it does not shrink, 0 or more; default 300, so that a lull does not
        throw a warm instance away.
    target_concurrent_requests:
        Requests under way per model, more than 0: followed instead, by a metric of 10 seconds, which scales out
        sooner. Default: none.
    metric, target:
        Followed instead: a metric of the instances by its name (CPUUtilization, MemoryUtilization, GPUUtilization,
        GPUMemoryUtilization, DiskUtilization; percents go to 100 for each processor or GPU), or any metric of
        `aws_cloudwatch` that falls when instances are added, for instance tokens a second of each; and what it is kept near, more
        than 0. A metric without dimensions gets the endpoint's name and the variant's. Default: none.
    schedule:
        `ScheduledLimits`, for instance for office hours; default: none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    min_instances: int = 1
    max_instances: int = defaults.MAX_INSTANCES
    target_invocations_per_minute: float = defaults.INVOCATIONS_PER_INSTANCE_PER_MINUTE
    scale_out_cooldown_seconds: int = defaults.SCALE_OUT_COOLDOWN_SECONDS
    scale_in_cooldown_seconds: int = defaults.SCALE_IN_COOLDOWN_SECONDS
    target_concurrent_requests: float | None = None
    metric: str | cloudwatch.Metric | None = None
    target: float | None = None
    schedule: Sequence[ScheduledLimits] = ()

    def __post_init__(self) -> None:
        # Instances of this kind cannot go below 1.
        _check_limits("instances", self.min_instances, self.max_instances, 1, self.schedule)
        _check_targets(self)
        _check_pace(self)
        if (self.metric is None) != (self.target is None):
            raise ValueError("metric and target go together: what is followed, and what it is kept near")
        if self.metric is not None and self.target_concurrent_requests is not None:
            raise ValueError("metric cannot be combined with target_concurrent_requests: one of the two is followed")
        if self.target is not None:
            check_number("target", self.target, above=0)
        if isinstance(self.metric, str):
            check_choice("metric", self.metric, limits.INSTANCE_METRICS)


@dataclass(frozen=True)
class BacklogTracking:
    """Keep the requests that wait per instance near a target, from nothing: the queue keeps them meanwhile.

    Parameters
    ----------
    min_instances, max_instances:
        Limits of the fleet, whole numbers from 0; default 0 to 2.
    target_backlog_per_instance:
        Requests that wait or run per instance, more than 0; default 5.
    scale_out_cooldown_seconds:
        Seconds after growing in which it does not grow again, 0 or more; default 60, because an instance needs
        about a minute to start.
    scale_in_cooldown_seconds:
        Seconds after a change in which it does not shrink, 0 or more; default 300, so that a lull does not
        throw a warm instance away.
    schedule:
        `ScheduledLimits`, for instance for office hours; default: none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    min_instances: int = 0
    max_instances: int = defaults.MAX_INSTANCES
    target_backlog_per_instance: float = defaults.BACKLOG_PER_INSTANCE
    scale_out_cooldown_seconds: int = defaults.SCALE_OUT_COOLDOWN_SECONDS
    scale_in_cooldown_seconds: int = defaults.SCALE_IN_COOLDOWN_SECONDS
    schedule: Sequence[ScheduledLimits] = ()

    def __post_init__(self) -> None:
        _check_limits("instances", self.min_instances, self.max_instances, 0, self.schedule)
        check_number("target_backlog_per_instance", self.target_backlog_per_instance, above=0)
        _check_pace(self)


@dataclass(frozen=True)
class CopyTracking:
    """Keep invocations per copy of an inference component near a target, from nothing; requests fail while it wakes.

    Parameters
    ----------
    min_copies, max_copies:
        Limits of the copies, whole numbers from 0; default 0 to 2.
    target_invocations_per_minute:
        Requests per copy and minute, more than 0; default 100.
    scale_out_cooldown_seconds:
        Seconds after growing in which it does not grow again, 0 or more; default 60, because an instance needs
        about a minute to start.
    scale_in_cooldown_seconds:
        Seconds after a change in which it does not shrink, 0 or more; default 300, so that a lull does not
        throw a warm instance away.
    target_concurrent_requests:
        Requests under way per copy, more than 0: followed instead, by a metric of 10 seconds, which scales out
        sooner. Default: none.
    schedule:
        `ScheduledLimits`, for instance for office hours; default: none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    min_copies: int = 0
    max_copies: int = defaults.MAX_COPIES
    target_invocations_per_minute: float = defaults.INVOCATIONS_PER_COPY_PER_MINUTE
    scale_out_cooldown_seconds: int = defaults.SCALE_OUT_COOLDOWN_SECONDS
    scale_in_cooldown_seconds: int = defaults.SCALE_IN_COOLDOWN_SECONDS
    target_concurrent_requests: float | None = None
    schedule: Sequence[ScheduledLimits] = ()

    def __post_init__(self) -> None:
        _check_limits("copies", self.min_copies, self.max_copies, 0, self.schedule)
        _check_targets(self)
        _check_pace(self)


@dataclass(frozen=True)
class ProvisionedConcurrency:
    """Warm serverless environments: how many, and up to how many with the load. Each bills while it is warm.

    Parameters
    ----------
    min_concurrency, max_concurrency:
        Environments, whole numbers from 1; required.
    target_utilization:
        Share of them that is busy, above 0 to 1; default 0.7.
    schedule:
        `ScheduledLimits`, for instance for office hours; default: none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    min_concurrency: int
    max_concurrency: int
    target_utilization: float = defaults.PROVISIONED_CONCURRENCY_UTILIZATION
    schedule: Sequence[ScheduledLimits] = ()

    def __post_init__(self) -> None:
        _check_limits("concurrency", self.min_concurrency, self.max_concurrency, 1, self.schedule)
        check_number("target_utilization", self.target_utilization, above=0, most=1)


DEFAULT_TRACKING = TargetTracking()


class _Scaling(Construct):
    """A scalable target with its target tracking policy; `cfn_scalable_target` and `cfn_scaling_policy` are the L1s."""

    def __init__(
        self, scope: Construct, id: str, *, resource_id: str, dimension: str, limits: tuple[int, int],
        schedule: Sequence[ScheduledLimits], policy_name: str, tracking: Mapping[str, Any],
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        self.cfn_scalable_target = autoscaling.CfnScalableTarget(
            self, "Target", service_namespace="sagemaker", scalable_dimension=dimension, resource_id=resource_id,
            min_capacity=limits[0], max_capacity=limits[1], scheduled_actions=[item.action() for item in schedule] or None,
        )  # fmt: skip
        self.cfn_scaling_policy = autoscaling.CfnScalingPolicy(
            self, "Policy", policy_name=policy_name, policy_type="TargetTrackingScaling",
            scaling_target_id=self.cfn_scalable_target.ref, target_tracking_scaling_policy_configuration=dict(tracking),
        )  # fmt: skip

    def after(self, *resources: IDependable) -> None:
        """Register the target only after `resources`."""
        self.cfn_scalable_target.node.add_dependency(*resources)

    def _wake(self, metric: cloudwatch.Metric, cooldown_seconds: int, what: str) -> None:
        """Step from zero to one as soon as `metric` says that something waits; target tracking cannot start from zero."""
        self.cfn_wake_policy = autoscaling.CfnScalingPolicy(
            self, "Wake", policy_name="wake-from-zero", policy_type="StepScaling", scaling_target_id=self.cfn_scalable_target.ref,
            step_scaling_policy_configuration={
                "adjustmentType": "ChangeInCapacity", "metricAggregationType": "Maximum", "cooldown": cooldown_seconds,
                "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}],
            },
        )  # fmt: skip
        self.wake_alarm = cloudwatch.CfnAlarm(
            self, "WakeAlarm", namespace=metric.namespace, metric_name=metric.metric_name, statistic=metric.statistic,
            dimensions=[{"name": key, "value": value} for key, value in (metric.dimensions or {}).items()], period=60,
            # From one on: the developer guide's alarm on more than one would need a second failed request.
            evaluation_periods=1, comparison_operator="GreaterThanOrEqualToThreshold", threshold=1,
            treat_missing_data="notBreaching",
            alarm_actions=[self.cfn_wake_policy.ref], alarm_description=f"greensage: {what}; adds the first of the capacity",
        )  # fmt: skip


class VariantScaling(_Scaling):
    """Instances of one production variant of `endpoint`, by invocations or by requests under way."""

    def __init__(
        self, scope: Construct, id: str, *, endpoint: sagemaker.CfnEndpoint, variant_name: str, tracking: TargetTracking
    ) -> None:
        super().__init__(
            scope, id, resource_id=_variant_id(endpoint, variant_name), dimension=_COUNT, schedule=tracking.schedule,
            limits=(tracking.min_instances, tracking.max_instances),
            policy_name="invocations-per-instance" if tracking.metric is None else "metric-of-the-users",
            tracking={
                **_followed(tracking, endpoint, variant_name),
                "scaleOutCooldown": tracking.scale_out_cooldown_seconds,
                "scaleInCooldown": tracking.scale_in_cooldown_seconds,
            },
        )  # fmt: skip


def _followed(tracking: TargetTracking, endpoint: sagemaker.CfnEndpoint, variant_name: str) -> dict[str, Any]:
    """The metric that is followed, and its target."""
    if tracking.metric is None:
        concurrent = tracking.target_concurrent_requests
        name, target = (
            (_INVOCATIONS, tracking.target_invocations_per_minute) if concurrent is None else (_CONCURRENCY, concurrent)
        )
        return {"targetValue": target, "predefinedMetricSpecification": {"predefinedMetricType": name}}
    own = {"EndpointName": endpoint.attr_endpoint_name, "VariantName": variant_name}
    metric = tracking.metric
    if isinstance(metric, str):
        metric = cloudwatch.Metric(namespace=_INSTANCES, metric_name=metric, statistic="Average", dimensions_map=own)
    dimensions = metric.dimensions or own
    return {
        "targetValue": tracking.target,
        "customizedMetricSpecification": {
            "namespace": metric.namespace, "metricName": metric.metric_name, "statistic": metric.statistic,
            "dimensions": [{"name": key, "value": value} for key, value in dimensions.items()],
        },
    }  # fmt: skip


class BacklogScaling(_Scaling):
    """Instances of an asynchronous endpoint, by what waits in its queue; the first one by an alarm."""

    def __init__(
        self, scope: Construct, id: str, *, endpoint: sagemaker.CfnEndpoint, variant_name: str, tracking: BacklogTracking
    ) -> None:
        dimensions = {"EndpointName": endpoint.attr_endpoint_name}
        super().__init__(
            scope, id, resource_id=_variant_id(endpoint, variant_name), dimension=_COUNT, schedule=tracking.schedule,
            limits=(tracking.min_instances, tracking.max_instances), policy_name="backlog-per-instance",
            tracking={
                "targetValue": tracking.target_backlog_per_instance,
                "customizedMetricSpecification": {
                    "namespace": "AWS/SageMaker", "metricName": "ApproximateBacklogSizePerInstance", "statistic": "Average",
                    "dimensions": [{"name": key, "value": value} for key, value in dimensions.items()],
                },
                "scaleOutCooldown": tracking.scale_out_cooldown_seconds,
                "scaleInCooldown": tracking.scale_in_cooldown_seconds,
            },
        )  # fmt: skip
        if _reaches_zero(tracking.min_instances, tracking.schedule):
            metric = _metric("HasBacklogWithoutCapacity", "Average", dimensions)
            self._wake(metric, tracking.scale_out_cooldown_seconds, "requests wait and no instance runs")


class CopyScaling(_Scaling):
    """Copies of an inference component, by invocations per copy; the first one by an alarm on requests that failed."""

    def __init__(self, scope: Construct, id: str, *, component_name: str, tracking: CopyTracking) -> None:
        concurrent = tracking.target_concurrent_requests
        metric, target = (_PER_COPY, tracking.target_invocations_per_minute) if concurrent is None else (_AT_ONCE, concurrent)
        super().__init__(
            scope, id, resource_id=f"inference-component/{component_name}", dimension=_COPIES, schedule=tracking.schedule,
            limits=(tracking.min_copies, tracking.max_copies), policy_name="invocations-per-copy",
            tracking={
                "targetValue": target,
                "predefinedMetricSpecification": {"predefinedMetricType": metric},
                "scaleOutCooldown": tracking.scale_out_cooldown_seconds,
                "scaleInCooldown": tracking.scale_in_cooldown_seconds,
            },
        )  # fmt: skip
        if _reaches_zero(tracking.min_copies, tracking.schedule):
            failures = _metric("NoCapacityInvocationFailures", "Sum", {"InferenceComponentName": component_name})
            self._wake(failures, tracking.scale_out_cooldown_seconds, "a request found no copy")


class ConcurrencyScaling(_Scaling):
    """Warm environments of a serverless endpoint, by how much of them is in use."""

    def __init__(
        self, scope: Construct, id: str, *, endpoint: sagemaker.CfnEndpoint, variant_name: str, tracking: ProvisionedConcurrency
    ) -> None:
        super().__init__(
            scope, id, resource_id=_variant_id(endpoint, variant_name), dimension=_WARM, schedule=tracking.schedule,
            limits=(tracking.min_concurrency, tracking.max_concurrency), policy_name="provisioned-concurrency-in-use",
            tracking={
                "targetValue": tracking.target_utilization,
                "predefinedMetricSpecification": {"predefinedMetricType": _WARM_IN_USE},
            },
        )  # fmt: skip


def _reaches_zero(least: int, schedule: Sequence[ScheduledLimits]) -> bool:
    """A limit that is known only at deploy time may be zero."""
    return any(value == 0 or is_token(value) for value in (least, *(item.min for item in schedule if item.min is not None)))


def _variant_id(endpoint: sagemaker.CfnEndpoint, variant_name: str) -> str:
    return f"endpoint/{endpoint.attr_endpoint_name}/variant/{variant_name}"


def _metric(name: str, statistic: str, dimensions: Mapping[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        statistic=statistic,
        dimensions_map=dict(dimensions),
        period=Duration.minutes(1),
    )
