"""The template of each construct with all of its options, reviewed: `pytest tests/synth/test_golden.py --snapshot-update`
writes them anew, and what changed is read in the diff."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.extensions.json import JSONSnapshotExtension

import greensage as gs
from greensage.core.logs import log_group
from tests.synth.test_composition import ARM, ENV, GPU, KINDS, X86, archive, bucket, two

HOUR = gs.ScheduledLimits("day", "cron(0 8 ? * MON-FRI *)", min=2, max=6, timezone="Europe/Berlin")
NETWORK = gs.Network(("subnet-1", "subnet-2"), ("sg-1",))


def key(stack: Stack) -> kms.IKey:
    return kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111111111111:key/k")


def tracking(**more: Any) -> gs.TargetTracking:
    return gs.TargetTracking(2, 7, 800, scale_out_cooldown_seconds=61, scale_in_cooldown_seconds=301, schedule=[HOUR], **more)


def guarded(stack: Stack, strategy: Any = "canary", step: int = 10) -> gs.GuardedDeployment:
    theirs = cloudwatch.Alarm.from_alarm_arn(stack, "Theirs2", "arn:aws:cloudwatch:eu-west-1:111111111111:alarm:theirs")
    return gs.GuardedDeployment(
        strategy, step_percent=step, interval_seconds=90, bake_seconds=240, max_error_percent=3, max_latency_ms=250, alarms=[theirs],
    )  # fmt: skip


def instances(stack: Stack, **more: Any) -> dict[str, Any]:
    return {
        "encryption_key": key(stack), "log_retention_days": 30, "network": NETWORK, "network_isolation": False,
        "deployment": guarded(stack), "metric_seconds": 10, "volume_size_gb": 40, "startup_timeout_seconds": 900,
        "download_timeout_seconds": 600, "inference_ami": "al2-ami-sagemaker-inference-gpu-3-1", "routing": "least-outstanding", **more,
    }  # fmt: skip


def real_time(stack: Stack) -> None:
    made = KINDS["real-time"](
        stack, "E", scaling=tracking(target_concurrent_requests=3), environment={"A": "1"}, weight=0.9,
        variants={"B": gs.Variant(gs.Container(ARM, archive(stack, "n/model.tar.gz"), {"B": "2"}), 0.1, "ml.c7g.xlarge", 2)},
        capture=gs.DataCapture(bucket(stack), "theirs/", 20), endpoint_name="scoring", **instances(stack),
    )  # fmt: skip
    for name in ("invocations", "model_latency", "overhead_latency", "invocation_4xx_errors", "invocation_5xx_errors"):
        getattr(made, f"metric_{name}")().create_alarm(stack, name, threshold=1, evaluation_periods=1)


def imported(stack: Stack) -> None:
    there = gs.ImportedEndpoint(stack, "There", endpoint_name="fraud-prod", variant_name="blue")
    there.grant_invoke(iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal()))
    there.metric_gpu_utilization().create_alarm(stack, "Busy", threshold=90, evaluation_periods=3)


def published(stack: Stack) -> None:
    KINDS["real-time"](
        stack, "E", model_name="churn", retain_counts=True, deployment=None,
        scaling=gs.TargetTracking(metric="CPUUtilization", target=60),
    )  # fmt: skip


def packaged(stack: Stack) -> None:
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    of = "arn:aws:sagemaker:eu-west-1:222222222222:model-package"
    newest = gs.ModelPackageSource(stack, "Newest", group_arn=f"{of}-group/fraud", architecture="arm64", processor="cpu")
    fixed = gs.ModelPackageSource(stack, "Fixed", package_arn=f"{of}/fraud/7")
    gs.RealTimeEndpoint(stack, "E", image=newest.image, instance_type="ml.c7g.large")
    gs.ServerlessEndpoint(stack, "S", image=fixed.image)
    del os.environ["SOURCE_DATE_EPOCH"]


def private(stack: Stack) -> None:
    provider = "arn:aws:lambda:eu-west-1:111111111111:function:who"
    image = gs.ContainerImage.from_private_registry(
        "registry.example.com:5000/ml/fraud:1.2", architecture="arm64", credentials_provider_arn=provider
    )
    gs.RealTimeEndpoint(stack, "E", image=image, instance_type="ml.c7g.large", network=NETWORK)


def tagged(stack: Stack) -> None:
    network = gs.Network.by_tags(stack, "Network", tags={"tier": "ml"}, zones=2)
    image = gs.ContainerImage.from_asset(
        stack,
        "Image",
        str(Path(__file__).parents[2] / "serving"),
        architecture="arm64",
        file="Dockerfile",
        build_args={"ENGINE": "onnx"},
    )
    made = gs.RealTimeEndpoint(stack, "E", image=image, instance_type="ml.c7g.large", network=network, scaling=None)
    made.auto_scale_instance_count(gs.TargetTracking(2, 5))


def with_code(stack: Stack) -> None:
    theirs = s3.Bucket.from_bucket_name(stack, "Theirs", "theirs")
    made = gs.ModelArtifact(
        stack, "A", source="s3://theirs/k/model.tar.gz", bucket=bucket(stack), prefix="m", name="m", encryption_key=key(stack),
        code=Path(__file__).parent / "code",
    )  # fmt: skip
    gs.RealTimeEndpoint(stack, "E", image=ARM, instance_type="ml.c7g.large", artifact=made.location)
    licensed = gs.ArtifactLocation.in_bucket(theirs, "k/gated.tar.gz", accept_eula=True)
    gs.RealTimeEndpoint(stack, "F", image=ARM, instance_type="ml.c7g.large", artifact=licensed)


def shadowed(stack: Stack) -> None:
    KINDS["real-time"](
        stack, "E", shadow=gs.Variant(gs.Container(ARM, archive(stack, "n/model.tar.gz")), 0.5), scaling=None, deployment=None,
    )  # fmt: skip


def rolling(stack: Stack) -> None:
    KINDS["real-time"](stack, "E", deployment=guarded(stack, "rolling", 25))


def linear(stack: Stack) -> None:
    KINDS["real-time"](stack, "E", deployment=guarded(stack, "linear", 20))


def multi_model(stack: Stack) -> None:
    captured = gs.DataCapture(bucket(stack), "{model}/capture/", models={"a": 10})
    KINDS["multi-model"](
        stack, "E", cache_models=False, scaling=tracking(), capture=captured, environment={"A": "1"}, **instances(stack)
    )


def components(stack: Stack) -> None:
    made = gs.InferenceComponentEndpoint(
        stack, "E", instance_type="ml.g5.xlarge", processor="gpu", min_instances=0, max_instances=4, **instances(stack)
    )
    scaling = gs.CopyTracking(
        0,
        4,
        90,
        scale_out_cooldown_seconds=61,
        scale_in_cooldown_seconds=301,
        schedule=[gs.ScheduledLimits("n", "rate(1 day)", min=1)],
    )
    made.add_component(
        "M", artifact=archive(stack), image=GPU, resources=gs.Resources(4_000, 1.5, 1), scaling=scaling, environment={"A": "1"}
    )
    made.add_component(
        "N", artifact=None, image=GPU, resources=gs.Resources(2_000), scaling=gs.CopyTracking(1, 3, target_concurrent_requests=2)
    )


def serverless(stack: Stack) -> None:
    warm = gs.ProvisionedConcurrency(2, 4, 0.6, schedule=[gs.ScheduledLimits("day", "rate(1 day)", min=3, max=4)])
    KINDS["serverless"](
        stack, "E", memory_mb=3072, max_concurrency=9, provisioned=warm, environment={"A": "1"},
        capture=gs.DataCapture(bucket(stack)), encryption_key=key(stack), log_retention_days=7, endpoint_name="scoring",
    )  # fmt: skip


def asynchronous(stack: Stack) -> None:
    scaling = gs.BacklogTracking(
        0,
        5,
        7,
        scale_out_cooldown_seconds=61,
        scale_in_cooldown_seconds=301,
        schedule=[gs.ScheduledLimits("n", "rate(1 day)", max=1)],
    )
    KINDS["asynchronous"](
        stack, "E", prefix="theirs/", scaling=scaling, concurrency_per_instance=8, notify=True,
        capture=gs.DataCapture(bucket(stack), "c/"), environment={"A": "1"}, **instances(stack),
    )  # fmt: skip


def batch(stack: Stack) -> None:
    made = gs.BatchTransform(
        stack, "E", artifact=archive(stack), image=X86, instance_type="ml.c7i.large", bucket=bucket(stack), prefix="theirs/",
        instance_count=3, schedule="cron(0 2 * * ? *)", on_arrival=True, content_type="application/jsonlines", split="none",
        max_payload_mb=20, environment={"A": "1"}, encryption_key=key(stack), network=NETWORK, network_isolation=True,
        capture=True, container_capture=None, log_retention_days=3,
    )  # fmt: skip
    made.metric_failed().create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)


def batch_by_lines(stack: Stack) -> None:
    KINDS["batch"](stack, "E", container_capture=gs.DataCapture(bucket(stack), "c/"))


def edge(stack: Stack) -> None:
    compiled = gs.NeoCompilation(
        stack, "Neo", artifact=archive(stack), framework="pytorch", device="jetson_xavier", input_shape='{"input": [1, 64]}'
    )
    gs.EdgeComponent(
        stack, "E", artifact=archive(stack), framework="pytorch", compiled=compiled, component_name="theirs.scoring",
        device_groups=["a", "b"], other_components={"aws.greengrass.Nucleus": "2.12.0"}, port=9000, environment={"A": "1"},
    )  # fmt: skip
    gs.EdgeComponent(stack, "F", artifact=archive(stack), framework="onnx", device_groups=["a"])


def stored(stack: Stack) -> None:
    made = gs.ArtifactBucket(
        stack, "Artifacts", noncurrent_days=9, encryption_key=key(stack), removal_policy=RemovalPolicy.RETAIN
    )
    gs.DataBucket(stack, "Data", expire_days=5, encryption_key=stack.node.find_child("Key"), announce=True)  # type: ignore[arg-type]
    gs.ServingRepository(stack, "Images")
    gs.ModelArtifact(stack, "A", source="s3://theirs/m.tar.gz", bucket=made, prefix="m/", name="m", encryption_key=None)


def serving_image(stack: Stack) -> None:
    repository = ecr.Repository.from_repository_name(stack, "Repository", "serving")
    gs.ServingImage(
        stack, "Image", repository=repository, architecture="arm64", base_image="public.ecr.aws/docker/library/python:3.13"
    )


def compiled(stack: Stack) -> None:
    bucket = gs.ArtifactBucket(stack, "Artifacts", noncurrent_days=3)
    made = gs.ModelArtifact(stack, "A", source="s3://theirs/m.tar.gz", bucket=bucket, prefix="m/", name="m")
    image = gs.ContainerImage.accelerated("pytorch", "2.1.2", processor="neuronx", region="eu-west-1")
    gs.ModelCompilation(
        stack, "Neuron", artifact=made.location, target="inf2", input_shape='{"input": [1, 64]}', image=image,
        instance_type="ml.c7i.4xlarge", max_minutes=90, log_retention_days=7,
    )  # fmt: skip
    neo = gs.ModelCompilation(stack, "Neo", artifact=made.location, target="ml_c6g", framework="xgboost")
    neo.needs(made)
    neo.metric_failed(period=Duration.hours(1)).create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)
    neo.grant_start(iam.Role(stack, "Starter", assumed_by=iam.AccountRootPrincipal()))  # type: ignore[arg-type]


def measured(stack: Stack) -> None:
    sample = str(Path(__file__).with_name("row.csv"))
    container = gs.Container(X86, archive(stack, "m/model.tar.gz"))
    made = gs.InferenceRecommendation(
        stack, "Own", model_name="m", container=container, sample=sample, instance_types=["ml.c7i.large", "ml.m5.large"],
        content_type="text/csv", framework="xgboost", job="advanced", latency_ms=80, max_minutes=60, budget_usd=9, log_retention_days=7,
    )  # fmt: skip
    usual = gs.InferenceRecommendation(
        stack, "Usual", model_name="m", container=container, sample=sample, instance_types=["ml.c7i.large"]
    )
    usual.needs(made)
    usual.grant_start(iam.Role(stack, "Starter", assumed_by=iam.AccountRootPrincipal()))  # type: ignore[arg-type]
    usual.metric_failed().create_alarm(stack, "Failed", threshold=1, evaluation_periods=1)


def watched(stack: Stack, *, large: bool) -> tuple[gs.DriftMonitor, gs.MonitoringBucket]:
    loop = gs.MonitoringBucket(stack, "Loop", capture_days=6, report_days=90, prefixes=("m/",), encryption_key=key(stack))
    baseline = gs.Baseline(bucket(stack).bucket_name, bucket(stack).bucket_arn, "statistics.json", "theirs")
    monitor = gs.DriftMonitor(
        stack, "Drift", model="m", bucket=loop, prefix="m/", baseline=baseline, schedule="rate(1 hour)", every_rows=500,
        settings=gs.DriftSettings("ks", 0.2, 0.01, 300, 0.1, 0.02, 0.5), quality=gs.QualitySettings({"auc": 0.8}, 250, 9, 1_000),
        large_windows=large, encryption_key=stack.node.find_child("Key"), log_retention_days=5,  # type: ignore[arg-type]
    )  # fmt: skip
    return monitor, loop


def monitored(stack: Stack) -> None:
    monitor, loop = watched(stack, large=True)
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111111111111:theirs")
    quality = gs.ModelQualityMonitor(
        stack, "Quality", model="m", bucket=loop, prefix="m/", baseline=monitor.baseline, quality=gs.QualitySettings({"rmse": 3.0}),
    )  # fmt: skip
    gs.DriftAlerts(stack, "Alerts", monitors=[monitor, quality], topic=topic, log_retention_days=3)
    use = gs.UseDashboard(stack, "Use", bucket=loop)
    proxies = gs.ProxyMetrics("e", "AllTraffic", "eu-west-1", "ml.c7g.large", metric_seconds=10)
    serverless = gs.ProxyMetrics("s", "AllTraffic", "eu-west-1", memory_mb=2048)
    copies = gs.ProxyMetrics("c", "AllTraffic", "eu-west-1", "ml.g5.xlarge", component_names=("one", "two"))
    use.show_hosts([proxies, serverless, copies])
    topic_of_alarms = sns.Topic.from_topic_arn(stack, "Told", "arn:aws:sns:eu-west-1:111111111111:told")
    gs.EndpointDashboard(
        stack, "Own", metrics=proxies, models=3, log_group_name="/aws/sagemaker/Endpoints/e", planned_g_per_1000=0.5,
        low_use_percent=3, topic=topic_of_alarms,
    )  # fmt: skip
    gs.EndpointDashboard(stack, "Small", metrics=serverless)
    theirs = sns.Topic.from_topic_arn(stack, "People", "arn:aws:sns:eu-west-1:111111111111:people")
    gs.WeeklyReview(
        stack, "Review", bucket=bucket(stack), topic=theirs, parameters_root="/mine", schedule="rate(7 days)", keep_versions=3,
        log_retention_days=30,
    )  # fmt: skip
    gs.WeeklyReview(stack, "Usual", bucket=loop)
    theirs_too = kms.Key.from_key_arn(stack, "ArchiveKey", "arn:aws:kms:eu-west-1:111111111111:key/k")
    archive = gs.LogArchive(
        stack, "Archive", expire_days=400, prefix="/theirs/", schedule="rate(1 day)", encryption_key=theirs_too, log_retention_days=7,
    )  # fmt: skip
    gs.LogArchive.include(log_group(stack, "Kept", 7))
    archive.grant_read(iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal()))  # type: ignore[arg-type]


def retrained(stack: Stack, **policy: Any) -> None:
    monitor, _ = watched(stack, large=False)
    made = gs.ModelArtifact(stack, "A", source="s3://theirs/m.tar.gz", bucket=bucket(stack), prefix="m/")
    champion = gs.Champion(stack, "Champion", artifact=made.location, parameter_name="/theirs/champion")
    endpoint = gs.RealTimeEndpoint(
        stack, "E", artifact=champion.location, image=X86, instance_type="ml.c7i.large", deployment=guarded(stack)
    )
    source = gs.TrainingSource(
        str(Path(__file__).parents[2] / "examples/drift/training"), X86, gs.DataFile.in_bucket(bucket(stack), "train/"), "y",
        holdout=gs.DataFile.in_bucket(bucket(stack), "holdout.csv"), instance_types=("ml.m5.large", "ml.m5.xlarge"),
        max_run_minutes=30, max_wait_minutes=50, hyperparameters={"depth": "3"},
    )  # fmt: skip
    given = {
        "on_drift": "retrain",
        "cooldown_days": 3,
        "retrainings_per_month": 4,
        "metric": "auc",
        "margin": 0.01,
        "tolerance": 0.03,
    }
    gs.DriftTriggeredRetraining(
        stack, "Retraining", monitors=[monitor], endpoint=endpoint, champion=champion, source=source,
        policy=gs.RetrainingPolicy(**{**given, **policy}), topic=sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111111111111:theirs"),
        green_hour=3, log_retention_days=3,
    )  # fmt: skip


def approved(stack: Stack) -> None:
    retrained(stack, approval="person", approval_hours=48, flexible_hours=6, protected="age")


def granted(stack: Stack) -> None:
    """What each grant allows, on a role of its own."""
    for kind in ("real-time", "serverless", "asynchronous", "multi-model", "multi-container", "batch"):
        made = KINDS[kind](stack, f"E-{kind}")
        role = iam.Role(stack, f"Of-{kind}", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        made.grant_start(role) if kind == "batch" else made.grant_invoke(role)
    component = gs.EdgeComponent(stack, "Edge", artifact=archive(stack), framework="onnx", device_groups=["a"])
    component.grant_download(iam.Role(stack, "Of-edge", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))


GOLDEN: dict[str, Callable[[Stack], Any]] = {
    "imported": imported,
    "published": published, "packaged": packaged, "private": private, "with_code": with_code, "tagged": tagged,
    "real_time": real_time, "shadowed": shadowed, "rolling": rolling, "linear": linear, "multi_model": multi_model,
    "multi_container": lambda s: KINDS["multi-container"](s, "E", scaling=tracking(), **instances(s)),
    "serial_pipeline": lambda s: gs.SerialPipelineEndpoint(
        s, "E", containers=two(s), instance_type="ml.c7g.large", capture=gs.DataCapture(bucket(s)), scaling=tracking(), **instances(s)
    ),
    "components": components, "serverless": serverless, "asynchronous": asynchronous, "batch": batch,
    "batch_by_lines": batch_by_lines, "edge": edge, "stored": stored, "serving_image": serving_image, "compiled": compiled, "monitored": monitored,
    "measured": measured,
    "retrained": retrained, "approved": approved, "logs": lambda s: log_group(s, "L", 7), "granted": granted,
}  # fmt: skip


# Of what differs from another in one place, that place.
ONLY = {
    "granted": ("AWS::IAM::Policy",),
    "rolling": ("AWS::SageMaker::Endpoint", "AWS::CloudWatch::Alarm"),
    "linear": ("AWS::SageMaker::Endpoint",),
    "approved": ("AWS::StepFunctions::StateMachine", "AWS::Events::Rule"),
    "batch_by_lines": ("AWS::StepFunctions::StateMachine", "AWS::SageMaker::Model", "AWS::IAM::Policy"),
}


def resources(stack: Stack) -> dict[str, Any]:
    """The resources, with a word in place of what changes with the sources: hashes of assets, and code versions."""
    text = json.dumps(Template.from_stack(stack).to_json()["Resources"], sort_keys=True)
    text = re.sub(r"[0-9a-f]{64}", "HASH", text)
    text = re.sub(r"\b1\.0\.\d{1,6}\b", "1.0.CONTENT", text)  # of an edge component, made of what it holds
    text = re.sub(r"\b[0-9a-f]{12}-[a-z]+-(arm64|x86_64)", r"TAG-\1", text)
    return {key: readable(row) for key, row in json.loads(text).items()}


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """A state machine's definition as what it is, not as one long string."""
    definition = row["Properties"].get("DefinitionString") if row["Type"] == "AWS::StepFunctions::StateMachine" else None
    if definition is None:
        return row
    parts = definition["Fn::Join"][1] if isinstance(definition, dict) else [definition]
    text = "".join(part if isinstance(part, str) else "${" + _told(part) + "}" for part in parts)
    return {**row, "Properties": {**row["Properties"], "DefinitionString": json.loads(text)}}


def _told(part: dict[str, Any]) -> str:
    value = next(iter(part.values()))
    return value if isinstance(value, str) else ".".join(map(str, value))


@pytest.mark.parametrize("name", GOLDEN)
def test_the_template_is_as_reviewed(name, snapshot):
    stack = Stack(App(), "golden", env=ENV)
    GOLDEN[name](stack)
    found = {key: row for key, row in resources(stack).items() if row["Type"] in ONLY.get(name, (row["Type"],))}
    if name == "granted":
        found = {key: row for key, row in found.items() if key.startswith("Of")}
    assert found == snapshot(extension_class=JSONSnapshotExtension)


def test_every_public_construct_has_one():
    """A new construct comes with its template."""
    from constructs import Construct

    source = Path(__file__).read_text(encoding="utf-8")
    named = {
        "MultiContainerEndpoint",
        "AsynchronousEndpoint",
        "MultiModelEndpoint",
        "ServerlessEndpoint",
        "InferenceComponent",
    }  # by KINDS
    public = {name for name in gs.__all__ if isinstance(getattr(gs, name), type) and issubclass(getattr(gs, name), Construct)}
    assert not [name for name in public - named if f"gs.{name}(" not in source]
