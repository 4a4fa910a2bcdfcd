"""The loop's figures in CloudWatch: of one model, in one namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def put_figures(cloudwatch: Any, given: Mapping[str, Any], figures: Mapping[str, float]) -> None:
    """Publish figures by name; `given` are a function's settings: model and namespace, "" for no metrics."""
    if not given["namespace"]:
        return
    dimensions = [{"Name": "Model", "Value": given["model"]}]
    rows = [{"MetricName": name, "Value": float(value), "Dimensions": dimensions} for name, value in figures.items()]
    cloudwatch.put_metric_data(Namespace=given["namespace"], MetricData=rows)
