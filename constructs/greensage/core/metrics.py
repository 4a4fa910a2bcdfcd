"""CloudWatch metrics of endpoints, with the names and dimensions SageMaker publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch


def endpoint_metric(name: str, statistic: str, endpoint: str, variant: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
    """Return an invocation metric of namespace AWS/SageMaker."""
    return metric("AWS/SageMaker", name, _dimensions(endpoint, variant), options, statistic=statistic)


def host_metric(name: str, statistic: str, endpoint: str, variant: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
    """Return a utilisation metric of namespace /aws/sagemaker/Endpoints (CPU: 0 to 100 per core)."""
    return metric("/aws/sagemaker/Endpoints", name, _dimensions(endpoint, variant), options, statistic=statistic)


def metric(
    namespace: str, name: str, dimensions: Mapping[str, str], options: Mapping[str, Any], **usual: Any
) -> cloudwatch.Metric:
    """Return a metric; what `options` do not say is as `usual`, and summed where that says nothing either."""
    settings: dict[str, Any] = {"statistic": "Sum", "dimensions_map": dimensions, **usual, **options}
    return cloudwatch.Metric(namespace=namespace, metric_name=name, **settings)


def failed_executions(machine: str, options: Mapping[str, Any], **usual: Any) -> cloudwatch.Metric:
    """Return the number of executions of a state machine that failed; `machine` is its ARN."""
    return metric("AWS/States", "ExecutionsFailed", {"StateMachineArn": machine}, options, **usual)


def _dimensions(endpoint: str, variant: str) -> dict[str, str]:
    return {"EndpointName": endpoint, "VariantName": variant}
