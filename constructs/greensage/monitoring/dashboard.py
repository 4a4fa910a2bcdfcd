"""A dashboard of a Region's endpoints: how much each is used, found by search, so that new endpoints appear by themselves."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs import Construct

_HALF = 12


class UseDashboard(Construct):
    """Requests, use of CPU and memory, and latency of every endpoint of the stack's Region: the proxies of what it takes.

    Parameters
    ----------
    period:
        Of a point; default one hour.

    A machine that is used little emits nearly as much as one that is used well, so use is what to raise: see
    MLSUS06-BP01, measure material efficiency, in AWS's Machine Learning Lens. Raises nothing: any period will do.
    """

    def __init__(self, scope: Construct, id: str, *, period: Duration | None = None) -> None:
        super().__init__(scope, id)
        self._period = period or Duration.hours(1)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            widgets=[
                [self._graph("Requests", "AWS/SageMaker", "Invocations", "Sum"),
                 self._graph("Latency, p95 in microseconds", "AWS/SageMaker", "ModelLatency", "p95")],
                [self._graph("Use of CPU, % of a core", "/aws/sagemaker/Endpoints", "CPUUtilization", "Average"),
                 self._graph("Use of memory, %", "/aws/sagemaker/Endpoints", "MemoryUtilization", "Average")],
            ],
        )  # fmt: skip

    def _graph(self, title: str, namespace: str, metric: str, statistic: str) -> cloudwatch.GraphWidget:
        search = f"SEARCH('{{{namespace},EndpointName,VariantName}} MetricName=\"{metric}\"', '{statistic}')"
        expression = cloudwatch.MathExpression(expression=search, using_metrics={}, period=self._period, label="")
        return cloudwatch.GraphWidget(title=title, left=[expression], width=_HALF)
