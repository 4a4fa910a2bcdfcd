"""What every endpoint offers its user, made here or there before: metrics, and the right to invoke it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam

from constructs import Construct

from ..core.acknowledge import acknowledge_wildcards
from ..core.metrics import endpoint_metric, host_metric

INVOKE = ("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream")


class MeteredEndpoint(Construct):
    """An endpoint by its name. `variant_name` is the variant that the metrics are of; `grants_to` what grants name."""

    variant_name: str

    @property
    def endpoint_name(self) -> str:
        """The name to invoke."""
        raise NotImplementedError

    @property
    def grants_to(self) -> str:
        """The name that rights are for, which may end in a wildcard."""
        return self.endpoint_name

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` invoke this endpoint in every generation of it (its name ends in the instance type).

        The statement names `<base name>-*`, so that a change of instance type needs no change at the caller.
        """
        return self._grant_invoke(grantee, None)

    def _grant_invoke(
        self, grantee: iam.IGrantable, conditions: Mapping[str, Any] | None, actions: Sequence[str] = INVOKE
    ) -> iam.Grant:
        arn = Stack.of(self).format_arn(service="sagemaker", resource="endpoint", resource_name=self.grants_to)
        principal = grantee.grant_principal
        if isinstance(principal, Construct) and "*" in self.grants_to:
            acknowledge_wildcards(principal, [arn], "The wildcard is the generation of one endpoint: its instance type.")
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=[arn], conditions=dict(conditions) if conditions else None
        )

    def metric_invocations(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests, summed; `options` are those of cloudwatch.Metric."""
        return self._metric("Invocations", "Sum", options)

    def metric_invocations_per_instance(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests to each instance, summed."""
        return self._metric("InvocationsPerInstance", "Sum", options)

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

    def metric_cpu_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return how busy the processors are, averaged; in percent, up to 100 for each."""
        return self._of_the_host("CPUUtilization", options)

    def metric_memory_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return the share of memory in use, in percent, averaged."""
        return self._of_the_host("MemoryUtilization", options)

    def metric_gpu_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return how busy the GPUs are, averaged; in percent, up to 100 for each. Instances without one publish nothing."""
        return self._of_the_host("GPUUtilization", options)

    def metric_gpu_memory_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return the GPUs' memory in use, averaged; in percent, up to 100 for each. Instances without one publish nothing."""
        return self._of_the_host("GPUMemoryUtilization", options)

    def metric_disk_utilization(self, **options: Any) -> cloudwatch.Metric:
        """Return the share of the disk in use, in percent, averaged."""
        return self._of_the_host("DiskUtilization", options)

    def _of_the_host(self, name: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return host_metric(name, "Average", self.endpoint_name, self.variant_name, options)

    def _metric(self, name: str, statistic: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return endpoint_metric(name, statistic, self.endpoint_name, self.variant_name, options)
