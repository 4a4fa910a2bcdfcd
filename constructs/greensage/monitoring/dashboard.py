"""Dashboards: of a Region's endpoints, found by search, and of one endpoint with its proxy metrics and two alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from constructs import Construct

from ..core import defaults
from ..core.checked import check_number
from ..core.metrics import metric
from .proxies import ProxyMetrics, summed

_HALF, _THIRD, _WHOLE = 12, 8, 24
_DAY, _DAYS_LOW, _DAYS_WORSE = Duration.days(1), 7, 3
# Three dashboards of up to 50 metrics are free (CloudWatch pricing); each host takes three.
HOSTS_SHOWN = 10


class UseDashboard(Construct):
    """Requests, use and latency of every endpoint of the stack's Region: the proxies of what it takes.

    Parameters
    ----------
    period:
        Of a point; default one hour.
    bucket:
        Show how much it keeps; default: none.

    A machine that is used little emits nearly as much as one that is used well, so use is what to raise: see
    MLSUS06-BP01, measure material efficiency, in AWS's Machine Learning Lens. Raises nothing: any period will do.
    """

    def __init__(self, scope: Construct, id: str, *, period: Duration | None = None, bucket: s3.IBucket | None = None) -> None:
        super().__init__(scope, id)
        self._period = period or Duration.hours(1)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            widgets=[
                [self._graph("Requests", "AWS/SageMaker", "Invocations", "Sum"),
                 self._graph("Latency, p95 in microseconds", "AWS/SageMaker", "ModelLatency", "p95")],
                [self._graph("Use of CPU, % of a core", _HOST, "CPUUtilization", "Average"),
                 self._graph("Use of memory, %", _HOST, "MemoryUtilization", "Average")],
                [self._graph("Use of disks, %", _HOST, "DiskUtilization", "Maximum"),
                 self._graph("Use of GPUs, % of one", _HOST, "GPUUtilization", "Average")],
                [self._per_instance_hour(), self._stored(bucket) if bucket else self._logs()],
                *([[self._logs()]] if bucket else []),
            ],
        )  # fmt: skip

    def show_hosts(self, hosts: Sequence[ProxyMetrics]) -> None:
        """Add what endpoints take together, by the catalog's watts and grams; the first ten of `hosts` are counted."""
        if not hosts:
            return
        counted = list(hosts[:HOSTS_SHOWN])
        most = f"the {len(counted)} largest of {len(hosts)} endpoints" if len(hosts) > len(counted) else "all endpoints"
        self.dashboard.add_widgets(
            _widget(f"kWh an hour, {most} (estimate)", [summed(counted, "kWh", "kwh")]),
            _widget(f"gCO2e per 1,000 requests, {most} (estimate)", [summed(counted, "gCO2e per 1,000", "g_per_1000")]),
        )

    def _graph(self, title: str, namespace: str, name: str, statistic: str) -> cloudwatch.GraphWidget:
        return _widget(title, [self._expression(_search(namespace, name, statistic))])

    def _per_instance_hour(self) -> cloudwatch.GraphWidget:
        asked, there = _search("AWS/SageMaker", "Invocations", "Sum"), _search(_HOST, "CPUUtilization", "SampleCount")
        # Each instance notes one value a minute.
        made = self._expression(f"SUM({asked}) / (SUM({there}) / 60)", "requests per instance-hour")
        return _widget("Requests per instance-hour, all endpoints", [made])

    def _logs(self) -> cloudwatch.GraphWidget:
        text = "SEARCH('{AWS/Logs,LogGroupName} MetricName=\"IncomingBytes\" /aws/sagemaker/Endpoints', 'Sum')"
        return _widget("Logs written, bytes", [self._expression(text)])

    def _stored(self, bucket: s3.IBucket) -> cloudwatch.GraphWidget:
        dimensions = {"BucketName": bucket.bucket_name, "StorageType": "StandardStorage"}
        options = {"period": _DAY, "label": "artifacts and KPIs, bytes"}
        stored = metric("AWS/S3", "BucketSizeBytes", dimensions, options, statistic="Average")
        return _widget("Storage", [stored])

    def _expression(self, text: str, label: str = "") -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(expression=text, using_metrics={}, period=self._period, label=label)


class EndpointDashboard(Construct):
    """One endpoint: how well it is used, what 1,000 requests take, and alarms when it is used little or gets worse.

    Parameters
    ----------
    metrics:
        Of the endpoint: `ProxyMetrics.of(endpoint, ...)`.
    models:
        How many models it serves; default 1.
    log_group_name:
        Show how much it logs; default: none.
    planned_g_per_1000:
        gCO2e per 1,000 requests that were planned: twice as much for three days is an alarm. Default: none, and no alarm.
    low_use_percent:
        An alarm when all vCPUs together were used less than that on each of seven days; default 5, None: no alarm.
        Serverless hosting has none.
    topic:
        Is told by the alarms; default: none.

    CloudWatch bills 3 USD a month for each dashboard after the first three of an account, and 0.10 USD for each metric of an
    alarm. Escape hatch: `dashboard`, `low_use_alarm` and `worse_alarm`, which are None where there is none.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self, scope: Construct, id: str, *, metrics: ProxyMetrics, models: int = 1, log_group_name: str | None = None,
        planned_g_per_1000: float | None = None, low_use_percent: float | None = defaults.LOW_USE_PERCENT,
        topic: sns.ITopic | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        if planned_g_per_1000 is not None:
            check_number("planned_g_per_1000", planned_g_per_1000, least=0)
        if low_use_percent is not None:
            check_number("low_use_percent", low_use_percent, least=0)
        self._metrics = metrics
        rows = [self._asked(models), self._taken(planned_g_per_1000)]
        if metrics.instance_type is not None:
            rows[1:1] = [self._used(), self._idle()]
        if log_group_name is not None:
            options = {"period": metrics.period, "label": "bytes"}
            written = metric("AWS/Logs", "IncomingBytes", {"LogGroupName": log_group_name}, options)
            rows.append([_widget("Logs written", [written], _WHOLE)])
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", widgets=cast(Any, rows))
        self.low_use_alarm = self._low_use(low_use_percent) if metrics.instance_type and low_use_percent is not None else None
        self.worse_alarm = self._worse(planned_g_per_1000) if planned_g_per_1000 else None
        for alarm in (self.low_use_alarm, self.worse_alarm):
            if alarm is not None and topic is not None:
                alarm.add_alarm_action(cast(Any, actions.SnsAction(topic)))

    def _asked(self, models: int) -> list[cloudwatch.IWidget]:
        host = self._metrics
        latency = [item for statistic in ("p50", "p95") for item in host.of_requests("ModelLatency", statistic, statistic)]
        names = ("Invocation4XXErrors", "Invocation5XXErrors")
        errors = [item for name in names for item in host.of_requests(name, "Sum", name)]
        requests = host.of_requests("ModelLatency", "SampleCount", "requests")
        return _row(
            _widget(f"Requests ({models} model{'s' if models > 1 else ''})", requests, _THIRD),
            _widget("Latency, microseconds", latency, _THIRD),
            _widget("Errors", errors, _THIRD),
        )

    def _used(self) -> list[cloudwatch.IWidget]:
        host = self._metrics
        return _row(
            _widget("Use of CPU, % of all cores", [host.cpu_percent()], _THIRD),
            _widget("Use of memory and disk, %", [
                host.of_host("MemoryUtilization", "Maximum", "memory"), host.of_host("DiskUtilization", "Maximum", "disk"),
            ], _THIRD),
            _widget("Use of GPUs, % of one", [
                host.of_host("GPUUtilization", "Average", "GPU"), host.of_host("GPUMemoryUtilization", "Maximum", "memory of it"),
            ], _THIRD),
        )  # fmt: skip

    def _idle(self) -> list[cloudwatch.IWidget]:
        return _row(
            _widget("Requests per instance-hour", [self._metrics.per_instance_hour()]),
            _widget("Idle instance-hours", [self._metrics.idle_hours()]),
        )

    def _taken(self, planned: float | None) -> list[cloudwatch.IWidget]:
        lines = [cloudwatch.HorizontalAnnotation(value=planned, label="planned")] if planned else []
        return _row(
            _widget("kWh per 1,000 requests (estimate)", [self._metrics.kwh_per_1000()]),
            _widget("gCO2e per 1,000 requests (estimate)", [self._metrics.grams_per_1000()], lines=lines),
        )

    def _low_use(self, percent: float) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self, "LowUse", metric=self._metrics.cpu_percent().with_(period=_DAY), threshold=percent,
            evaluation_periods=_DAYS_LOW, comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # At zero instances nothing is published, and nothing is wasted.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"Under {percent:g}% of the CPU used for {_DAYS_LOW} days: greensage rightsize says what would do",
        )  # fmt: skip

    def _worse(self, planned: float) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self, "Worse", metric=self._metrics.grams_per_1000().with_(period=_DAY), threshold=2 * planned,
            evaluation_periods=_DAYS_WORSE, comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"Twice the planned {planned:.3g} gCO2e per 1,000 requests: greensage footprint --live says why",
        )  # fmt: skip


_HOST = "/aws/sagemaker/Endpoints"


def _search(namespace: str, name: str, statistic: str) -> str:
    return f"SEARCH('{{{namespace},EndpointName,VariantName}} MetricName=\"{name}\"', '{statistic}')"


def _row(*widgets: cloudwatch.GraphWidget) -> list[cloudwatch.IWidget]:
    return cast(list[cloudwatch.IWidget], list(widgets))


def _widget(
    title: str, lines_shown: Sequence[Any], width: int = _HALF, *, lines: Sequence[cloudwatch.HorizontalAnnotation] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(lines_shown), width=width, left_annotations=list(lines))
