"""What `drift` and `retraining` of a model file add to its stack: captures, the monitor, the decisions, the retraining."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from ..catalog import drift as catalog
from ..catalog.checks import line
from ..catalog.engines import Engine
from ..catalog.kinds import hosting_kind
from ..core.acknowledge import acknowledge_own
from ..core.names import Parameters
from ..endpoints import ContainerImage, DataCapture
from ..endpoints.base import Endpoint
from ..monitoring import Baseline, DriftMonitor, DriftSettings, MonitoringBucket, QualitySettings
from ..planner import GroupPlan, training_engine
from ..retraining import (
    DataFile,
    DriftAlerts,
    DriftTriggeredRetraining,
    Optimization,
    RetrainingPolicy,
    TrainingSource,
)
from ..spec import DriftSpec, RetrainingSpec
from .shared import environment_of

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from .group_stack import GroupStack
    from .model_stack import ModelStack


def loop_capture(stack: ModelStack) -> DataCapture | None:
    """Return the capture of the loop, into its own bucket; None for a model without drift."""
    plan = stack.model.monitoring
    if plan is None:
        return None
    if hosting_kind(stack.model.kind).shares:
        name = ssm.StringParameter.value_for_string_parameter(
            stack, stack.parameters.group_loop(stack.model.group or "", stack.model.kind)
        )
        shared = s3.Bucket.from_bucket_name(stack, "Loop", name)
        return DataCapture(shared, sample_percent=plan.sample_percent, prefix=f"{stack.model.name}/capture/")
    bucket = MonitoringBucket(stack, "Loop", capture_days=plan.capture_days, encryption_key=stack.key)
    # What writes into the bucket is deleted before it is emptied: a container writes the rest when it stops.
    stack.needed.append(bucket)
    return DataCapture(bucket, sample_percent=plan.sample_percent)


def group_loop(stack: GroupStack, group: GroupPlan, parameters: Parameters, key: kms.IKey | None) -> s3.IBucket | None:
    """Return the bucket with the loops of the members that have drift, each below its name; None when none has."""
    if not group.captured:
        return None
    prefixes = [f"{name}/" for name, _ in group.captured]
    bucket = MonitoringBucket(stack, "Loop", capture_days=group.capture_days, prefixes=prefixes, encryption_key=key)
    # When a member leaves, its rules go with it; what it left goes by this one. Nothing else here is as old: without
    # retraining, all that stays is a history that every evaluation writes again.
    days = Duration.days(int(catalog.setting("report_days")))
    bucket.add_lifecycle_rule(id="expire-what-was-left", expiration=days)
    name = parameters.group_loop(group.name, group.kind)
    ssm.StringParameter(stack, "LoopName", parameter_name=name, string_value=bucket.bucket_name)
    return bucket


def add_loop(stack: ModelStack, capture: DataCapture, endpoint: Endpoint | None) -> dict[str, str]:
    """Watch the model, and retrain it if its file says how; return where the loop is found.

    `endpoint` is None for hosting without one.
    """
    spec = stack.model.spec
    drift, plan = spec.drift, stack.model.monitoring
    assert drift is not None and plan is not None
    if plan.captured_by == "service" and endpoint is not None and plan.sample_percent > line("capture_percent_max"):
        why = f"{plan.sample_percent} % is what the tests need in a window at the stated traffic; it expires."
        acknowledge_own(endpoint.cfn_endpoint_config, "GS-CAP01", why)
    monitor = DriftMonitor(
        stack, "Drift", model=stack.model.name, bucket=capture.bucket, baseline=_baseline(stack, drift),
        settings=DriftSettings(drift.features, drift.threshold, share=drift.share, segments=drift.segments),
        quality=QualitySettings(
            drift.kpi, min_labels=drift.min_labels, judged_rows=drift.judged_rows, label_days=drift.label_days,
            classes=drift.classes,
        ),
        prefix=capture.prefix.removesuffix("capture/"), schedule=plan.schedule, every_rows=drift.every_captures,
        publish_metrics=drift.metrics,
        large_windows=plan.large_windows, encryption_key=stack.key,
        log_retention_days=spec.retention.logs_days,
    )  # fmt: skip
    topic = sns.Topic.from_topic_arn(stack, "Topic", drift.notify) if drift.notify else None
    days = spec.retention.logs_days
    place = {"bucket": capture.bucket.bucket_name, "prefix": monitor.prefix, "monitor": monitor.function.function.ref}
    if spec.retraining is None:
        DriftAlerts(stack, "Alerts", monitors=[monitor], topic=topic, encryption_key=stack.key, log_retention_days=days)
        return place
    assert endpoint is not None and stack.champion is not None
    stack.champion.follow(endpoint)
    DriftTriggeredRetraining(
        stack, "Retraining", monitors=[monitor], endpoint=endpoint, champion=stack.champion,
        source=_source(stack, spec.retraining), policy=_policy(drift, spec.retraining), topic=topic,
        optimize=_function(stack, spec.retraining.optimize) or _optimization(stack), environment=environment_of(spec.model),
        green_hour=stack.model.green_hour,
        encryption_key=stack.key, log_retention_days=days,
    )  # fmt: skip
    return place


def _policy(drift: DriftSpec, part: RetrainingSpec) -> RetrainingPolicy:
    return RetrainingPolicy(
        on_drift=drift.on_drift, cooldown_days=part.cooldown_days, retrainings_per_month=part.retrainings_per_month,
        max_usd=part.max_usd, dry_run=part.dry_run, metric=part.metric, margin=part.margin, tolerance=part.tolerance,
        protected=part.protected, approval=part.approval,
        approval_hours=part.approval_hours, engine=part.engine, flexible_hours=part.flexible_hours,
    )  # fmt: skip


def _optimization(stack: ModelStack) -> Optimization | None:
    """What retraining brings is optimized as the deployed archive was, if its file says `optimize`."""
    part = stack.model.spec.optimize
    if part is None or not part.retrained:
        return None
    limits = {name: getattr(part, name) for name in part.LIMITS if getattr(part, name) != type(part).model_fields[name].default}
    image = _job_image(stack, "optimize")
    return Optimization(image, stack.model.image.architecture, part.load or "one", limits, part.passes)


def _job_image(stack: ModelStack, engine: Engine) -> ContainerImage:
    """Return the image for jobs, which have no Graviton, whatever the endpoint runs on."""
    return stack.images.serving("x86_64", engine)


def _source(stack: ModelStack, part: RetrainingSpec) -> TrainingSource:
    image = _job_image(stack, training_engine(stack.model.spec))
    return TrainingSource(
        part.source, image=image, data=_data(stack, "TrainingData", part.data), label=part.label, script=part.script,
        holdout=_data(stack, "Holdout", part.holdout) if part.holdout else None, max_run_minutes=part.max_run_minutes,
        max_wait_minutes=part.max_wait_minutes,
        instance_types=part.instance_types or catalog.training_types(),
    )  # fmt: skip


def _function(stack: ModelStack, arn: str | None) -> lambda_.IFunction | None:
    if arn is None:
        return None
    return lambda_.Function.from_function_attributes(stack, "Optimize", function_arn=arn, same_environment=True)


def _data(stack: ModelStack, id: str, place: str) -> DataFile:
    if not place.startswith("s3://"):
        return DataFile.from_file(stack, id, place)
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return DataFile.in_bucket(s3.Bucket.from_bucket_name(stack, f"{id}Bucket", bucket), key)


def _baseline(stack: ModelStack, drift: DriftSpec) -> Baseline:
    place = drift.baseline or ""
    if not place.startswith("s3://"):
        return Baseline.from_file(stack, "Baseline", place)
    bucket, _, key = place.removeprefix("s3://").partition("/")
    return Baseline.in_bucket(s3.Bucket.from_bucket_name(stack, "BaselineBucket", bucket), key)
