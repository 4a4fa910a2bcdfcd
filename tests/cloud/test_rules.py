"""AWS's refusals, enforced by the local cloud: against the API directly, and against naive CloudFormation stacks."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.cloud
ACCOUNT = "000000000000"
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALLOWED = [
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::rules/mine/*"},
    {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::rules"},
    {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
     "Resource": "arn:aws:ecr:eu-north-1:*:repository/rules"},
]  # fmt: skip
IMAGE = f"{ACCOUNT}.dkr.ecr.eu-north-1.amazonaws.com/rules"


@pytest.fixture(scope="module")
def aws(session):
    """A bucket with an archive, a repository with an image for each silicon, and roles."""
    s3, ecr, iam = session.client("s3"), session.client("ecr"), session.client("iam")
    s3.create_bucket(Bucket="rules", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
    for key in ("mine/churn.tar.gz", "neighbour/churn.tar.gz"):
        s3.put_object(Bucket="rules", Key=key, Body=(ARTIFACTS / "churn.tar.gz").read_bytes())
    s3.put_object(Bucket="rules", Key="mine/broken.tar.gz", Body=b"not an archive")
    ecr.create_repository(repositoryName="rules")
    for tag in ("1-arm64", "1-x86_64"):
        ecr.put_image(repositoryName="rules", imageManifest=json.dumps({"tag": tag}), imageTag=tag)
    iam.create_role(RoleName="rules", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="rules", PolicyName="p", PolicyDocument=json.dumps({"Statement": ALLOWED}))
    stranger = json.dumps(TRUST).replace("sagemaker", "lambda")
    iam.create_role(RoleName="stranger", AssumeRolePolicyDocument=stranger)
    return session


@pytest.fixture
def sagemaker(aws):
    return aws.client("sagemaker")


def model(name: str, **changes) -> dict:
    container = {"Image": f"{IMAGE}:1-arm64", "ModelDataUrl": "s3://rules/mine/churn.tar.gz"}
    role = changes.pop("role", "rules")
    return {
        "ModelName": name,
        "ExecutionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "PrimaryContainer": {**container, **changes},
    }


def refusal(call, **request) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "nobody"}, "Could not assume role"),
        ({"role": "stranger"}, "allows principal 'sagemaker.amazonaws.com'"),
        ({"Image": f"{IMAGE}:2-arm64"}, "Requested image"),
        ({"Image": "python:3"}, "non-ECR image"),
        ({"Image": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.5-1-arm64"}, "Cross region ECR"),
        (
            {"Image": "662702820516.dkr.ecr.eu-north-1.amazonaws.com/sagemaker-xgboost:1.5-1-arm64"},
            "does not have ecr:BatchGetImage permission",
        ),
        ({"ModelDataUrl": "s3://rules/mine/nothing.tar.gz"}, "Could not find model data"),
        ({"ModelDataUrl": "s3://rules/neighbour/churn.tar.gz"}, '"s3:GetObject" permissions'),
        ({"Mode": "MultiModel", "ModelDataUrl": "s3://rules/mine/churn.tar.gz"}, "prefix ending with a slash"),
    ],
)
def test_a_model_that_cannot_work_is_refused(sagemaker, changes, message):
    assert message in refusal(sagemaker.create_model, **model("refused", **changes))
    assert "refused" not in [row["ModelName"] for row in sagemaker.list_models()["Models"]]


def variant(**changes) -> dict:
    return {"VariantName": "v", "ModelName": "good", "InstanceType": "ml.c7g.large", "InitialInstanceCount": 1, **changes}


@pytest.fixture(scope="module")
def good(aws) -> str:
    aws.client("sagemaker").create_model(**model("good"))
    return "good"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (variant(ModelName="nothing"), "Could not find model"),
        (variant(InstanceType="ml.m7g.large"), "Member must satisfy enum value set"),
        (variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 5}), "either InstanceType or ServerlessConfig"),
        (
            {"VariantName": "v", "ModelName": "good", "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 5}},
            "must be one of [1024, 2048",
        ),
    ],
)
def test_a_config_that_cannot_work_is_refused(sagemaker, good, row, message):
    assert message in refusal(sagemaker.create_endpoint_config, EndpointConfigName="refused", ProductionVariants=[row])


def settle(sagemaker, name: str) -> dict:
    for _ in range(600):
        found = sagemaker.describe_endpoint(EndpointName=name)
        if found["EndpointStatus"] in ("InService", "Failed"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{name} did not settle")


def endpoint(sagemaker, name: str, row: dict) -> dict:
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[row])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] in ("Creating", "Failed", "InService")
    return settle(sagemaker, name)


def test_the_wrong_silicon_fails_with_exec_format_error(sagemaker, good):
    found = endpoint(sagemaker, "wrong-silicon", variant(InstanceType="ml.c5.large"))
    assert found["EndpointStatus"] == "Failed"
    assert "exec format error: the image is arm64, ml.c5.large is x86_64" in found["FailureReason"]


def test_a_broken_archive_fails_with_the_reason(sagemaker, good):
    sagemaker.create_model(**model("broken", ModelDataUrl="s3://rules/mine/broken.tar.gz"))
    found = endpoint(sagemaker, "broken", variant(ModelName="broken"))
    assert found["EndpointStatus"] == "Failed" and "Unable to extract model data archive" in found["FailureReason"]


@pytest.fixture(scope="module")
def scaled(aws, good) -> str:
    sagemaker = aws.client("sagemaker")
    assert endpoint(sagemaker, "scaled", variant())["EndpointStatus"] == "InService"
    aws.client("application-autoscaling").register_scalable_target(**target("scaled"))
    return "scaled"


def target(name: str, low: int = 2, high: int = 3) -> dict:
    return {
        "ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/v",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "MinCapacity": low, "MaxCapacity": high,
    }  # fmt: skip


def test_registering_moves_the_count_into_its_limits(sagemaker, scaled):
    assert sagemaker.describe_endpoint(EndpointName=scaled)["ProductionVariants"][0]["CurrentInstanceCount"] == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (variant(InstanceType="ml.c7g.xlarge"), "must be deregistered as scalable targets"),
        (variant(VariantName="other"), "must be deregistered as scalable targets"),
    ],
)
def test_an_autoscaled_variant_keeps_its_name_and_instance_type(sagemaker, scaled, row, message):
    name = f"next-{row['VariantName']}"
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[row])
    assert message in refusal(sagemaker.update_endpoint, EndpointName=scaled, EndpointConfigName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)


def test_instances_never_become_serverless(aws, sagemaker, good):
    aws.client("sagemaker").create_model(**model("good-x86", Image=f"{IMAGE}:1-x86_64"))
    endpoint(sagemaker, "plain", variant())
    row = {"VariantName": "v", "ModelName": "good-x86", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5}}
    sagemaker.create_endpoint_config(EndpointConfigName="serverless", ProductionVariants=[row])
    shown = refusal(sagemaker.update_endpoint, EndpointName="plain", EndpointConfigName="serverless")
    assert "cannot be updated to a serverless endpoint" in shown


def test_scalable_targets_have_rules_of_their_own(aws, scaled):
    scaling = aws.client("application-autoscaling")
    with pytest.raises(scaling.exceptions.ValidationException, match="at least 1"):
        scaling.register_scalable_target(**target(scaled, 0))
    with pytest.raises(scaling.exceptions.ValidationException, match="No scalable resource"):
        scaling.register_scalable_target(**target("nothing"))
    with pytest.raises(scaling.exceptions.ObjectNotFoundException):
        tracking = {
            "TargetValue": 1.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        }
        wanted = {key: value for key, value in target("plain").items() if "Capacity" not in key}
        scaling.put_scaling_policy(
            **wanted, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=tracking
        )


def test_deleting_an_endpoint_deregisters_its_target(aws, sagemaker, scaled):
    sagemaker.delete_endpoint(EndpointName=scaled)
    rows = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert scaled not in str(rows)


def test_an_operation_that_is_not_there_is_refused_by_name(sagemaker):
    with pytest.raises(ClientError, match="The local cloud does not have sagemaker:ListAutoMLJobs"):
        sagemaker.list_auto_ml_jobs()


def naive(instance_type: str) -> str:
    """A stack as many write it: fixed names, target behind the endpoint."""
    resources = {
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant(InstanceType=instance_type)]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointName": "naive", "EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget", "DependsOn": "Endpoint", "Properties": target("naive", 1),
        },
    }  # fmt: skip
    return json.dumps({"Resources": resources})


def test_a_naive_stack_cannot_change_its_instance_type_and_rolls_back(aws, sagemaker, good):
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="naive", TemplateBody=naive("ml.c7g.large"))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="naive", WaiterConfig={"Delay": 1})
    config = sagemaker.describe_endpoint(EndpointName="naive")["EndpointConfigName"]
    cloudformation.update_stack(StackName="naive", TemplateBody=naive("ml.c7g.xlarge"))
    for _ in range(100):
        status = cloudformation.describe_stacks(StackName="naive")["Stacks"][0]["StackStatus"]
        if status == "UPDATE_ROLLBACK_COMPLETE":
            break
        time.sleep(0.1)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [
        row.get("ResourceStatusReason", "") for row in cloudformation.describe_stack_events(StackName="naive")["StackEvents"]
    ]
    assert any("must be deregistered as scalable targets" in reason for reason in reasons)
    assert sagemaker.describe_endpoint(EndpointName="naive")["EndpointConfigName"] == config
    cloudformation.delete_stack(StackName="naive")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="naive", WaiterConfig={"Delay": 1})


def test_a_template_with_a_type_nobody_handles_is_refused(aws):
    template = json.dumps({"Resources": {"A": {"Type": "AWS::SageMaker::MonitoringSchedule", "Properties": {}}}})
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        aws.client("cloudformation").create_stack(StackName="unknown", TemplateBody=template)


def test_a_full_bucket_is_not_deleted_with_its_stack(aws):
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    template = json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full-bucket"}}}})
    cloudformation.create_stack(StackName="full", TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="full", WaiterConfig={"Delay": 1})
    s3.put_object(Bucket="full-bucket", Key="a", Body=b"x")
    cloudformation.delete_stack(StackName="full")
    for _ in range(100):
        status = cloudformation.describe_stacks(StackName="full")["Stacks"][0]["StackStatus"]
        if status == "DELETE_FAILED":
            break
        time.sleep(0.1)
    assert status == "DELETE_FAILED" and s3.head_bucket(Bucket="full-bucket")
    s3.delete_object(Bucket="full-bucket", Key="a")
    cloudformation.delete_stack(StackName="full")


def test_clean_up(aws, sagemaker):
    """The other tests of this session count what is left."""
    for row in sagemaker.list_endpoints()["Endpoints"]:
        if row["EndpointName"] in ("wrong-silicon", "broken", "plain"):
            sagemaker.delete_endpoint(EndpointName=row["EndpointName"])
    for row in sagemaker.list_endpoint_configs()["EndpointConfigs"]:
        if row["EndpointConfigName"] in ("wrong-silicon", "broken", "scaled", "plain", "serverless"):
            sagemaker.delete_endpoint_config(EndpointConfigName=row["EndpointConfigName"])
    for name in ("good", "broken", "good-x86"):
        sagemaker.delete_model(ModelName=name)
    s3, iam = aws.client("s3"), aws.client("iam")
    for key in ("mine/churn.tar.gz", "neighbour/churn.tar.gz", "mine/broken.tar.gz"):
        s3.delete_object(Bucket="rules", Key=key)
    s3.delete_bucket(Bucket="rules")
    iam.delete_role_policy(RoleName="rules", PolicyName="p")
    for role in ("rules", "stranger"):
        iam.delete_role(RoleName=role)
    aws.client("ecr").delete_repository(repositoryName="rules", force=True)
