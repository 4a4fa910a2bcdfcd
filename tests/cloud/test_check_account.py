"""`greensage check --account` on what is deployed: reads only, and says what it may not read."""

from __future__ import annotations

import json
import time

import pytest

from greensage.checks.account import check_account
from greensage.checks.config import Config
from greensage.checks.rules import all_rules
from greensage.cli import main
from tests.cloud.conftest import REGION, environment_of, session_of
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.cloud
ACCOUNT = "000000000000"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
READ = [
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::checked/*"},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::checked"},
    {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
     "Resource": f"arn:aws:ecr:{REGION}:*:repository/checked"},
]  # fmt: skip


@pytest.fixture(scope="module")
def deployed(local_cloud):
    """An endpoint that does not scale, logs without an end, a bucket and images kept for ever; and one thing that is fine."""
    session = session_of(local_cloud)
    s3, ecr, iam, sagemaker, logs = (session.client(name) for name in ("s3", "ecr", "iam", "sagemaker", "logs"))
    s3.create_bucket(Bucket="checked", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="checked", Key="churn.tar.gz", Body=(ARTIFACTS / "churn.tar.gz").read_bytes())
    ecr.create_repository(repositoryName="checked")
    ecr.put_image(repositoryName="checked", imageManifest=json.dumps({"tag": "1-arm64"}), imageTag="1-arm64")
    iam.create_role(RoleName="checked", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="checked", PolicyName="p", PolicyDocument=json.dumps({"Statement": READ}))
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/checked:1-arm64"
    sagemaker.create_model(ModelName="checked", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/checked",
                           PrimaryContainer={"Image": image, "ModelDataUrl": "s3://checked/churn.tar.gz"})  # fmt: skip
    sagemaker.create_endpoint_config(EndpointConfigName="checked", ProductionVariants=[
        {"VariantName": "a", "ModelName": "checked", "InstanceType": "ml.m6g.large", "InitialInstanceCount": 1, "InitialVariantWeight": 1.0}
    ])  # fmt: skip
    sagemaker.create_endpoint(EndpointName="checked", EndpointConfigName="checked")
    logs.create_log_group(logGroupName="/for/ever")
    logs.create_log_group(logGroupName="/for/a/week")
    logs.put_retention_policy(logGroupName="/for/a/week", retentionInDays=7)
    for _ in range(100):
        if sagemaker.describe_endpoint(EndpointName="checked")["EndpointStatus"] == "InService":
            break
        time.sleep(0.2)
    yield session
    sagemaker.delete_endpoint(EndpointName="checked")
    sagemaker.delete_endpoint_config(EndpointConfigName="checked")
    sagemaker.delete_model(ModelName="checked")
    for name in ("/for/ever", "/for/a/week"):
        logs.delete_log_group(logGroupName=name)
    ecr.delete_repository(repositoryName="checked", force=True)
    s3.delete_object(Bucket="checked", Key="churn.tar.gz")
    s3.delete_bucket(Bucket="checked")
    iam.delete_role_policy(RoleName="checked", PolicyName="p")
    iam.delete_role(RoleName="checked")


def test_it_finds_what_is_deployed_and_calls_nothing_that_writes(deployed):
    called: set[str] = set()
    make = deployed.client

    def client(name, **options):
        made = make(name, **options)
        made.meta.events.register("before-call", lambda model, **_: called.add(model.name))
        return made

    deployed.client = client
    try:
        report = check_account(all_rules(), Config(), REGION, session=deployed)
    finally:
        deployed.client = make
    found = {(item.rule, item.place.resource) for item in report.findings}
    assert {
        ("GS-ELA01", "endpoint/checked"), ("GS-RET03", "endpoint/checked"), ("GS-MON03", "endpoint/checked"),
        ("GS-ART01", "image repository/checked"), ("GS-ART02", "bucket/checked"), ("GS-RET01", "log group//for/ever"),
    } <= found  # fmt: skip
    assert not any(resource == "log group//for/a/week" for _, resource in found)
    assert next(item for item in report.findings if item.rule == "GS-ELA01").saves.carbon_g.mid > 0
    assert called and all(name.startswith(("List", "Describe", "Get")) for name in called)


def test_what_may_not_be_read_is_one_line_and_the_rest_is_checked(deployed):
    report = check_account(all_rules(), Config(), REGION, session=deployed)
    assert any(line.startswith(f"account in {REGION}: notebook: ListNotebookInstances: ") for line in report.problems)
    assert report.findings


def test_from_the_command_line(deployed, local_cloud, monkeypatch, capsys):
    for name, value in environment_of(local_cloud).items():
        monkeypatch.setenv(name, value)
    assert main(["check", "--account", "--only", "GS-ELA", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert "GS-ELA01" in {item["rule"] for item in found["findings"]} and found["problems"]
