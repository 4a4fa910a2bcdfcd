"""Target tracking on invocations per instance, as Application Auto Scaling does it for production variants."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Token
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class TargetTracking:
    """Keep invocations per instance near a target.

    `target_invocations_per_minute` is per instance; the cooldowns are in seconds. Growing waits a minute, because
    an instance needs some to start; shrinking waits five, so that a lull does not throw a warm instance away.
    """

    min_instances: int = 1
    max_instances: int = 2
    target_invocations_per_minute: float = 1_000
    scale_out_cooldown_seconds: int = 60
    scale_in_cooldown_seconds: int = 300

    def __post_init__(self) -> None:
        if any(Token.is_unresolved(value) for value in (self.min_instances, self.max_instances)):
            return
        if self.min_instances < 1:
            raise ValueError(f"min_instances is {self.min_instances}; instances of this kind cannot go below 1")
        if self.max_instances < self.min_instances:
            raise ValueError(f"max_instances ({self.max_instances}) is below min_instances ({self.min_instances})")


DEFAULT_TRACKING = TargetTracking()


class VariantScaling(Construct):
    """A scalable target and its policy on one production variant of `endpoint`."""

    def __init__(
        self, scope: Construct, id: str, *, endpoint: sagemaker.CfnEndpoint, variant_name: str, tracking: TargetTracking
    ) -> None:
        super().__init__(scope, id)
        self.cfn_scalable_target = autoscaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension=_DIMENSION,
            resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{variant_name}",
            min_capacity=tracking.min_instances,
            max_capacity=tracking.max_instances,
        )
        self.cfn_scaling_policy = autoscaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name="invocations-per-instance",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.cfn_scalable_target.ref,
            target_tracking_scaling_policy_configuration={
                "targetValue": tracking.target_invocations_per_minute,
                "predefinedMetricSpecification": {"predefinedMetricType": _METRIC},
                "scaleOutCooldown": tracking.scale_out_cooldown_seconds,
                "scaleInCooldown": tracking.scale_in_cooldown_seconds,
            },
        )
