"""What all endpoints share: model, config, endpoint and logs in the right order, grants and metrics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct, IDependable

from ..acknowledge import acknowledge_wildcards
from ..catalog import limits
from ..metrics import endpoint_metric, host_metric
from ..names import endpoint_names
from ..retention import log_retention
from .access import ExecutionAccess
from .image import ContainerImage

DEFAULT_VARIANT = "AllTraffic"


class Endpoint(Construct):
    """Base of the hosting constructs; use one of them.

    Escape hatch: `cfn_model`, `cfn_endpoint_config` and `cfn_endpoint` are the L1s.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        generation: str,
        image: ContainerImage,
        container: Mapping[str, Any],
        variant: Mapping[str, Any],
        artifact_bucket_arn: str,
        artifact_prefix: str,
        list_prefix: bool,
        retain_variant_properties: bool,
        role: iam.IRole | None,
        encryption_key: kms.IKey | None,
        volume_key: bool,
        log_retention_days: int,
        endpoint_name: str | None,
        variant_name: str,
    ) -> None:
        super().__init__(scope, id)
        self._names = endpoint_names(self, generation, endpoint_name)
        self.variant_name = variant_name
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/sagemaker/Endpoints/{self._names.endpoint}",
            retention=log_retention(log_retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        access = ExecutionAccess(
            self, "Access", role=role, image=image, bucket_arn=artifact_bucket_arn, prefix=artifact_prefix,
            list_prefix=list_prefix, log_group=self.log_group, key=encryption_key,
        )  # fmt: skip
        self.role = access.role
        self.cfn_model = sagemaker.CfnModel(
            self, "Model", execution_role_arn=self.role.role_arn, primary_container={"image": image.uri, **container}
        )
        self.cfn_model.node.add_dependency(access.policy)
        config: dict[str, Any] = {
            "production_variants": [
                {"variantName": variant_name, "modelName": self.cfn_model.attr_model_name, "initialVariantWeight": 1, **variant}
            ],
            "kms_key_id": encryption_key.key_arn if encryption_key and volume_key else None,
        }
        digest = content_hash(
            self, {"image": image.uri, "container": dict(container), "config": config, "role": self.role.role_arn}
        )
        self.cfn_endpoint_config = sagemaker.CfnEndpointConfig(
            self, "Config", endpoint_config_name=f"{self._names.config_base}-{digest}", **config
        )
        self.cfn_endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._names.endpoint,
            endpoint_config_name=self.cfn_endpoint_config.attr_endpoint_config_name,
            # Without it an update sets autoscaled counts back to the config's initial count.
            retain_all_variant_properties=True if retain_variant_properties else None,
        )
        # SageMaker would create the log group itself, without retention; and the service logs as the role.
        self.cfn_endpoint.node.add_dependency(self.log_group, access.policy)

    @property
    def endpoint_name(self) -> str:
        """The name to invoke, known at synth. It changes with the hosting kind and the instance type:
        clients read it from a parameter (`EndpointClient`) or take `endpoint_name` at deploy time."""
        return self._names.endpoint

    @property
    def endpoint_arn(self) -> str:
        """The ARN of the endpoint of this generation."""
        return self.cfn_endpoint.ref

    def needs(self, *resources: IDependable) -> None:
        """Create the model only after `resources`, for instance the copy of its artifact."""
        self.cfn_model.node.add_dependency(*resources)

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` invoke this endpoint in every generation of it (its name ends in the instance type).

        The statement names `<base name>-*`, so that a change of instance type needs no change at the caller.
        """
        return self._grant_invoke(grantee, None)

    def _grant_invoke(self, grantee: iam.IGrantable, conditions: Mapping[str, Any] | None) -> iam.Grant:
        arn = Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=self._names.grant_pattern)
        principal = grantee.grant_principal
        if isinstance(principal, Construct):
            acknowledge_wildcards(principal, [arn], "The wildcard is the generation of one endpoint: its instance type.")
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
            resource_arns=[arn],
            conditions=dict(conditions) if conditions else None,
        )

    def metric_invocations(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests, summed; `options` are those of cloudwatch.Metric."""
        return self._metric("Invocations", "Sum", options)

    def metric_model_latency(self, **options: Any) -> cloudwatch.Metric:
        """Return the time the container took, in microseconds, 95th percentile."""
        return self._metric("ModelLatency", "p95", options)

    def metric_overhead_latency(self, **options: Any) -> cloudwatch.Metric:
        """Return the time SageMaker added (cold starts included), in microseconds, 95th percentile."""
        return self._metric("OverheadLatency", "p95", options)

    def metric_invocation_4xx_errors(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests that the caller got wrong, summed."""
        return self._metric("Invocation4XXErrors", "Sum", options)

    def metric_invocation_5xx_errors(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests that failed at the service, summed."""
        return self._metric("Invocation5XXErrors", "Sum", options)

    def metric_memory_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return the share of memory in use, in percent, averaged."""
        return host_metric("MemoryUtilization", "Average", self._names.endpoint, self.variant_name, options)

    def _metric(self, name: str, statistic: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return endpoint_metric(name, statistic, self._names.endpoint, self.variant_name, options)


def content_hash(scope: Construct, content: Mapping[str, Any]) -> str:
    """Return 8 hex digits that change whenever the resolved `content` changes."""
    resolved = Stack.of(scope).resolve(dict(content))
    return hashlib.sha256(json.dumps(resolved, sort_keys=True, default=str).encode()).hexdigest()[:8]


def check_serverless(memory_mb: int, max_concurrency: int) -> None:
    """Raise ValueError for memory or concurrency that CloudFormation lets through and SageMaker refuses."""
    if not Token.is_unresolved(memory_mb) and memory_mb not in limits.SERVERLESS_MEMORY_MB:
        allowed = ", ".join(map(str, limits.SERVERLESS_MEMORY_MB))
        raise ValueError(f"memory_mb is {memory_mb}; serverless endpoints take {allowed}")
    if not Token.is_unresolved(max_concurrency) and not 1 <= max_concurrency <= limits.SERVERLESS_MAX_CONCURRENCY:
        raise ValueError(f"max_concurrency is {max_concurrency}; allowed: 1 to {limits.SERVERLESS_MAX_CONCURRENCY}")
