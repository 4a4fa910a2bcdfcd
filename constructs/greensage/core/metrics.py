"""CloudWatch metrics of endpoints, with the names and dimensions SageMaker publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch


def endpoint_metric(name: str, statistic: str, endpoint: str, variant: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
    """Return an invocation metric of namespace AWS/SageMaker."""
    return _metric("AWS/SageMaker", name, statistic, endpoint, variant, options)


def host_metric(name: str, statistic: str, endpoint: str, variant: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
    """Return a utilisation metric of namespace /aws/sagemaker/Endpoints (CPU: 0 to 100 per core)."""
    return _metric("/aws/sagemaker/Endpoints", name, statistic, endpoint, variant, options)


def _metric(
    namespace: str, name: str, statistic: str, endpoint: str, variant: str, options: Mapping[str, Any]
) -> cloudwatch.Metric:
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    settings = {"statistic": statistic, "dimensions_map": dimensions, **options}
    return cloudwatch.Metric(namespace=namespace, metric_name=name, **settings)
