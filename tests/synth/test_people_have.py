"""What the file says of start, routing, scaling, role, boundary and topic arrives in the template."""

from __future__ import annotations

import pytest

from tests.conftest import archive_of
from tests.synth.conftest import build_fleet, synthesize

FILE = """\
name: corp
model: {artifact: model.tar.gz, framework: xgboost}
region: {allowed: [eu-north-1]}
sla: {latency_p95_ms: 200}
execution_role_arn: arn:aws:iam::111111111111:role/ml/sagemaker-exec
permissions_boundary: arn:aws:iam::111111111111:policy/Boundary
notify: arn:aws:sns:eu-north-1:111111111111:people
hosting:
  kind: real-time
  startup_timeout_seconds: 900
  download_timeout_seconds: 600
  volume_gb: 200
  routing: least-outstanding
  scaling: {metric: CPUUtilization, target: 60}
"""
BIG = """\
name: big
model: {artifact: s3://my-models/m/model.tar.gz, framework: pytorch, version: '2.6.0', size_mb: 14000}
silicon: gpu
region: {allowed: [eu-west-1]}
hosting: real-time
"""

FOUND = """\
name: found
model: {package: "arn:aws:sagemaker:eu-north-1:222222222222:model-package-group/fraud"}
vpc: {tags: {tier: ml}}
region: {allowed: [eu-north-1]}
hosting: real-time
"""
HUB = """\
name: hub
model: {id: distilbert/distilbert-base-uncased-finetuned-sst-2-english, version: '4.51.3', task: text-classification}
region: {allowed: [eu-north-1]}
"""
PRIVATE = """\
name: privreg
model:
  artifact: s3://my-models/fraud/model.tar.gz
  framework: xgboost
  image: registry.corp.example.com:5000/ml/fraud:1.2
  image_architecture: x86_64
  registry_credentials: arn:aws:lambda:eu-west-1:111111111111:function:who
hosting: real-time
region: {allowed: [eu-west-1]}
vpc: {subnets: [subnet-0a1, subnet-0b2], security_groups: [sg-0c3]}
"""
CODED = """\
name: coded
model: {artifact: s3://my-models/k/model.tar.gz, framework: pytorch, version: '2.6.0', source_dir: ./code, entry_point: inference.py}
region: {allowed: [eu-north-1]}
"""
LLAMA = """\
name: llama
model:
  image: 763104351884.dkr.ecr.eu-west-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.6.0-tgi3.3.4-gpu-py311-cu124-ubuntu22.04
  image_architecture: x86_64
  environment: {HF_MODEL_ID: mistralai/Mistral-7B-Instruct-v0.3}
  secrets: {HF_TOKEN: "arn:aws:secretsmanager:eu-west-1:111111111111:secret:hf-AbCdEf"}
silicon: gpu
hosting: {kind: real-time, instance_type: ml.g5.2xlarge}
region: {allowed: [eu-west-1]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    (folder / "model.tar.gz").write_bytes(archive_of())
    (folder / "corp.yaml").write_text(FILE)
    (folder / "big.yaml").write_text(BIG)
    (folder / "llama.yaml").write_text(LLAMA)
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text("def model_fn(model_dir): ...\n")
    for name, text in (("found", FOUND), ("hub", HUB), ("privreg", PRIVATE), ("coded", CODED)):
        (folder / f"{name}.yaml").write_text(text)
    return synthesize(folder / "out", build_fleet(folder))


def test_it_is_clean(made):
    assert made.error == ""


def test_the_start_of_a_variant_is_as_the_file_says(made):
    (variant,) = made.one("corp", "AWS::SageMaker::EndpointConfig")["Properties"]["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 900 and variant["VolumeSizeInGB"] == 200
    assert variant["ModelDataDownloadTimeoutInSeconds"] == 600
    assert variant["RoutingConfig"] == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}


def test_the_start_of_a_big_model_is_by_its_size(made):
    (variant,) = made.one("big", "AWS::SageMaker::EndpointConfig")["Properties"]["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == variant["ModelDataDownloadTimeoutInSeconds"] == 1140
    # Types with disks of their own have room.
    assert "VolumeSizeInGB" not in variant


def test_scaling_follows_the_metric_and_counts_survive_an_update(made):
    policy = made.one("corp", "AWS::ApplicationAutoScaling::ScalingPolicy")["Properties"][
        "TargetTrackingScalingPolicyConfiguration"
    ]
    metric = policy["CustomizedMetricSpecification"]
    assert policy["TargetValue"] == 60 and (metric["MetricName"], metric["Namespace"]) == (
        "CPUUtilization",
        "/aws/sagemaker/Endpoints",
    )
    assert [row["Name"] for row in metric["Dimensions"]] == ["EndpointName", "VariantName"]
    assert made.one("corp", "AWS::SageMaker::Endpoint")["Properties"]["RetainAllVariantProperties"] is True


def test_the_named_role_runs_and_gets_the_policy(made):
    model = made.one("corp", "AWS::SageMaker::Model")["Properties"]
    assert model["ExecutionRoleArn"] == "arn:aws:iam::111111111111:role/ml/sagemaker-exec"
    policies = made.resources("corp", "AWS::IAM::Policy").values()
    assert any(row["Properties"]["Roles"] == ["sagemaker-exec"] for row in policies)


def test_every_role_has_the_boundary_and_every_alarm_tells_the_topic(made):
    roles = made.resources("corp", "AWS::IAM::Role").values()
    assert roles and all(row["Properties"]["PermissionsBoundary"].endswith("policy/Boundary") for row in roles)
    alarms = made.resources("corp", "AWS::CloudWatch::Alarm").values()
    assert alarms and all(row["Properties"]["AlarmActions"] for row in alarms)


def test_an_image_alone_has_no_archive_and_reads_its_secret_at_run_time(made):
    container = made.one("llama", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]
    arn = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:hf-AbCdEf"
    assert "ModelDataUrl" not in container and "ModelDataSource" not in container
    assert container["Environment"]["HF_TOKEN_SECRET_ARN"] == arn
    statements = [
        row
        for policy in made.resources("llama", "AWS::IAM::Policy").values()
        for row in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert any(row["Action"] == "secretsmanager:GetSecretValue" and row["Resource"] == arn for row in statements)


def container(made, stack: str):
    return made.one(stack, "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]


def test_where_a_model_comes_from_arrives_in_the_template(made):
    assert set(container(made, "found")) == {"Environment", "ModelPackageName"}
    hub = container(made, "hub")
    assert hub["Environment"]["HF_TASK"] == "text-classification" and "transformers4.51.3-cpu" in str(hub["Image"])
    private = container(made, "privreg")["ImageConfig"]
    assert private["RepositoryAccessMode"] == "Vpc" and "RepositoryCredentialsProviderArn" in private["RepositoryAuthConfig"]
    copy = made.one("coded", "Custom::GreensageArtifact")["Properties"]
    assert copy["SourceBucket"] == "my-models" and copy["CodeKey"].endswith(".zip")


def test_subnets_and_group_by_tags_are_those_that_were_found(made):
    vpc = made.one("found", "AWS::SageMaker::Model")["Properties"]["VpcConfig"]
    assert len(vpc["Subnets"]) == 2 and len(vpc["SecurityGroupIds"]) == 1
    assert made.one("found", "Custom::GreensageNetwork")["Properties"]["Tags"] == '{"tier": "ml"}'
