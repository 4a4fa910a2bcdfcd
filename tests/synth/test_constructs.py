"""The constructs in somebody else's stack: checks, grants, metrics, roles, two of a kind side by side."""

from __future__ import annotations

import json

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from greensage import (
    ArtifactBucket,
    ContainerImage,
    ModelArtifact,
    MultiModelEndpoint,
    RealTimeEndpoint,
    ServerlessEndpoint,
    TargetTracking,
)
from greensage.errors import CatalogError
from greensage.storage.artifacts import ArtifactLocation
from tests.conftest import ARTIFACTS

URI = "763104351884.dkr.ecr.eu-north-1.amazonaws.com/scoring:1"
ARM = ContainerImage.from_uri(URI, architecture="arm64")
X86 = ContainerImage.from_uri(URI, architecture="x86_64")


def artifact(stack: Stack) -> ArtifactLocation:
    found = stack.node.try_find_child("Bucket")
    bucket = (
        found
        if isinstance(found, s3.Bucket)
        else s3.Bucket.from_bucket_name(stack, f"Bucket{len(stack.node.children)}", "models")
    )
    return ArtifactLocation.in_bucket(bucket, "churn/model.tar.gz")


def real_time(stack: Stack, id: str = "E", **changes) -> RealTimeEndpoint:
    props = {"artifact": artifact(stack), "image": ARM, "instance_type": "ml.c7g.large", **changes}
    return RealTimeEndpoint(stack, id, **props)


def caller(stack: Stack) -> iam.Role:
    return iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": X86}, "is arm64, but the image is built for x86_64"),
        ({"instance_type": "ml.m7g.large"}, "not an instance type of SageMaker hosting"),
        ({"instance_type": "ml.eia2.medium"}, "Elastic Inference is discontinued"),
        ({"log_retention_days": 15}, "log_retention_days is 15; allowed: 1, 3"),
        ({"endpoint_name": "x" * 64}, "longer than 63"),
    ],
)
def test_what_aws_would_refuse_fails_at_synth(stack, change, message):
    with pytest.raises(ValueError, match=message):
        real_time(stack, **change)


@pytest.mark.parametrize(("memory", "concurrency"), [(1500, 5), (7168, 5), (1024, 0), (1024, 201)])
def test_serverless_limits_are_checked(stack, memory, concurrency):
    with pytest.raises(ValueError, match=r"memory_mb|max_concurrency"):
        ServerlessEndpoint(stack, "E", artifact=artifact(stack), image=X86, memory_mb=memory, max_concurrency=concurrency)


def test_serverless_warns_of_an_arm64_image(stack):
    ServerlessEndpoint(stack, "E", artifact=artifact(stack), image=ARM)
    Annotations.from_stack(stack).has_warning("*", Match.string_like_regexp("No source says that serverless hosting runs arm64"))


@pytest.mark.parametrize(("low", "high"), [(0, 2), (3, 2)])
def test_scaling_limits_are_checked(low, high):
    with pytest.raises(ValueError, match="min_instances"):
        TargetTracking(low, high)


def test_scaling_can_be_left_out(stack):
    real_time(stack, scaling=None)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)
    template.has_resource_properties("AWS::SageMaker::Endpoint", {"RetainAllVariantProperties": Match.absent()})


def test_prebuilt_images_are_looked_up_and_pulled_from_their_own_account(stack):
    image = ContainerImage.prebuilt("xgboost", "1.5-1", architecture="arm64", region="eu-north-1")
    real_time(stack, image=image)
    policies = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert "arn:aws:ecr:eu-north-1:662702820516:repository/sagemaker-xgboost" in policies


def test_a_prebuilt_image_that_is_not_there_lists_what_is():
    with pytest.raises(CatalogError, match=r"it has: 1\.3-1, 1\.5-1"):
        ContainerImage.prebuilt("xgboost", "3.0-5", architecture="arm64", region="eu-north-1")


def test_grant_invoke_covers_every_generation_and_nothing_else(stack):
    role = caller(stack)
    endpoint = real_time(stack)
    endpoint.grant_invoke(role)
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": [
                    {
                        "Action": ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
                        "Effect": "Allow",
                        "Resource": {"Fn::Join": ["", Match.array_with([Match.string_like_regexp(":endpoint/.*-\\*$")])]},
                    }
                ]
            },
            "Roles": [Match.any_value()],
        },
    )
    assert endpoint.endpoint_name.endswith("-c7g-large")


def test_grant_invoke_can_be_limited_to_target_models(stack):
    bucket = s3.Bucket.from_bucket_name(stack, "B", "models")
    endpoint = MultiModelEndpoint(stack, "E", bucket=bucket, prefix="shared", image=ARM, instance_type="ml.c7g.large")
    endpoint.grant_invoke(caller(stack), target_models=["wine-*.tar.gz"])
    policies = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert (
        '"Condition": {"StringLike": {"sagemaker:TargetModel": ["wine-*.tar.gz"]}}' in policies
        or '"sagemaker:TargetModel": "wine-*.tar.gz"' in policies
    )


def test_a_multi_model_prefix_ends_with_a_slash_and_may_be_listed(stack):
    bucket = s3.Bucket.from_bucket_name(stack, "B", "models")
    MultiModelEndpoint(stack, "E", bucket=bucket, prefix="shared", image=ARM, instance_type="ml.c7g.large")
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::SageMaker::Model", {"PrimaryContainer": {"Mode": "MultiModel", "ModelDataUrl": "s3://models/shared/"}}
    )
    assert '"s3:prefix": ["shared/*"]' in json.dumps(template.find_resources("AWS::IAM::Policy")).replace(
        '"shared/*"}', '["shared/*"]}'
    ).replace("[[", "[").replace("]]", "]")


@pytest.mark.parametrize(
    ("method", "name", "namespace"),
    [
        ("metric_invocations", "Invocations", "AWS/SageMaker"),
        ("metric_model_latency", "ModelLatency", "AWS/SageMaker"),
        ("metric_overhead_latency", "OverheadLatency", "AWS/SageMaker"),
        ("metric_invocation_4xx_errors", "Invocation4XXErrors", "AWS/SageMaker"),
        ("metric_invocation_5xx_errors", "Invocation5XXErrors", "AWS/SageMaker"),
        ("metric_memory_utilization", "MemoryUtilization", "/aws/sagemaker/Endpoints"),
    ],
)
def test_metrics_have_sagemakers_names(stack, method, name, namespace):
    endpoint = real_time(stack)
    metric = getattr(endpoint, method)()
    assert (metric.metric_name, metric.namespace) == (name, namespace)
    assert metric.dimensions == {"EndpointName": endpoint.endpoint_name, "VariantName": "AllTraffic"}


def test_two_in_one_stack_do_not_collide(stack):
    first, second = real_time(stack, "A"), real_time(stack, "B")
    assert first.endpoint_name != second.endpoint_name
    Template.from_stack(stack).resource_count_is("AWS::SageMaker::Endpoint", 2)


def test_the_same_app_in_two_regions_has_stable_names():
    names = []
    for region in ("eu-north-1", "eu-west-1"):
        stack = Stack(App(), "scoring", env=Environment(account="111111111111", region=region))
        names.append(real_time(stack).endpoint_name)
    assert names[0] == names[1]


def test_a_role_of_the_user_gets_the_policy_before_the_model(stack):
    role = iam.Role.from_role_name(stack, "Theirs", "their-role")
    real_time(stack, role=role)
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::IAM::Policy", {"Roles": ["their-role"]})
    template.resource_count_is("AWS::IAM::Role", 0)
    template.has_resource("AWS::SageMaker::Model", {"DependsOn": Match.array_with([Match.string_like_regexp("AccessPolicy")])})


@pytest.mark.parametrize(("instance_type", "has_key"), [("ml.c7g.large", True), ("ml.c6gd.large", False)])
def test_a_volume_key_is_left_out_where_sagemaker_refuses_it(stack, instance_type, has_key):
    key = kms.Key(stack, "Key")
    real_time(stack, encryption_key=key, instance_type=instance_type)
    expected = Match.any_value() if has_key else Match.absent()
    Template.from_stack(stack).has_resource_properties("AWS::SageMaker::EndpointConfig", {"KmsKeyId": expected})


def test_an_archive_is_copied_under_a_key_that_says_its_content(stack):
    bucket = ArtifactBucket(stack, "Bucket")
    made = ModelArtifact(stack, "A", source=str(ARTIFACTS / "churn.tar.gz"), bucket=bucket, prefix="churn", name="churn")
    assert made.key.startswith("churn/churn-") and made.key.endswith(".tar.gz")
    assert made.target_model == made.key.removeprefix("churn/")
    Template.from_stack(stack).has_resource_properties("Custom::GreensageArtifact", {"TargetKey": made.key})


def test_an_archive_in_s3_is_copied_with_rights_on_exactly_that_object(stack):
    bucket = ArtifactBucket(stack, "Bucket")
    ModelArtifact(stack, "A", source="s3://theirs/path/model.tar.gz", bucket=bucket, prefix="churn/")
    policies = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert ":s3:::theirs/path/model.tar.gz" in policies


def test_a_source_that_is_neither_file_nor_s3_is_refused(stack):
    with pytest.raises(ValueError, match="neither a file nor an s3:// URI"):
        ModelArtifact(stack, "A", source="nope", bucket=ArtifactBucket(stack, "Bucket"), prefix="x/")


def test_the_l1s_can_be_reached(stack):
    endpoint = real_time(stack)
    endpoint.cfn_endpoint_config.add_property_override("ProductionVariants.0.EnableSSMAccess", True)
    Template.from_stack(stack).has_resource_properties(
        "AWS::SageMaker::EndpointConfig", {"ProductionVariants": [Match.object_like({"EnableSSMAccess": True})]}
    )
