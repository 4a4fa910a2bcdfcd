"""The monitors: a state machine that evaluates what is new, in a function or, when it is much, in a job of Model Monitor."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs import Construct

from ..catalog import drift
from ..core import defaults, states
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_cron, check_prefix, check_whole
from ..core.metrics import metric
from ..core.state_machines import failures, job_statements, schedule_machine, state_machine
from .analyzer import Analyzer
from .baseline import Baseline
from .function import NAMESPACE, LoopFunction
from .settings import DriftSettings, QualitySettings

SOURCE = "greensage.drift"
# What another try may cure, by the names that the functions and Lambda itself give.
RETRIED = [
    "Transient", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout", "States.Timeout",
]  # fmt: skip
_NOTHING = QualitySettings()


class Monitor(Construct):
    """Base of the two monitors; use one of them.

    Escape hatch: `machine`, `function`, `schedule` are or hold the L1s.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model: str,
        bucket: s3.IBucket,
        baseline: Baseline,
        drift_settings: DriftSettings | None,
        quality: QualitySettings,
        prefix: str = "",
        schedule: str = defaults.EVALUATION_SCHEDULE,
        every_rows: int = 0,
        large_windows: bool = True,
        publish_metrics: bool = False,
        encryption_key: kms.IKey | None = None,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:
        super().__init__(scope, id)
        check_prefix("prefix", prefix, may_be_empty=True)
        check_cron("schedule", schedule)
        check_whole("every_rows", every_rows, 0)
        self.model, self.bucket, self.prefix, self.baseline = model, bucket, prefix, baseline
        self.kind = "drift" if drift_settings else "quality"
        # Of the metrics; "" for none.
        self.namespace = NAMESPACE if publish_metrics else ""
        self.settings = {
            "model": model, "bucket": bucket.bucket_name, "prefix": prefix,
            "baseline": {"bucket": baseline.bucket_name, "key": baseline.key, "source": baseline.source},
            "drift": drift_settings.to_json() if drift_settings else None, "kpi": dict(quality.kpi),
            "min_labels": quality.min_labels, "label_days": quality.label_days, "most_rows": quality.most_rows,
            "judged_rows": quality.judged_rows, "classes": quality.names, "codes": quality.codes,
            "enough_rows": int(drift.setting("enough_rows")), "window_days": drift.setting("window_days"),
            "every_rows": every_rows, "large_mb": drift.limit("large_mb"), "namespace": self.namespace,
        }  # fmt: skip
        self.drift_settings, self.quality = drift_settings, quality
        self.function = LoopFunction(
            self, "Evaluate", module="monitor", settings=self.settings, seconds=drift.limit("function_seconds"),
            memory_mb=drift.limit("function_memory_mb"), numpy=True, log_retention_days=log_retention_days,
        )  # fmt: skip
        allow_reading(self.function, bucket, prefix, baseline, encryption_key)
        self._allow_reports(encryption_key)
        self.analyzer = None
        if large_windows and drift_settings:
            self.analyzer = Analyzer(
                self, "Analyzer", bucket=bucket, prefix=prefix, baseline=baseline, encryption_key=encryption_key,
                log_retention_days=log_retention_days,
            )  # fmt: skip
        self.machine = state_machine(self, self._definition(), self._statements(), log_retention_days=log_retention_days)
        if self.analyzer:
            acknowledge_wildcards(self.machine.policy, [self.analyzer.jobs_arn], "Job names end in the window's own id.")
        # The event's own time, so that an event which is delivered twice is one window.
        occasion = {"inputTransformer": {"inputPathsMap": {"time": "$.time"}, "inputTemplate": '{"time": "<time>"}'}}
        self.schedule = schedule_machine(self, self.machine, schedule, occasion)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` evaluate at once: an execution of the state machine with the input {"time": ""}."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[self.machine.resource.attr_arn]
        )

    def grant_write_labels(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put label files below labels/ of the monitor's prefix."""
        arn = f"{self.bucket.bucket_arn}/{self.prefix}labels/*"
        principal = grantee.grant_principal
        if isinstance(principal, Construct):
            acknowledge_wildcards(principal, [arn], "New label files of one model.")
        return iam.Grant.add_to_principal(grantee=grantee, actions=["s3:PutObject"], resource_arns=[arn])

    @property
    def report_pattern(self) -> dict[str, Any]:
        """The EventBridge pattern of this monitor's reports, to start something of your own."""
        return {"source": [SOURCE], "detail-type": ["Drift report"], "detail": {"model": [self.model], "kind": [self.kind]}}

    def metric(self, name: str, **options: Any) -> cloudwatch.Metric:
        """Return one of the monitor's metrics, summed over a day: CapturedRows, DriftedColumns, Violations, UnreadLines,
        KpisBelowThreshold, or Kpi-<name> (then its latest value).

        Raises ValueError unless the monitor has publish_metrics=True.
        """
        self.check_published(name)
        statistic = "Maximum" if name.startswith("Kpi-") else "Sum"
        return metric(NAMESPACE, name, {"Model": self.model}, options, statistic=statistic, period=Duration.days(1))

    def check_published(self, name: str) -> None:
        """Raise ValueError where a metric would never have data."""
        if not self.namespace:
            raise ValueError(
                f"the monitor of {self.model} publishes no metric {name}; DriftMonitor(..., publish_metrics=True) has it do so, "
                "for 0.30 USD a month and metric at most"
            )

    def metric_captured_rows(self, **options: Any) -> cloudwatch.Metric:
        """Return how many captured rows were evaluated."""
        return self.metric("CapturedRows", **options)

    def metric_drifted_columns(self, **options: Any) -> cloudwatch.Metric:
        """Return how many columns drifted."""
        return self.metric("DriftedColumns", **options)

    def metric_unread_lines(self, **options: Any) -> cloudwatch.Metric:
        """Return how many captured lines and labels could not be read; they lie in quarantine/."""
        return self.metric("UnreadLines", **options)

    def metric_kpis_below_threshold(self, **options: Any) -> cloudwatch.Metric:
        """Return how many KPIs were worse than their threshold."""
        return self.metric("KpisBelowThreshold", **options)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return how many evaluations failed; what they should have seen is seen by the next one."""
        return failures(self.machine, **options)

    def _allow_reports(self, key: kms.IKey | None) -> None:
        arn, prefix = self.bucket.bucket_arn, self.prefix
        written = (f"{prefix}reports/", f"{prefix}quarantine/", f"{prefix}outbox/", f"{prefix}state/history.json",
                   f"{prefix}state/baseline.json")  # fmt: skip
        self.function.allow_files(arn, ["s3:PutObject"], *written)
        self.function.allow_files(arn, ["s3:DeleteObject"], f"{prefix}outbox/")
        if key:
            self.function.allow(["kms:GenerateDataKey"], key.key_arn)
        if self.namespace:
            self.function.allow_metrics(self.namespace)
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        self.function.allow(["events:PutEvents"], bus, conditions={"StringEquals": {"events:source": SOURCE}})

    def _statements(self) -> list[iam.PolicyStatement]:
        statements = [iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.arn])]
        if self.analyzer:
            statements += job_statements("Processing", self.analyzer.jobs_arn, self.analyzer.role.role_arn)
        return statements

    def _definition(self) -> dict[str, Any]:
        again = [states.retry(RETRIED, 30)]
        collect, report = {"step": "collect", "time.$": "$.time"}, {"step": "report", "window.$": "$.window"}
        then = "HowMuch" if self.analyzer else "Report"
        machine = {
            "Collect": states.task(self.function.arn, collect, then, result_path="$.window", retry=again),
            "Report": states.task(self.function.arn, report, None, retry=again),
        }
        if self.analyzer:
            machine["HowMuch"] = states.choice({("$.window.engine", "model-monitor"): "Analyze"}, "Report")
            machine |= self.analyzer.states()
        # The function's tries, and a job.
        seconds = 8 * drift.limit("function_seconds") + drift.limit("evaluation_minutes") * 60
        return {
            "Comment": "greensage: compares what was captured with the baseline", "StartAt": "Collect",
            "TimeoutSeconds": seconds, "States": machine,
        }  # fmt: skip


class DriftMonitor(Monitor):
    """Compares captured requests and answers with a baseline; with `quality`, answers with labels too.

    Parameters
    ----------
    model:
        The model's name: the dimension of the metrics, and in the events.
    bucket, prefix:
        Captures lie below capture/ of `prefix`, labels are put below labels/; reports/ and quarantine/ are written. Use a
        `MonitoringBucket`, which lets each of them expire in its time, and give the endpoint
        `DataCapture(bucket, prefix=f"{prefix}capture/")`.
    baseline:
        `Baseline.from_file(self, "Baseline", "model/statistics.json")`, Model Monitor's or `greensage baseline`'s.
    settings:
        Method and thresholds; default PSI.
    quality:
        KPIs that must hold when labels arrive; default none.
    schedule:
        rate(…) or cron(…) in UTC; default once a day.
    every_rows:
        Evaluate only once so many rows are new; looked at by `schedule`. Default 0: whatever is new.
    large_windows:
        Have Model Monitor's container evaluate windows of more than 5 GB; not in Regions that have none.
    publish_metrics:
        Publish the figures of each report to CloudWatch, for alarms and dashboards of your own; default false: they are in
        the reports, and `DriftAlerts` and `DriftTriggeredRetraining` tell people without them.
    encryption_key:
        The bucket's key, if it has one of yours.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        bucket = MonitoringBucket(self, "Loop", capture_days=7)
        endpoint = RealTimeEndpoint(self, "Churn", ..., capture=DataCapture(bucket, sample_percent=10))
        DriftMonitor(self, "Drift", model="churn", bucket=bucket, baseline=Baseline.from_file(self, "Baseline", path))
    """

    def __init__(
        self, scope: Construct, id: str, *, settings: DriftSettings | None = None, quality: QualitySettings | None = None,
        **props: Any,
    ) -> None:  # fmt: skip
        super().__init__(scope, id, drift_settings=settings or DriftSettings(), quality=quality or _NOTHING, **props)


class ModelQualityMonitor(Monitor):
    """Compares answers with labels, by KPIs; joins them by inference id, and waits for late ones.

    Parameters
    ----------
    quality:
        The KPIs, and how many labels it takes.

    The rest is `DriftMonitor`'s, without `settings`. Labels are JSON Lines in Model Monitor's format:
    {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "<inference id>"}, "eventVersion": "0"}

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        ModelQualityMonitor(self, "Quality", model="churn", bucket=bucket, baseline=baseline,
                            quality=QualitySettings({"auc": 0.8}))
    """

    def __init__(self, scope: Construct, id: str, *, quality: QualitySettings, **props: Any) -> None:
        if not quality.kpi:
            raise ValueError("quality names no KPI; for instance QualitySettings({'auc': 0.8})")
        super().__init__(scope, id, drift_settings=None, quality=quality, **props)


def allow_reading(function: LoopFunction, bucket: s3.IBucket, prefix: str, baseline: Baseline, key: kms.IKey | None) -> None:
    """Let a function read the loop's files and the baseline."""
    arn = bucket.bucket_arn
    folders = [f"{prefix}{name}/" for name in ("capture", "labels", "reports", "state", "retraining", "outbox")]
    function.allow_files(arn, ["s3:GetObject"], *folders)
    function.allow_listing(arn, *folders)
    function.allow_files(baseline.bucket_arn, ["s3:GetObject"], baseline.key)
    if key:
        function.allow(["kms:Decrypt"], key.key_arn)
