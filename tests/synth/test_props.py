"""Every number and choice of every public construct: a token comes through whole, what AWS would refuse names the prop."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Stack
from aws_cdk.assertions import Template

from greensage import (
    ArtifactBucket,
    AsynchronousEndpoint,
    BacklogTracking,
    BatchTransform,
    ContainerImage,
    CopyTracking,
    DataBucket,
    DataCapture,
    DriftMonitor,
    DriftSettings,
    EdgeComponent,
    GuardedDeployment,
    InferenceComponentEndpoint,
    MonitoringBucket,
    Network,
    ProvisionedConcurrency,
    QualitySettings,
    RealTimeEndpoint,
    Resources,
    RetrainingPolicy,
    ScheduledLimits,
    ServerlessEndpoint,
    TargetTracking,
    Variant,
)
from greensage.endpoints import Container
from tests.synth.test_composition import ARM, ENV, KINDS, URI, X86, archive, bucket

Build = Callable[[Stack, Any], Any]


def real_time(stack: Stack, **props: Any) -> RealTimeEndpoint:
    return KINDS["real-time"](stack, "E", **props)


def steps(stack: Stack, **props: Any) -> RealTimeEndpoint:
    return real_time(stack, deployment=GuardedDeployment("canary", **{"step_percent": 10, **props}))


def tracked(stack: Stack, **props: Any) -> RealTimeEndpoint:
    return real_time(stack, scaling=TargetTracking(**{"max_instances": 9, **props}))


def queued(stack: Stack, **props: Any) -> AsynchronousEndpoint:
    return KINDS["asynchronous"](stack, "E", scaling=BacklogTracking(**{"max_instances": 9, **props}))


def shared(stack: Stack, scaling: CopyTracking | None = None, resources: Resources | None = None, **props: Any) -> Any:
    made = InferenceComponentEndpoint(stack, "E", instance_type="ml.c7i.large", **props)
    given = {"scaling": scaling} if scaling else {}
    return made.add_component("M", artifact=None, image=X86, resources=resources or Resources(512), **given)


def copies(stack: Stack, **props: Any) -> Any:
    return shared(stack, CopyTracking(**{"max_copies": 9, **props}))


def warm(stack: Stack, **props: Any) -> ServerlessEndpoint:
    scaling = ProvisionedConcurrency(**{"min_concurrency": 1, "max_concurrency": 5, **props})
    return KINDS["serverless"](stack, "E", max_concurrency=5, provisioned=scaling)


def batch(stack: Stack, **props: Any) -> BatchTransform:
    given = {"artifact": archive(stack), "image": X86, "instance_type": "ml.c7i.large", "bucket": bucket(stack), **props}
    return BatchTransform(stack, "E", **given)


def edge(stack: Stack, **props: Any) -> EdgeComponent:
    return EdgeComponent(stack, "E", **{"artifact": archive(stack), "framework": "onnx", "device_groups": ["a"], **props})


def monitor(stack: Stack, **props: Any) -> DriftMonitor:
    from greensage import Baseline

    baseline = Baseline(bucket(stack).bucket_name, bucket(stack).bucket_arn, "statistics.json", "theirs")
    given = {"model": "m", "bucket": bucket(stack), "baseline": baseline, "large_windows": False, **props}
    return DriftMonitor(stack, "E", **given)


# By prop: how to build with a value of it, and what is refused.
NUMBERS: dict[str, tuple[Build, list[Any]]] = {
    "noncurrent_days": (lambda s, v: ArtifactBucket(s, "E", noncurrent_days=v), [0, 1.5, None]),
    "expire_days": (lambda s, v: DataBucket(s, "E", expire_days=v), [0, -1, "7"]),
    "capture_days": (lambda s, v: MonitoringBucket(s, "E", capture_days=v), [0]),
    "report_days": (lambda s, v: MonitoringBucket(s, "E", capture_days=7, report_days=v), [0]),
    "log_retention_days": (lambda s, v: real_time(s, log_retention_days=v), [0, 15, -1]),
    "metric_seconds": (lambda s, v: real_time(s, metric_seconds=v), [15]),
    "volume_size_gb": (lambda s, v: real_time(s, volume_size_gb=v), [0, 513]),
    "weight": (lambda s, v: real_time(s, weight=v), [-0.1, float("nan")]),
    "instance_count": (lambda s, v: real_time(s, variants={"b": Variant(Container(ARM, archive(s)), instance_count=v)}), [0, 1.5]),
    "sample_percent": (lambda s, v: real_time(s, capture=DataCapture(bucket(s), sample_percent=v)), [0, 101, 2.5]),
    "min_instances": (lambda s, v: tracked(s, min_instances=v), [0, 10, 1.5, True]),
    "max_instances": (lambda s, v: tracked(s, max_instances=v), [0, 2.5]),
    "target_invocations_per_minute": (lambda s, v: tracked(s, target_invocations_per_minute=v), [0, -5]),
    "target_concurrent_requests": (lambda s, v: tracked(s, target_concurrent_requests=v), [0]),
    "scale_out_cooldown_seconds": (lambda s, v: tracked(s, scale_out_cooldown_seconds=v), [-1, 0.5]),
    "scale_in_cooldown_seconds": (lambda s, v: tracked(s, scale_in_cooldown_seconds=v), [-1]),
    "target_backlog_per_instance": (lambda s, v: queued(s, target_backlog_per_instance=v), [0]),
    "min_instances of a queue": (lambda s, v: queued(s, min_instances=v), [-1, 10]),
    "concurrency_per_instance": (lambda s, v: KINDS["asynchronous"](s, "E", concurrency_per_instance=v), [0, 1001]),
    "min_copies": (lambda s, v: copies(s, min_copies=v), [-1, 10]),
    "max_copies": (lambda s, v: copies(s, max_copies=v), [0]),
    "min_instances of components": (lambda s, v: shared(s, min_instances=v), [-1, 3]),
    "max_instances of components": (lambda s, v: shared(s, max_instances=v), [0]),
    "cpu_cores": (lambda s, v: Resources(512, cpu_cores=v), [0.1]),
    "memory_mb of a copy": (lambda s, v: Resources(v), [64, 512.5]),
    "accelerators": (lambda s, v: Resources(512, accelerators=v), [-1, 0.5]),
    "min_concurrency": (lambda s, v: warm(s, min_concurrency=v), [0, 6]),
    "max_concurrency of warm": (lambda s, v: warm(s, max_concurrency=v), [0, 6]),
    "target_utilization": (lambda s, v: warm(s, target_utilization=v), [0, 1.1]),
    "memory_mb": (lambda s, v: KINDS["serverless"](s, "E", memory_mb=v), [1000, 7168]),
    "max_concurrency": (lambda s, v: KINDS["serverless"](s, "E", max_concurrency=v), [0, 201]),
    "min": (lambda s, v: tracked(s, schedule=[ScheduledLimits("night", "rate(1 day)", min=v)]), [-1, 0, 1.5]),
    "max": (lambda s, v: tracked(s, schedule=[ScheduledLimits("night", "rate(1 day)", min=1, max=v)]), [-1, 0]),
    "step_percent": (lambda s, v: steps(s, step_percent=v), [0, 51, None, 1.5]),
    "interval_seconds": (lambda s, v: steps(s, interval_seconds=v), [-1, 3601]),
    "bake_seconds": (lambda s, v: steps(s, bake_seconds=v), [-1, 3601]),
    "max_error_percent": (lambda s, v: steps(s, max_error_percent=v), [0, 101]),
    "max_latency_ms": (lambda s, v: steps(s, max_latency_ms=v), [0]),
    "instance_count of a job": (lambda s, v: batch(s, instance_count=v), [0, 101]),
    "max_payload_mb": (lambda s, v: batch(s, max_payload_mb=v), [0, 101]),
    "port": (lambda s, v: edge(s, port=v), [80, 65536]),
    "every_rows": (lambda s, v: monitor(s, every_rows=v), [-1]),
    "threshold": (lambda s, v: monitor(s, settings=DriftSettings(threshold=v)), [0]),
    "alpha": (lambda s, v: monitor(s, settings=DriftSettings(alpha=v)), [0, 1]),
    "min_rows": (lambda s, v: monitor(s, settings=DriftSettings(min_rows=v)), [0]),
    "missing": (lambda s, v: monitor(s, settings=DriftSettings(missing=v)), [-0.1, 1.1]),
    "new_values": (lambda s, v: monitor(s, settings=DriftSettings(new_values=v)), [-0.1]),
    "share": (lambda s, v: monitor(s, settings=DriftSettings(share=v)), [1.1]),
    "auc": (lambda s, v: monitor(s, quality=QualitySettings({"auc": v})), ["high"]),
    "min_labels": (lambda s, v: monitor(s, quality=QualitySettings({"auc": 0.8}, min_labels=v)), [0]),
    "label_days": (lambda s, v: monitor(s, quality=QualitySettings({"auc": 0.8}, label_days=v)), [0]),
    "judged_rows": (lambda s, v: monitor(s, quality=QualitySettings({"auc": 0.8}, judged_rows=v)), [0]),
}  # fmt: skip
# What is known at synth only, because something is computed from it or depends on it.
KNOWN: dict[str, tuple[Build, list[Any]]] = {
    "strategy": (lambda s, v: GuardedDeployment(v), ["canery"]),
    "split": (lambda s, v: batch(s, split=v), ["lines"]),
    "on_drift": (lambda s, v: RetrainingPolicy(on_drift=v), ["ignore"]),
    "approval": (lambda s, v: RetrainingPolicy(approval=v), ["people"]),
    "engine": (lambda s, v: RetrainingPolicy(engine=v), ["airflow"]),
    "approval_hours": (lambda s, v: RetrainingPolicy(approval_hours=v), [0, 8761]),
    "flexible_hours": (lambda s, v: RetrainingPolicy(flexible_hours=v), [-1, 25, 1.5]),
    "instance_type": (lambda s, v: RealTimeEndpoint(s, "E", artifact=archive(s), image=ARM, instance_type=v), ["ml.none.large"]),
}  # fmt: skip
CHOICES: dict[str, tuple[Build, list[Any]]] = {
    "architecture": (lambda s, v: ContainerImage.from_uri(URI, architecture=v), ["arm", "x86"]),
    "processor": (lambda s, v: InferenceComponentEndpoint(s, "E", instance_type="ml.c7i.large", processor=v), ["cuda"]),
    "method": (lambda s, v: DriftSettings(method=v), ["chi2"]),
    "kpi": (lambda s, v: QualitySettings({v: 1.0}), ["speed"]),
    "metric": (lambda s, v: RetrainingPolicy(metric=v), ["speed"]),
    "framework": (lambda s, v: edge(s, framework=v), ["pytorch"]),
    "schedule of a monitor": (lambda s, v: monitor(s, schedule=v), ["daily", "cron(99)", "rate(0 days)"]),
    "schedule of a job": (lambda s, v: batch(s, schedule=v), ["cron(99)", "cron(0 25 * * ? *)"]),
    "at": (lambda s, v: ScheduledLimits("n", v, min=1), ["daily", "cron(99)", "at(tomorrow)", "rate(5 weeks)"]),
    "prefix": (lambda s, v: DataCapture(bucket(s), prefix=v), ["capture"]),
    "subnet_ids": (lambda s, v: Network(v, ("sg-1",)), [(), tuple(f"subnet-{i}" for i in range(17))]),
    "security_group_ids": (lambda s, v: Network(("subnet-1",), v), [()]),
    "retrainings_per_month": (lambda s, v: RetrainingPolicy(retrainings_per_month=v), [0]),
    "cooldown_days": (lambda s, v: RetrainingPolicy(cooldown_days=v), [-1]),
    "margin": (lambda s, v: RetrainingPolicy(margin=v), [-0.1]),
    "tolerance": (lambda s, v: RetrainingPolicy(tolerance=v), [-0.1]),
}  # fmt: skip
REFUSED = [(name, value) for table in (NUMBERS, KNOWN, CHOICES) for name, (_, wrong) in table.items() for value in wrong]


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "theirs", env=ENV)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_a_parameter_comes_through_whole(stack, name):
    parameter = CfnParameter(stack, "Given", type="Number", default=1)
    made = NUMBERS[name][0](stack, parameter.value_as_number)
    if isinstance(made, Resources):
        shared(stack, resources=made)
    text = json.dumps(Template.from_stack(stack).to_json())
    assert '{"Ref": "Given"}' in text
    assert "e+289" not in text and "Token[" not in text


@pytest.mark.parametrize("name", KNOWN)
def test_what_must_be_known_at_synth_says_so(stack, name):
    parameter = CfnParameter(stack, "Given")
    numeric = isinstance(KNOWN[name][1][0], int)
    parameter = CfnParameter(stack, "Number", type="Number") if numeric else parameter
    with pytest.raises(ValueError, match=f"{name} is a token; .*(known at synth)"):
        KNOWN[name][0](stack, parameter.value_as_number if numeric else parameter.value_as_string)


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=str)
def test_a_wrong_value_names_the_prop_the_value_and_what_is_allowed(stack, name, value):
    build = {**NUMBERS, **KNOWN, **CHOICES}[name][0]
    with pytest.raises(ValueError) as caught:
        build(stack, value)
    said, prop = str(caught.value), name.split(" of ")[0]
    assert prop in said, said
    if isinstance(value, tuple):
        assert f"has {len(value)} entries" in said
    else:
        assert str(value) in said, said
    assert "allowed" in said or "not an instance type" in said


def test_a_near_miss_gets_a_suggestion():
    with pytest.raises(ValueError, match="did you mean canary"):
        GuardedDeployment("canery")  # type: ignore[arg-type]
