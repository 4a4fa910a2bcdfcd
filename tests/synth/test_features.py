"""Every option of a model file, in fleets that AwsSolutionsChecks and cfn-lint find nothing in, by what they mean."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ARTIFACTS, archive_of
from tests.synth.conftest import Assembly, build_fleet, synthesize

VPC = "vpc: {subnets: [subnet-0a1b2c3d, subnet-1a2b3c4d], security_groups: [sg-0a1b2c3d]}"
KEY = "kms_key_arn: arn:aws:kms:us-east-1:111111111111:key/11111111-1111-1111-1111-111111111111"
MODEL = "model: {artifact: churn.tar.gz, framework: xgboost}"
TORCH = "model: {artifact: torch.tar.gz, framework: pytorch"
FILES = {
    "everything": f"""
        {MODEL}
        hosting: {{kind: real-time, weight: 0.9}}
        variants: [{{name: challenger, weight: 0.1, model: {{artifact: wine.tar.gz, framework: lightgbm}}}}]
        capture: {{sample_percent: 5, days: 3}}
        deployment: {{strategy: linear, step_percent: 25, interval_seconds: 60, max_latency_ms: 80, alarms: [drift-of-churn]}}
        schedule: [{{name: office, at: cron(0 8 ? * MON-FRI *), timezone: Europe/Stockholm, min: 2}}]
        high_resolution_metrics: true
        network_isolation: true
        {VPC}
        {KEY}
        tags: {{team: credit}}""",
    "quiet": f"""
        {MODEL}
        hosting: real-time
        dashboard: false
        logs: {{level: error, requests_percent: 1, storage: infrequent-access}}""",
    "kept": f"""
        {MODEL}
        hosting: serverless
        dashboard: true
        logs: {{archive_days: 400}}""",
    "shadowed": f"""
        {MODEL}
        hosting: real-time
        shadow: {{traffic_percent: 50, model: {{artifact: wine.tar.gz, framework: lightgbm}}}}
        deployment: {{strategy: rolling, step_percent: 25}}""",
    "gpu": f'{TORCH}, version: "2.6.0"}}\n        hosting: real-time\n        silicon: gpu',
    "inf1": f"{TORCH}, compiled_for: inf1}}\n        hosting: real-time",
    "inf2": f"{TORCH}, compiled_for: inf2}}\n        hosting: real-time\n        {KEY}",
    "trainium": f"{TORCH}, compiled_for: trainium}}\n        hosting: real-time",
    "prefix": "model: {artifact: 's3://theirs/model/', framework: xgboost}\n        hosting: real-time",
    "compiled": "model: {artifact: churn.tar.gz, framework: onnx}\n"
    "        hosting: {kind: edge, device_groups: [a], device: rasp4b, input_shape: '{\"X\": [1, 64]}'}",
    "vision": "model: {artifact: churn.tar.gz, framework: triton}\n        group: eyes\n"
    "        hosting: {kind: multi-model, cache_models: false}",
    "warm": f"""
        {MODEL}
        hosting: {{kind: serverless, max_concurrency: 10, provisioned_concurrency: 1, max_provisioned_concurrency: 5}}
        schedule: [{{name: office, at: cron(0 8 ? * MON-FRI *), min: 3}}]""",
    "queued": f"""
        {MODEL}
        hosting: {{kind: asynchronous, notify: true, min_instances: 0, max_instances: 3}}
        {VPC}
        {KEY}""",
    "nightly": f"""
        {MODEL}
        hosting: {{kind: batch, schedule: cron(0 2 * * ? *), instances: 2}}
        capture: {{}}
        {VPC}
        {KEY}""",
    "large": f"{TORCH}, compiled_for: inf2}}\n        group: llm\n"
    "        hosting: {kind: inference-components, memory_mb: 8000, cpu_cores: 2, accelerators: 1, min_copies: 0, max_copies: 3}\n"
    f"        high_resolution_metrics: true\n        {VPC}\n        network_isolation: true",
}  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> Assembly:
    folder = tmp_path_factory.mktemp("features")
    for name in ("churn", "wine"):
        shutil.copy(ARTIFACTS / f"{name}.tar.gz", folder)
    (folder / "torch.tar.gz").write_bytes(archive_of())
    for name, text in FILES.items():
        head = f"name: {name}\nregion: {{allowed: [us-east-1]}}\n"
        (folder / f"{name}.yaml").write_text(head + textwrap.dedent(f"        {text.strip()}\n"))
    return synthesize(folder / "out", build_fleet(folder))


def config(fleet: Assembly, stack: str) -> dict[str, Any]:
    return fleet.one(stack, "AWS::SageMaker::EndpointConfig")["Properties"]


def endpoint(fleet: Assembly, stack: str) -> dict[str, Any]:
    return fleet.one(stack, "AWS::SageMaker::Endpoint")["Properties"]


def test_aws_solutions_checks_report_no_error(fleet):
    assert fleet.error == ""


def test_cfn_lint_reports_nothing(fleet):
    templates = sorted(map(str, fleet.folder.glob("*.template.json")))
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *templates], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_variants_share_the_traffic_by_weight(fleet):
    rows = config(fleet, "everything")["ProductionVariants"]
    assert [(row["VariantName"], row["InitialVariantWeight"]) for row in rows] == [("AllTraffic", 0.9), ("challenger", 0.1)]
    assert len(fleet.resources("everything", "AWS::SageMaker::Model")) == 2


def test_the_names_of_variants_are_part_of_the_endpoints_name(fleet):
    assert endpoint(fleet, "everything")["EndpointName"] != endpoint(fleet, "gpu")["EndpointName"]
    assert len(endpoint(fleet, "everything")["EndpointName"].rsplit("-", 1)[-1]) == 4


def test_a_sample_is_captured_encrypted_and_expires(fleet):
    capture = config(fleet, "everything")["DataCaptureConfig"]
    assert (capture["InitialSamplingPercentage"], capture["EnableCapture"]) == (5, True)
    assert "KmsKeyId" in capture
    bucket = fleet.one("everything", "AWS::S3::Bucket")["Properties"]
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 3
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]


def test_an_update_is_guarded_by_alarms_that_the_role_may_read(fleet):
    guard = endpoint(fleet, "everything")["DeploymentConfig"]
    routing = guard["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["LinearStepSize"]) == ("LINEAR", {"Type": "CAPACITY_PERCENT", "Value": 25})
    names = [row["AlarmName"] for row in guard["AutoRollbackConfiguration"]["Alarms"]]
    assert "drift-of-churn" in names and len(names) == 6
    assert "cloudwatch:DescribeAlarms" in json.dumps(fleet.resources("everything", "AWS::IAM::Policy"))
    alarms = fleet.resources("everything", "AWS::CloudWatch::Alarm").values()
    metrics = {row["Properties"]["MetricName"] for row in alarms if "MetricName" in row["Properties"]}
    assert metrics == {"InvocationModelErrors", "Invocation5XXErrors", "ModelLatency"}


def test_rolling_has_a_batch_and_no_second_fleet(fleet):
    guard = endpoint(fleet, "shadowed")["DeploymentConfig"]
    assert guard["RollingUpdatePolicy"]["MaximumBatchSize"] == {"Type": "CAPACITY_PERCENT", "Value": 25}
    assert "BlueGreenUpdatePolicy" not in guard


def test_limits_change_at_office_hours(fleet):
    target = fleet.one("everything", "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    (action,) = target["ScheduledActions"]
    assert (action["Schedule"], action["Timezone"]) == ("cron(0 8 ? * MON-FRI *)", "Europe/Stockholm")
    assert action["ScalableTargetAction"] == {"MinCapacity": 2}


def test_high_resolution_metrics_are_published_and_followed(fleet):
    assert config(fleet, "everything")["MetricsConfig"] == {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": 10}
    policy = fleet.one("everything", "AWS::ApplicationAutoScaling::ScalingPolicy")["Properties"]
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantConcurrentRequestsPerModelHighResolution"


@pytest.mark.parametrize("stack", ["everything", "queued", "nightly"])
def test_containers_run_in_the_vpc_and_their_role_may_join_it(fleet, stack):
    for model in fleet.resources(stack, "AWS::SageMaker::Model").values():
        assert model["Properties"]["VpcConfig"] == {
            "Subnets": ["subnet-0a1b2c3d", "subnet-1a2b3c4d"], "SecurityGroupIds": ["sg-0a1b2c3d"],
        }  # fmt: skip
    assert "ec2:CreateNetworkInterface" in json.dumps(fleet.resources(stack, "AWS::IAM::Policy"))


def test_an_isolated_container_reaches_nothing(fleet):
    assert all(
        row["Properties"]["EnableNetworkIsolation"] for row in fleet.resources("everything", "AWS::SageMaker::Model").values()
    )
    assert config(fleet, "llm-inference-components")["EnableNetworkIsolation"] is True


def test_a_shadow_gets_its_share_by_weight(fleet):
    (shadow,) = config(fleet, "shadowed")["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["InitialVariantWeight"]) == ("Shadow", 0.5)


@pytest.mark.parametrize(
    ("stack", "family", "image"),
    [
        ("gpu", "ml.g", "pytorch-inference:2.6.0-gpu"),
        ("inf1", "ml.inf1.", "sagemaker-neo-pytorch:1.9-inf"),
        ("inf2", "ml.inf2.", "huggingface-pytorch-inference-neuronx:2.8.0"),
        ("trainium", "ml.trn1.", "huggingface-pytorch-inference-neuronx:2.8.0"),
    ],
)
def test_accelerators_get_their_own_image_and_the_smallest_instance(fleet, stack, family, image):
    (row,) = config(fleet, stack)["ProductionVariants"]
    assert row["InstanceType"].startswith(family)
    assert image in fleet.one(stack, "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]["Image"]
    neuron = stack in ("inf2", "trainium")
    assert row.get("InferenceAmiVersion") == ("al2-ami-sagemaker-inference-neuron-2" if neuron else None)


def test_inferentia_1_is_updated_plainly(fleet):
    assert "DeploymentConfig" not in endpoint(fleet, "inf1")
    alarms = fleet.resources("inf1", "AWS::CloudWatch::Alarm").values()
    # Those of its dashboard; none that watches an update.
    assert all("Metrics" in row["Properties"] for row in alarms)


def test_an_uncompressed_model_is_read_where_it_lies(fleet):
    container = fleet.one("prefix", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]
    source = container["ModelDataSource"]["S3DataSource"]
    assert (source["S3DataType"], source["CompressionType"], source["S3Uri"]) == ("S3Prefix", "None", "s3://theirs/model/")
    assert "ModelDataUrl" not in container


def test_many_models_on_a_gpu_run_tritons_image_without_a_cache(fleet):
    container = fleet.one("eyes", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]
    assert "sagemaker-tritonserver:" in container["Image"]
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}
    assert container["Mode"] == "MultiModel"


def test_warm_environments_scale_by_their_own_metric_and_schedule(fleet):
    serverless = config(fleet, "warm")["ProductionVariants"][0]["ServerlessConfig"]
    assert (serverless["ProvisionedConcurrency"], serverless["MaxConcurrency"]) == (1, 10)
    target = fleet.one("warm", "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert (target["ScalableDimension"], target["MaxCapacity"]) == ("sagemaker:variant:DesiredProvisionedConcurrency", 5)
    assert target["ScheduledActions"][0]["ScalableTargetAction"] == {"MinCapacity": 3}


def test_an_asynchronous_endpoint_scales_from_zero_and_tells_encrypted_topics(fleet):
    target = fleet.one("queued", "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 3)
    kinds = {
        row["Properties"]["PolicyType"]
        for row in fleet.resources("queued", "AWS::ApplicationAutoScaling::ScalingPolicy").values()
    }
    assert kinds == {"TargetTrackingScaling", "StepScaling"}
    wake = [row["Properties"] for row in fleet.resources("queued", "AWS::CloudWatch::Alarm").values()
            if row["Properties"]["MetricName"] == "HasBacklogWithoutCapacity"]  # fmt: skip
    assert len(wake) == 1 and wake[0]["Threshold"] == 1 and wake[0]["AlarmActions"]
    for topic in fleet.resources("queued", "AWS::SNS::Topic").values():
        assert topic["Properties"]["KmsMasterKeyId"] == "alias/aws/sns"
    policies = json.dumps(fleet.resources("queued", "AWS::SNS::TopicPolicy"))
    assert policies.count("aws:SecureTransport") == 2
    assert "InstanceCount" not in json.dumps(config(fleet, "queued")["ProductionVariants"][0]).replace("InitialInstanceCount", "")
    assert config(fleet, "queued")["ProductionVariants"][0]["InitialInstanceCount"] == 1, "AWS refuses to create one with none"


def test_a_batch_job_is_started_by_its_schedule_and_ends(fleet):
    rules = [row["Properties"] for row in fleet.resources("nightly", "AWS::Events::Rule").values()]
    assert [row.get("ScheduleExpression") for row in rules] == ["cron(0 2 * * ? *)"]
    definition = json.dumps(fleet.one("nightly", "AWS::StepFunctions::StateMachine")["Properties"]["DefinitionString"])
    # Nobody is known to send DataCaptureConfig through Step Functions' own integration; the SDK's takes every field.
    assert "aws-sdk:sagemaker:createTransformJob" in definition and "DataCaptureConfig" in definition
    assert "VolumeKmsKeyId" in definition
    assert fleet.resources("nightly", "AWS::SageMaker::Endpoint") == {}
    assert "ml.c7i" in definition or "ml.c6i" in definition or "ml.c5" in definition


def test_components_share_managed_instances_down_to_zero(fleet):
    shared = config(fleet, "llm-inference-components")
    (variant,) = shared["ProductionVariants"]
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    assert "ModelName" not in variant and shared["ExecutionRoleArn"] and shared["VpcConfig"]
    component = fleet.one("large", "AWS::SageMaker::InferenceComponent")["Properties"]
    assert component["RuntimeConfig"] == {"CopyCount": 1}, "AWS refuses to create one with none"
    assert component["Specification"]["ComputeResourceRequirements"] == {
        "MinMemoryRequiredInMb": 8000, "NumberOfCpuCoresRequired": 2, "NumberOfAcceleratorDevicesRequired": 1,
    }  # fmt: skip
    target = fleet.one("large", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["Properties"]["MinCapacity"], target["Properties"]["MaxCapacity"]) == (0, 3)
    assert any("Component" in name for name in target["DependsOn"])
    alarm = fleet.one("large", "AWS::CloudWatch::Alarm")["Properties"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("NoCapacityInvocationFailures", 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    metric = json.dumps(fleet.resources("large", "AWS::ApplicationAutoScaling::ScalingPolicy"))
    assert "ConcurrentRequestsPerCopyHighResolution" in metric


def test_a_known_device_gets_what_neo_compiled(fleet):
    job = fleet.one("compiled", "Custom::GreensageNeoCompilation")["Properties"]
    assert (job["Framework"], job["Device"], job["InputShape"]) == ("ONNX", "rasp4b", '{"X": [1, 64]}')
    recipe = json.dumps(fleet.one("compiled", "AWS::GreengrassV2::ComponentVersion")["Properties"]["InlineRecipe"])
    assert "dlr" in recipe and "onnxruntime" not in recipe and ".File" in recipe.replace('", "File"', ".File")


def endpoint_logs(fleet: Assembly, name: str) -> dict[str, Any]:
    rows = [row["Properties"] for row in fleet.resources(name, "AWS::Logs::LogGroup").values()]
    (found,) = [row for row in rows if "/aws/sagemaker/Endpoints/" in str(row.get("LogGroupName"))]
    return found


def test_logs_are_as_the_file_says(fleet):
    quiet = endpoint_logs(fleet, "quiet")
    assert quiet["LogGroupClass"] == "INFREQUENT_ACCESS"
    # Another class is another group, and so another endpoint: CloudFormation changes neither's class.
    assert fleet.one("quiet", "AWS::SageMaker::Endpoint")["Properties"]["EndpointName"].endswith("-ia")
    environment = fleet.one("quiet", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]["Environment"]
    assert environment["GREENSAGE_LOG_LEVEL"] == "error" and environment["GREENSAGE_LOG_PERCENT"] == "1"
    assert "LogGroupClass" not in json.dumps(fleet.resources("everything", "AWS::Logs::LogGroup"))


def test_what_must_be_kept_is_archived_by_the_platform(fleet):
    assert {"Key": "greensage:archive-logs", "Value": "true"} in endpoint_logs(fleet, "kept")["Tags"]
    (name,) = [name for name in fleet.templates if name.startswith("greensage-platform")]
    rules = [
        rule
        for row in fleet.resources(name, "AWS::S3::Bucket").values()
        for rule in row["Properties"]["LifecycleConfiguration"]["Rules"]
    ]
    assert any(rule.get("ExpirationInDays") == 400 for rule in rules)
    assert any(rule.get("Transitions") == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 30}] for rule in rules)


def test_a_dashboard_is_where_the_plan_has_one(fleet):
    assert fleet.resources("quiet", "AWS::CloudWatch::Dashboard") == {}
    assert len(fleet.resources("kept", "AWS::CloudWatch::Dashboard")) == 1
    assert len(fleet.resources("everything", "AWS::CloudWatch::Dashboard")) == 1
