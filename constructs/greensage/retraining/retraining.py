"""From a monitor's report to a better model behind the endpoint, or to the decision that it is not worth it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct

from ..catalog import drift
from ..core import defaults
from ..core.checked import check_whole
from ..core.metrics import metric
from ..core.stack_helper import StackHelper
from ..core.state_machines import Machine, failures
from ..endpoints.base import Endpoint
from ..footprint.retraining import of_training
from ..monitoring.function import NAMESPACE, LoopFunction
from ..monitoring.monitor import Monitor, allow_reading
from ..narrow import is_list, is_mapping
from .champion import Champion
from .decision import decide_function, known_region, listen, listen_to_failures
from .deploying import allow_deploying
from .jobs import Jobs
from .machine_engine import retraining_machine
from .optimization import Optimization
from .pipeline_engine import PIPELINE_CALLED_SECONDS, PipelineEngine
from .policy import RetrainingPolicy
from .training import TrainingSource

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

_COLON = ArnFormat.COLON_RESOURCE_NAME
_SMALL_MB, _DATA_MB, _SECONDS, _DATA_SECONDS = 256, 1024, 120, 900


class DriftTriggeredRetraining(Construct):
    """Decides on every report of the monitors, and retrains when a KPI fell: never by the clock alone.

    Parameters
    ----------
    monitors:
        The `DriftMonitor`, and the `ModelQualityMonitor` if it is another; of one model, below one prefix.
    endpoint, champion:
        What serves: a real-time, serverless or asynchronous endpoint of one model, whose archive is the champion's.
    source:
        How to train: `TrainingSource`.
    policy:
        When, and what a challenger must show; default `RetrainingPolicy()`.
    topic:
        Is told of alerts, decisions and outcomes, and asked for approval. Encrypt it; it must let CloudFormation's own
        roles publish, which a topic of the same stack does. Default: none.
    optimize:
        Between comparison and registration: an `Optimization`, which a job does, or a function of yours that gets
        {"artifact", "name", "number"} and returns {"artifact"}. Default: none.
    environment:
        What the endpoint's container reads from its environment: the jobs that load models read it too. Default: nothing.
    green_hour:
        The hour (0 to 23, UTC) in which the Region's grid is cleanest, for `policy.flexible_hours`; default: the planner's.
    encryption_key:
        The bucket's key, if it has one of yours; default: none.
    log_retention_days:
        Of the functions and the state machine, one of CloudWatch's numbers of days; default 14.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        DriftTriggeredRetraining(
            self, "Retraining", monitors=[monitor], endpoint=endpoint, champion=champion,
            source=TrainingSource("training", image=image, data=data, label="churned"),
        )
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        monitors: Sequence[Monitor],
        endpoint: Endpoint,
        champion: Champion,
        source: TrainingSource,
        policy: RetrainingPolicy | None = None,
        topic: sns.ITopic | None = None,
        optimize: lambda_.IFunction | Optimization | None = None,
        environment: Mapping[str, str] | None = None,
        green_hour: int | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:
        super().__init__(scope, id)
        policy = policy or RetrainingPolicy()
        by_job, function = (optimize, None) if isinstance(optimize, Optimization) else (None, optimize)
        _check(monitors, policy, topic)
        if green_hour is not None:
            check_whole("green_hour", green_hour, 0, 23)
        self._monitor, self._endpoint, self._champion, self._source = monitors[0], endpoint, champion, source
        self._policy, self._topic, self._key, self._days = policy, topic, encryption_key, log_retention_days
        self._check_budget()
        self.group = sagemaker.CfnModelPackageGroup(
            self, "Models", model_package_group_name=champion.base, model_package_group_description="greensage: challengers"
        )
        self._empty_group_on_delete()
        self.jobs = Jobs(
            self, "Jobs", base=champion.base, source=source, champion=champion, bucket=self._monitor.bucket,
            prefix=self._monitor.prefix, compared=self._compared(),
            optimization=by_job, environment=environment or {},
            encryption_key=encryption_key, log_retention_days=log_retention_days,
        )  # fmt: skip
        self.data_function = self._data_function(green_hour)
        self.deploy_function = self._deploy_function()
        self.machine, self.pipeline = None, None
        if policy.engine == "pipelines":
            self.pipeline = self._pipeline(function)
        else:
            self.machine = self._machine(function)
        self.decide_function = self._decide_function()
        for monitor in monitors:
            self._listen(monitor)
        if self.machine:
            listen_to_failures(self, "Failed", self.decide_function, self.machine)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` have the decision made again on a report: invoke the function with {"report": "<id>"}."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["lambda:InvokeFunction"], resource_arns=[self.decide_function.arn]
        )

    def metric(self, name: str, **options: Any) -> cloudwatch.Metric:
        """Return a metric of the decisions, summed: Retrainings, Alerts, RetrainingGramsSpent, RetrainingGramsAvoided.

        Raises ValueError unless the monitor has publish_metrics=True.
        """
        self._monitor.check_published(name)
        return metric(NAMESPACE, name, {"Model": self._monitor.model}, options)

    def metric_retrainings(self, **options: Any) -> cloudwatch.Metric:
        """Return how many retrainings were started."""
        return self.metric("Retrainings", **options)

    def metric_grams_avoided(self, **options: Any) -> cloudwatch.Metric:
        """Return the gCO2e that a retraining by the clock would have taken; an estimate."""
        return self.metric("RetrainingGramsAvoided", **options)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of retrainings that failed, summed; one whose challenger lost did not fail."""
        if self.pipeline:
            # An execution without Spot capacity failed, the retraining has not yet.
            return self.metric("RetrainingsFailed", **options)
        assert self.machine
        return failures(self.machine, **options)

    @property
    def footprint(self) -> dict[str, float]:
        """The estimate of one training on the first instance type: kWh, gCO2e and the seconds it was made for."""
        made = of_training(self._source.instance_types[0], known_region(Stack.of(self)))
        return {
            "kwh": made.energy_kwh.mid, "grams": made.carbon_g.mid, "seconds": drift.setting("training_minutes") * 60,
        }  # fmt: skip

    def _check_budget(self) -> None:
        """Raise ValueError where not even the first training fits into the policy's budget."""
        most, first, minutes = self._policy.max_usd, self._candidates[0], self._source.max_run_minutes
        price = float(str(first["usd_per_hour"]))
        if most is not None and price * minutes / 60 > most:
            raise ValueError(
                f"max_usd is {most:g}, and a training of max_run_minutes {minutes} on {first['type']} may cost "
                f"{price * minutes / 60:.2f} USD; allow more, or set a shorter max_run_minutes"
            )

    def _compared(self) -> dict[str, Any]:
        names = list(dict.fromkeys([*self._monitor.quality.kpi, self._metric_name()]))
        settings = self._monitor.drift_settings
        return {
            "label": self._source.label, "metrics": names, "metric": self._metric_name(), "codes": self._monitor.quality.codes,
            "protected": self._policy.protected,
            "least_rows": int(drift.setting("slice_rows")), "threshold": settings.limit if settings else 0.1,
        }  # fmt: skip

    def _metric_name(self) -> str:
        known = [name for monitor in (self._monitor,) for name in monitor.quality.kpi]
        return self._policy.metric or (known[0] if known else "auc")

    def _data_function(self, green_hour: int | None) -> LoopFunction:
        policy, monitor = self._policy, self._monitor
        rules = {
            "metric": self._metric_name(), "margin": policy.margin, "tolerance": policy.tolerance,
            "protected": policy.protected, "least_rows": int(drift.setting("slice_rows")),
            "least_compared": int(drift.setting("least_compared")), "kpi": dict(monitor.quality.kpi),
            "person": policy.approval == "person",
        }  # fmt: skip
        settings = {
            **monitor.settings, "label": self._source.label, "candidates": self._candidates, "green_hour": green_hour,
            "flexible_hours": policy.flexible_hours, "rules": rules, **self._runs(),
            "max_usd": policy.max_usd, "max_run_minutes": self._source.max_run_minutes,
            "champion": self._champion.parameter_name, "footprint": self.footprint,
        }  # fmt: skip
        function = LoopFunction(
            self, "Data", module="steps", settings=settings, seconds=self._data_seconds(), memory_mb=_DATA_MB, numpy=True,
            log_retention_days=self._days,
        )  # fmt: skip
        allow_reading(function, monitor.bucket, monitor.prefix, monitor.baseline, self._key)
        written = tuple(f"{monitor.prefix}{name}/" for name in ("state", "retraining", "records"))
        function.allow_files(monitor.bucket.bucket_arn, ["s3:PutObject"], *written)
        if self._key:
            function.allow(["kms:GenerateDataKey"], self._key.key_arn)
        records = f"{monitor.prefix}records/"
        function.allow_files(monitor.bucket.bucket_arn, ["s3:GetObject"], records)
        function.allow_listing(monitor.bucket.bucket_arn, records)
        function.allow_metrics(NAMESPACE)
        function.allow(["ssm:GetParameter"], self._champion.parameter_arn)
        if self._policy.engine == "pipelines":
            pipeline = self._arn("pipeline", self._champion.base)
            function.allow(["sagemaker:ListPipelineExecutions"], pipeline)
        else:
            function.allow(["states:ListExecutions"], self._machine_arn())
        return function

    def _deploy_function(self) -> LoopFunction:
        monitor, champion, endpoint = self._monitor, self._champion, self._endpoint
        settings = {
            "model": monitor.model, "base": champion.base, "group": self.group.model_package_group_name,
            "endpoint": endpoint.endpoint_name, "variant": endpoint.variant_name,
            "outputs": {"bucket": champion.outputs.bucket_name, "prefix": champion.outputs.prefix},
            "content_types": ["text/csv", "application/json"], "deployment": _pascal(endpoint.deployment_config),
            "champion": champion.parameter_name, "footprint": self.footprint, "update_seconds": self._update_seconds,
            "metrics": {"bucket": monitor.bucket.bucket_name, "prefix": monitor.prefix},
        }  # fmt: skip
        function = LoopFunction(
            self, "Deploy", module="deploy", settings=settings, seconds=_SECONDS, memory_mb=_SMALL_MB, numpy=False,
            log_retention_days=self._days,
        )  # fmt: skip
        allow_deploying(function, endpoint, champion, self.group, self._key)
        return function

    def _pipeline(self, optimize: lambda_.IFunction | None) -> PipelineEngine:
        return PipelineEngine(
            self, "Engine", name=self._champion.base, jobs=self.jobs, candidates=self._candidates, policy=self._policy,
            monitor=self._monitor, data=self.data_function, deploy=self.deploy_function, topic=self._topic, optimize=optimize,
            encryption_key=self._key, log_retention_days=self._days,
        )  # fmt: skip

    def _machine(self, optimize: lambda_.IFunction | None) -> Machine:
        return retraining_machine(
            self, base=self._champion.base, jobs=self.jobs, source=self._source, policy=self._policy, bucket=self._monitor.bucket,
            prefix=self._monitor.prefix, data=self.data_function, deploy=self.deploy_function, topic=self._topic,
            optimize=optimize, places=len(self._candidates), update_seconds=self._update_seconds, key=self._key,
            days=self._days,
        )  # fmt: skip

    def _decide_function(self) -> LoopFunction:
        policy, monitor = self._policy, self._monitor
        settings = {
            "model": monitor.model, "bucket": monitor.bucket.bucket_name, "prefix": monitor.prefix,
            "policy": {
                "on_drift": policy.on_drift, "cooldown_days": policy.cooldown_days, "dry_run": policy.dry_run,
                "retrainings_per_month": policy.retrainings_per_month,
            },
            "footprint": {
                "kwh": self.footprint["kwh"], "grams": self.footprint["grams"],
                "usual_days": drift.setting("usual_retraining_days"),
            },
            **self._runs(), "topic": self._topic.topic_arn if self._topic else "", "namespace": self._monitor.namespace,
        }  # fmt: skip
        function = decide_function(self, settings, monitor, self._topic, self._key, self._days)
        self._allow_starting(function)
        return function

    @property
    def _update_seconds(self) -> int:
        """How long an update of the endpoint may take: what its deployment allows, and SageMaker's way back from there."""
        policies = (self._endpoint.deployment_config or {}).values()
        allowed = max((row.get("maximumExecutionTimeoutInSeconds", 0) for row in policies), default=0)
        return allowed + drift.limit("update_minutes") * 60

    @cached_property
    def _candidates(self) -> list[dict[str, object]]:
        """Where to train; a pipeline's training step is on Spot for good."""
        by_pipeline = self._policy.engine == "pipelines"
        found = [row for row in self._source.candidates if row["spot"] or not by_pipeline]
        region = known_region(Stack.of(self))
        return [{**row, "usd_per_hour": of_training(str(row["type"]), region, 60).cost_usd.mid} for row in found]

    def _data_seconds(self) -> int:
        """A step of a pipeline waits for the function, and has less time than a task of a state machine."""
        return PIPELINE_CALLED_SECONDS if self._policy.engine == "pipelines" else _DATA_SECONDS

    def _runs(self) -> dict[str, str]:
        """What tells the functions which engine runs the retrainings."""
        by_pipeline = self._policy.engine == "pipelines"
        return {"machine": "" if by_pipeline else self._machine_arn(), "pipeline": self._champion.base if by_pipeline else ""}

    def _allow_starting(self, function: LoopFunction) -> None:
        if self.pipeline:
            arn = self.pipeline.arn
            function.allow(["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"], arn)
            return
        function.allow(["states:StartExecution"], self._machine_arn())
        runs = f"{self._machine_arn().replace(':stateMachine:', ':execution:')}:*"
        function.allow(["states:DescribeExecution"], runs, why="The executions of one state machine.")

    def _listen(self, monitor: Monitor) -> None:
        # By the monitor's path, not its position: with another monitor before it, the rule stays the same.
        name = monitor.node.addr[-8:]
        listen(self, f"Reports{name}", self.decide_function, monitor)
        listen_to_failures(self, f"Unwatched{name}", self.decide_function, monitor.machine)

    def _empty_group_on_delete(self) -> None:
        helper = StackHelper.of(self)
        packages = self._arn("model-package", f"{self._champion.base}/*")
        helper.allow(["sagemaker:DeleteModelPackage"], packages)
        helper.allow(["sagemaker:ListModelPackages"], self.group.attr_model_package_group_arn, packages)
        emptied = helper.resource(self, "Empty", "ModelPackages", {"Group": self._champion.base})
        emptied.node.add_dependency(self.group)

    def _machine_arn(self) -> str:
        # By name: the machine calls the functions that need this, so a reference would be a circle.
        return Stack.of(self).format_arn(
            service="states", resource="stateMachine", resource_name=self._champion.base, arn_format=_COLON
        )

    def _arn(self, kind: str, name: str) -> str:
        return Stack.of(self).format_arn(service="sagemaker", resource=kind, resource_name=name)


def _check(monitors: Sequence[Monitor], policy: RetrainingPolicy, topic: sns.ITopic | None) -> None:
    if not monitors:
        raise ValueError("monitors is empty; a retraining needs reports to decide on")
    first = monitors[0]
    for monitor in monitors[1:]:
        if (monitor.model, monitor.prefix) != (first.model, first.prefix):
            raise ValueError(
                f"monitors are of {first.model!r} and {monitor.model!r}, below {first.prefix!r} and {monitor.prefix!r}"
            )
    if policy.approval == "person" and topic is None:
        raise ValueError("approval by a person needs a topic, through which the person is asked")


def _pascal(value: Any) -> Any:
    """CloudFormation's L1s are written camelCase; the API wants PascalCase."""
    if is_mapping(value):
        return {key[0].upper() + key[1:]: _pascal(item) for key, item in value.items()}
    if is_list(value):
        return [_pascal(item) for item in value]
    return value
