"""What the app's templates promise: order, retention, least privilege, updates that work; and clean checks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from greensage.core.roles import service_role
from greensage.errors import SpecError
from tests.conftest import MODELS, ROOT
from tests.synth.conftest import Assembly, build_fleet, synthesize

OWN_ENDPOINT = ("churn", "digits", "tabular")
MODELS_BY_KIND = (
    "churn",
    "claims",
    "diabetes",
    "digits",
    "forest",
    "glucose",
    "iris",
    "linnerud",
    "pixels",
    "scans",
    "sensor",
    "wine",
)
GROUPS = ("tabular", "physio-multi-container", "vision-inference-components")
ALL = (*MODELS_BY_KIND, *GROUPS, "greensage-platform-eu-north-1", "greensage-platform-eu-west-1")
# What IAM cannot limit to an ARN.
# Service authorization reference: these take no ARN, or that of everything.
LISTS = {
    "cloudformation:DescribeStacks", "cloudwatch:GetMetricData", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions",
    "lambda:ListFunctions", "sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints", "sagemaker:ListInferenceComponents",
    "sagemaker:ListModelPackageGroups", "sagemaker:ListModels", "sagemaker:ListPipelines", "sagemaker:ListTransformJobs",
    "states:ListStateMachines",
}  # fmt: skip
WITHOUT_ARN = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", *LISTS}
LOG_DELIVERY = {
    "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
}  # fmt: skip


def logical_id(assembly: Assembly, stack: str, kind: str) -> str:
    (found,) = assembly.resources(stack, kind)
    return found


def test_aws_solutions_checks_report_no_error(fleet):
    assert fleet.error == ""


def test_every_acknowledgement_carries_a_reason_and_is_scoped(fleet):
    report = json.loads((fleet.folder / "validation-report.json").read_text())
    text = json.dumps(report)
    assert "AwsSolutions-IAM5" in text, "the report no longer lists what was acknowledged"
    assert not [row for row in report.get("pluginReports", []) if row.get("conclusion") == "failure"]


def test_cfn_lint_reports_nothing(fleet):
    templates = sorted(map(str, fleet.folder.glob("*.template.json")))
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *templates], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_each_model_group_and_region_has_a_stack(fleet):
    assert set(fleet.templates) == set(ALL)


@pytest.mark.parametrize("name", OWN_ENDPOINT)
def test_the_log_group_with_its_retention_comes_before_the_endpoint(fleet, name):
    endpoint = fleet.one(name, "AWS::SageMaker::Endpoint")
    group_name = f"/aws/sagemaker/Endpoints/{endpoint['Properties']['EndpointName']}"
    groups = fleet.resources(name, "AWS::Logs::LogGroup")
    (key,) = [key for key, row in groups.items() if row["Properties"].get("LogGroupName") == group_name]
    assert groups[key]["Properties"]["RetentionInDays"] == 14
    assert key in endpoint["DependsOn"]


@pytest.mark.parametrize("name", ALL)
def test_no_log_group_is_kept_for_ever(fleet, name):
    groups = fleet.resources(name, "AWS::Logs::LogGroup").values()
    assert all(row["Properties"].get("RetentionInDays") and row["DeletionPolicy"] == "Delete" for row in groups)


@pytest.mark.parametrize("name", ALL)
def test_every_function_logs_into_a_group_of_its_stack(fleet, name):
    for row in fleet.resources(name, "AWS::Lambda::Function").values():
        assert row["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in fleet.resources(name, "AWS::Logs::LogGroup")
        assert row["Properties"]["Architectures"] == ["arm64"]


@pytest.mark.parametrize("name", OWN_ENDPOINT)
def test_the_model_waits_for_its_policy(fleet, name):
    model = fleet.one(name, "AWS::SageMaker::Model")
    assert any("AccessPolicy" in key for key in model["DependsOn"])


@pytest.mark.parametrize("name", ("churn", "tabular"))
def test_autoscaled_counts_survive_an_update(fleet, name):
    assert fleet.one(name, "AWS::SageMaker::Endpoint")["Properties"]["RetainAllVariantProperties"] is True
    target = fleet.one(name, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert target["MinCapacity"] == 1 and target["MaxCapacity"] > 1


def test_serverless_has_neither_instances_nor_a_scalable_target(fleet):
    (variant,) = fleet.one("digits", "AWS::SageMaker::EndpointConfig")["Properties"]["ProductionVariants"]
    assert "InstanceType" not in variant and variant["ServerlessConfig"]["MemorySizeInMB"] == 1024
    assert not fleet.resources("digits", "AWS::ApplicationAutoScaling::ScalableTarget")


def statements(fleet: Assembly, name: str) -> list[dict]:
    return [
        statement
        for row in fleet.resources(name, "AWS::IAM::Policy").values()
        for statement in row["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_the_right_to_write_goes_before_the_bucket_is_emptied(fleet):
    """What still writes (captures, functions) leaves a bucket that CloudFormation cannot delete."""
    seen = 0
    for stack in ALL:
        emptied = {row["Properties"]["Bucket"]["Ref"]: name
                   for name, row in fleet.resources(stack, "Custom::GreensageEmptyBucket").items()}  # fmt: skip
        for name, policy in fleet.resources(stack, "AWS::IAM::Policy").items():
            statements = policy["Properties"]["PolicyDocument"]["Statement"]
            text = json.dumps([row["Resource"] for row in statements if "s3:PutObject" in row["Action"]])
            written = [empty for bucket, empty in emptied.items() if f'"{bucket}"' in text and "Helper" not in name]
            assert set(written) <= set(policy.get("DependsOn", [])), (stack, name)
            seen += len(written)
    assert seen >= 4


@pytest.mark.parametrize("name", ALL)
def test_no_policy_is_broad(fleet, name):
    for statement in statements(fleet, name):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        if statement["Resource"] == "*":
            assert set(actions) <= WITHOUT_ARN | LOG_DELIVERY
    for row in fleet.resources(name, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in row["Properties"]


def test_the_execution_role_reads_its_own_prefix_only(fleet):
    (read,) = [row for row in statements(fleet, "churn") if row["Action"] == "s3:GetObject"]
    assert json.dumps(read["Resource"]).endswith('"/models/churn/*"]]}')
    (read,) = [row for row in statements(fleet, "tabular") if row["Action"] == "s3:GetObject"]
    assert json.dumps(read["Resource"]).endswith('"/groups/tabular/*"]]}')


def test_the_bucket_is_versioned_encrypted_private_and_forgets(fleet):
    bucket = fleet.one("greensage-platform-eu-north-1", "AWS::S3::Bucket")["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"] and all(bucket["PublicAccessBlockConfiguration"].values())
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    policy = fleet.one("greensage-platform-eu-north-1", "AWS::S3::BucketPolicy")["Properties"]["PolicyDocument"]
    assert any(row["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(row["Condition"]) for row in policy["Statement"])


def test_the_repository_scans_forgets_and_never_moves_a_tag(fleet):
    repository = fleet.one("greensage-platform-eu-north-1", "AWS::ECR::Repository")["Properties"]
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    # No rule counts or ages what has a tag: it cannot know whether an endpoint needs it.
    (rule,) = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["selection"] == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countNumber": 1,
        "countUnit": "days",
    }


def test_models_name_images_by_digest_and_their_helpers_can_only_read_them(fleet):
    for name in OWN_ENDPOINT:
        image = json.dumps(fleet.one(name, "AWS::SageMaker::Model")["Properties"])
        found = logical_id(fleet, name, "Custom::GreensageImageDigest")
        assert json.dumps({"Fn::GetAtt": [found, "Digest"]}) in image and '"@"' not in image.replace('@", {', "")
        text = json.dumps([row["Properties"] for row in fleet.resources(name, "AWS::IAM::Policy").values()])
        assert not re.search(r"ecr:(Put|BatchDelete|Initiate|Upload|Complete|Delete)", text)


def test_copied_archives_come_before_the_model(fleet):
    needed = fleet.one("churn", "AWS::SageMaker::Model")["DependsOn"]
    assert logical_id(fleet, "churn", "Custom::GreensageArtifact") in needed


def test_clients_find_each_model_through_a_parameter(fleet):
    for name in ("churn", "digits", "iris", "wine"):
        found = {row["Properties"]["Name"] for row in fleet.resources(name, "AWS::SSM::Parameter").values()}
        assert found == {f"/greensage/models/{name}", f"/greensage/specs/{name}"}


@pytest.mark.parametrize("name", OWN_ENDPOINT)
def test_names_stay_within_sagemakers_limit(fleet, name):
    endpoint = fleet.one(name, "AWS::SageMaker::Endpoint")["Properties"]["EndpointName"]
    assert len(endpoint) <= 63
    assert "EndpointConfigName" not in fleet.one(name, "AWS::SageMaker::EndpointConfig")["Properties"]
    assert "ModelName" not in fleet.one(name, "AWS::SageMaker::Model")["Properties"]


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copytree(MODELS, tmp_path / "models")
    return tmp_path / "models"


def edited(copy: Path, name: str, old: str, new: str) -> None:
    path = copy / f"{name}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def template(copy: Path, tmp_path: Path, name: str) -> dict:
    return synthesize(tmp_path / "out", build_fleet(copy), nag=False).templates[name]


def test_adding_a_model_to_a_group_does_not_touch_its_endpoint(fleet, copy, tmp_path):
    (copy / "wine2.yaml").write_text((copy / "wine.yaml").read_text().replace("name: wine", "name: wine2"))
    assert template(copy, tmp_path, "tabular") == fleet.templates["tabular"]


def test_a_new_archive_replaces_the_model_and_touches_no_name(fleet, copy, tmp_path):
    shutil.copy(copy / "artifacts/wine.tar.gz", copy / "artifacts/churn.tar.gz")
    changed = template(copy, tmp_path, "churn")
    old, new = (item["Resources"] for item in (fleet.templates["churn"], changed))
    assert old["Endpoint8024A810"] == new["Endpoint8024A810"]
    assert old["EndpointModel0F230181"]["Properties"] != new["EndpointModel0F230181"]["Properties"]
    assert old.keys() == new.keys(), "logical ids are stable"


def test_another_instance_type_is_another_generation(fleet, copy, tmp_path):
    edited(copy, "churn", "region:", "hosting: {kind: real-time, instance_type: ml.c8g.large}\nregion:")
    new = template(copy, tmp_path, "churn")["Resources"]["Endpoint8024A810"]["Properties"]["EndpointName"]
    old = fleet.one("churn", "AWS::SageMaker::Endpoint")["Properties"]["EndpointName"]
    assert old.endswith("-c8g-medium") and new.endswith("-c8g-large")
    assert old.removesuffix("c8g-medium") == new.removesuffix("c8g-large")


def test_one_model_is_synthesized_alone(tmp_path):
    alone = synthesize(tmp_path / "out", build_fleet(MODELS, only="churn"))
    assert set(alone.templates) == {"churn"} and alone.error == ""


def test_one_model_alone_is_the_same_stack(fleet, tmp_path):
    alone = synthesize(tmp_path / "out", build_fleet(MODELS, only="churn"), nag=False)
    assert alone.templates["churn"] == fleet.templates["churn"]


def test_a_key_of_the_user_encrypts_the_volume_and_may_be_used(copy, tmp_path):
    edited(copy, "churn", "region:", "kms_key_arn: arn:aws:kms:eu-north-1:111111111111:key/abc\nregion:")
    made = synthesize(tmp_path / "out", build_fleet(copy))
    assert made.error == ""
    assert made.one("churn", "AWS::SageMaker::EndpointConfig")["Properties"]["KmsKeyId"].endswith("key/abc")
    assert any("kms:CreateGrant" in row["Action"] for row in statements(made, "churn"))
    assert made.one("churn", "Custom::GreensageArtifact")["Properties"]["KmsKeyArn"].endswith("key/abc")


def test_app_py_ends_with_status_two_and_no_traceback_on_bad_input(copy):
    edited(copy, "churn", "framework: xgboost", "framework: xgbost")
    command = [str(ROOT / "node_modules/.bin/cdk"), "--no-notices", "synth", "-q", "--app", f"{sys.executable} app.py"]
    command += ["-c", f"models={copy}", "--output", str(copy / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "churn.yaml:7:14: model.framework" in done.stderr and "xgboost?" in done.stderr
    assert "Traceback" not in done.stderr and "Subprocess exited with error 2" in done.stderr


def test_a_broken_neighbour_does_not_stop_one_model(copy, tmp_path):
    (copy / "broken.yaml").write_text("name: [")
    alone = synthesize(tmp_path / "out", build_fleet(copy, only="churn"), nag=False)
    assert set(alone.templates) == {"churn"}
    with pytest.raises(SpecError):
        build_fleet(copy)(None)  # type: ignore[arg-type]


def test_no_stack_holds_another_one(fleet):
    """Nothing is exported or imported: each is deployed and deleted alone, and the platform is updated under its models."""
    for name, template in fleet.templates.items():
        assert "Fn::ImportValue" not in json.dumps(template), name
        assert not [row for row in template.get("Outputs", {}).values() if "Export" in row], name


def test_services_take_roles_for_this_account_and_their_own_resources_only(fleet):
    for stack, template in fleet.templates.items():
        for name, row in template["Resources"].items():
            if row["Type"] != "AWS::IAM::Role":
                continue
            for statement in row["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                conditions = statement.get("Condition", {})
                service = statement["Principal"]["Service"]
                assert conditions["StringEquals"] == {"aws:SourceAccount": "111111111111"}, (stack, name)
                assert service == "lambda.amazonaws.com" or "aws:SourceArn" in conditions["ArnLike"], (stack, name)


def test_a_build_waits_for_its_rights_and_for_up_to_an_hour(fleet):
    platform = "greensage-platform-eu-north-1"
    policies = fleet.resources(platform, "AWS::IAM::Policy")
    for row in fleet.resources(platform, "AWS::CodeBuild::Project").values():
        assert set(row["DependsOn"]) & set(policies) and row["Properties"]["TimeoutInMinutes"] == 60
        environment = row["Properties"]["Environment"]
        assert environment["ComputeType"] == "BUILD_GENERAL1_MEDIUM" and environment["Type"] == "LINUX_CONTAINER"
    for row in fleet.resources(platform, "Custom::GreensageImageBuild").values():
        assert row["Properties"]["ServiceTimeout"] == "3600"


def test_a_helper_deletes_below_its_models_own_prefix_only(fleet):
    for name in OWN_ENDPOINT:
        if name == "tabular":
            continue
        text = json.dumps([row["Properties"]["PolicyDocument"] for row in fleet.resources(name, "AWS::IAM::Policy").values()])
        for statement in json.loads(text):
            for row in statement["Statement"]:
                if row["Action"] == "s3:DeleteObject":
                    assert f"/models/{name}/{name}-????????????.tar.gz" in json.dumps(row["Resource"])


def test_the_conditions_of_trust_policies_can_be_left_out():
    """Where a service turns out not to say whom it acts for, an account must not be stuck until the next release."""
    stack = Stack(App(context={"trust-conditions": "off"}), "S")
    service_role(stack, "Role", "lambda.amazonaws.com")
    (role,) = Template.from_stack(stack).to_json()["Resources"].values()
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert "Condition" not in statement
    with pytest.raises(ValueError, match="allowed: on"):
        service_role(Stack(App(context={"trust-conditions": "maybe"}), "S"), "Role", "lambda.amazonaws.com")
