"""Every construct in somebody else's app: their role, bucket, key, VPC and boundary; two of a kind; stages and Regions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, PermissionsBoundary, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from greensage import (
    ArtifactLocation,
    AsynchronousEndpoint,
    BacklogTracking,
    BatchTransform,
    Container,
    ContainerImage,
    DataCapture,
    EdgeComponent,
    GuardedDeployment,
    InferenceComponentEndpoint,
    MultiContainerEndpoint,
    MultiModelEndpoint,
    Network,
    ProvisionedConcurrency,
    RealTimeEndpoint,
    Resources,
    ScheduledLimits,
    SerialPipelineEndpoint,
    ServerlessEndpoint,
    TargetTracking,
    Variant,
)

ENV = Environment(account="111111111111", region="eu-west-1")
URI = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/scoring:1"
ARM = ContainerImage.from_uri(URI, architecture="arm64")
X86 = ContainerImage.from_uri(URI, architecture="x86_64")
GPU = ContainerImage.from_uri(URI, architecture="x86_64", processor="gpu")


def bucket(stack: Stack) -> s3.IBucket:
    found = stack.node.try_find_child("Theirs")
    return found if found is not None else s3.Bucket.from_bucket_name(stack, "Theirs", "theirs")  # type: ignore[return-value]


def archive(stack: Stack, key: str = "m/model.tar.gz") -> ArtifactLocation:
    return ArtifactLocation.in_bucket(bucket(stack), key)


def two(stack: Stack, image: ContainerImage = ARM) -> dict[str, Container]:
    return {"first": Container(image, archive(stack)), "second": Container(image, archive(stack, "n/model.tar.gz"))}


def components(stack: Stack, id: str, **props: Any) -> InferenceComponentEndpoint:
    made = InferenceComponentEndpoint(stack, id, instance_type="ml.g5.xlarge", processor="gpu", **props)
    made.add_component("Model", artifact=archive(stack), image=GPU, resources=Resources(4_000, 1, 1))
    return made


Build = Callable[..., Any]
KINDS: dict[str, Build] = {
    "real-time": lambda s, i, **p: RealTimeEndpoint(s, i, artifact=archive(s), image=ARM, instance_type="ml.c7g.large", **p),
    "multi-model": lambda s, i, **p: MultiModelEndpoint(s, i, bucket=bucket(s), prefix="g", image=ARM, instance_type="ml.c7g.large", **p),
    "multi-container": lambda s, i, **p: MultiContainerEndpoint(s, i, containers=two(s), instance_type="ml.c7g.large", **p),
    "serial-pipeline": lambda s, i, **p: SerialPipelineEndpoint(s, i, containers=two(s), instance_type="ml.c7g.large", **p),
    "inference-components": components,
    "serverless": lambda s, i, **p: ServerlessEndpoint(s, i, artifact=archive(s), image=X86, **p),
    "asynchronous": lambda s, i, **p: AsynchronousEndpoint(
        s, i, artifact=archive(s), image=ARM, instance_type="ml.c7g.large", bucket=bucket(s), **p
    ),
    "batch": lambda s, i, **p: BatchTransform(
        s, i, artifact=archive(s), image=X86, instance_type="ml.c7i.large", bucket=bucket(s), schedule="rate(1 day)", **p
    ),
}  # fmt: skip
ON_INSTANCES = [name for name in KINDS if name not in ("serverless", "batch")]


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "theirs", env=ENV)


def caller(stack: Stack) -> iam.Role:
    return iam.Role(stack, "Caller", assumed_by=iam.AccountRootPrincipal())


@pytest.mark.parametrize("kind", KINDS)
def test_two_of_a_kind_in_one_stack_do_not_collide(stack, kind):
    KINDS[kind](stack, "A")
    KINDS[kind](stack, "B")
    template = Template.from_stack(stack).to_json()
    named = ("EndpointName", "LogGroupName", "InferenceComponentName", "ModelName", "AlarmName")
    names = [
        json.dumps(row["Properties"][key])
        for row in template["Resources"].values()
        for key in named
        if key in row.get("Properties", {})
        and row["Type"] not in ("AWS::SageMaker::InferenceComponent", "Custom::GreensageLogRetention")
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS)
def test_a_role_of_theirs_gets_the_policy_before_the_model(stack, kind):
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111111111111:role/execution")
    KINDS[kind](stack, "A", role=role)
    template = Template.from_stack(stack)
    roles = [
        json.dumps(row["Properties"]["AssumeRolePolicyDocument"]) for row in template.find_resources("AWS::IAM::Role").values()
    ]
    assert not any("sagemaker.amazonaws.com" in text for text in roles)
    policies = [row["Properties"]["Roles"] for row in template.find_resources("AWS::IAM::Policy").values()]
    assert ["execution"] in policies
    first = "AWS::SageMaker::InferenceComponent" if kind == "inference-components" else "AWS::SageMaker::Model"
    depends = Match.array_with([Match.string_like_regexp("AccessPolicy")])
    template.has_resource(first, {"DependsOn": depends})


@pytest.mark.parametrize("kind", ["real-time", "serverless", "batch", "asynchronous"])
def test_a_key_of_theirs_is_used_and_granted(stack, kind):
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111111111111:key/k")
    KINDS[kind](stack, "A", encryption_key=key)
    text = json.dumps(Template.from_stack(stack).to_json())
    assert "kms:Decrypt" in text and "key/k" in text


@pytest.mark.parametrize("kind", [*ON_INSTANCES, "batch"])
def test_a_vpc_of_theirs_has_connections(stack, kind):
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    made = KINDS[kind](stack, "A", network=Network.in_vpc(stack, "Group", vpc))
    if kind != "batch":
        made.connections.allow_from_any_ipv4(ec2.Port.tcp(443))
    template = Template.from_stack(stack)
    where = "AWS::SageMaker::EndpointConfig" if kind == "inference-components" else "AWS::SageMaker::Model"
    template.has_resource_properties(where, {"VpcConfig": {"Subnets": Match.any_value(), "SecurityGroupIds": Match.any_value()}})
    assert kind == "batch" or "443" in json.dumps(template.find_resources("AWS::EC2::SecurityGroup"))


def test_without_a_network_there_are_no_connections(stack):
    with pytest.raises(ValueError, match="has no network"):
        _ = KINDS["real-time"](stack, "A").connections


@pytest.mark.parametrize("kind", KINDS)
def test_a_permissions_boundary_reaches_every_role(kind):
    stack = Stack(App(), "theirs", env=ENV, permissions_boundary=PermissionsBoundary.from_name("limits"))
    KINDS[kind](stack, "A")
    roles = Template.from_stack(stack).find_resources("AWS::IAM::Role")
    assert roles and all("PermissionsBoundary" in row["Properties"] for row in roles.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_stage_in_two_accounts_is_the_same_but_for_the_account(kind):
    app, found = App(), []
    for account in ("111111111111", "222222222222"):
        stage = Stage(app, f"s{account[0]}", env=Environment(account=account, region="eu-west-1"))
        stack = Stack(stage, "scoring")
        KINDS[kind](stack, "A")
        resources = Template.from_stack(stack).to_json()["Resources"]
        found.append(sorted((name, row["Type"]) for name, row in resources.items()))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", [name for name in KINDS if name not in ("batch", "inference-components")])
def test_every_endpoint_can_be_granted(stack, kind):
    KINDS[kind](stack, "A").grant_invoke(caller(stack))
    wanted = "sagemaker:InvokeEndpointAsync" if kind == "asynchronous" else "sagemaker:InvokeEndpoint"
    text = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert wanted in text and '"Resource": "*"' not in json.dumps(
        [row for row in json.loads(text).values() if "Caller" in json.dumps(row["Properties"]["Roles"])]
    )


def test_a_grant_can_be_limited_to_containers(stack):
    endpoint = KINDS["multi-container"](stack, "A")
    endpoint.grant_invoke(caller(stack), containers=["first"])
    text = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert '"sagemaker:TargetContainerHostname": "first"' in text.replace('["first"]', '"first"')
    with pytest.raises(ValueError, match=r"\['third'\] are not here; the endpoint has first, second"):
        endpoint.grant_invoke(caller(Stack(App(), "x")), containers=["third"])


def test_a_grant_of_a_component_names_it_and_its_endpoint(stack):
    endpoint = components(stack, "A")
    component = endpoint.add_component("Other", artifact=None, image=GPU, resources=Resources(1_000, 1))
    component.grant_invoke(caller(stack), endpoint)
    text = json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))
    assert f":inference-component/{component.component_name}" in text


def test_someone_may_start_a_batch_run(stack):
    KINDS["batch"](stack, "A").grant_start(caller(stack))
    assert "states:StartExecution" in json.dumps(Template.from_stack(stack).find_resources("AWS::IAM::Policy"))


def test_alarms_of_theirs_guard_an_update(stack):
    drift = cloudwatch.Alarm.from_alarm_arn(stack, "Drift", "arn:aws:cloudwatch:eu-west-1:111111111111:alarm:drift")
    KINDS["real-time"](stack, "A", deployment=GuardedDeployment("canary", step_percent=10, alarms=[drift]))
    Template.from_stack(stack).has_resource_properties(
        "AWS::SageMaker::Endpoint",
        {"DeploymentConfig": {"AutoRollbackConfiguration": {"Alarms": Match.array_with([{"AlarmName": "drift"}])}}},
    )


def test_an_edge_component_is_deployed_to_every_group_and_versioned_by_content(stack):
    made = [
        EdgeComponent(stack, id, artifact=archive(stack, key), framework="onnx", device_groups=["a", "b"])
        for id, key in (("One", "m/1.tar.gz"), ("Two", "m/2.tar.gz"))
    ]
    assert made[0].component_version != made[1].component_version
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::GreengrassV2::Deployment", 4)
    made[0].grant_download(caller(stack))
    recipe = json.dumps(template.find_resources("AWS::GreengrassV2::ComponentVersion"))
    assert "onnxruntime" in recipe and "xgboost" not in recipe


def test_an_edge_version_is_the_same_in_every_synthesis():
    versions = []
    for _ in range(2):
        stack = Stack(App(), "theirs", env=ENV)
        _ = [s3.Bucket(stack, f"B{index}").bucket_name for index in range(len(versions) * 3)]
        theirs = s3.Bucket(stack, "Own")
        location = ArtifactLocation.in_bucket(theirs, "m/1.tar.gz")
        versions.append(EdgeComponent(stack, "E", artifact=location, framework="onnx", device_groups=["a"]).component_version)
    assert versions[0] == versions[1]


REFUSED: dict[str, tuple[Build, str]] = {
    "one container": (lambda s: SerialPipelineEndpoint(s, "A", containers={"a": Container(ARM)}, instance_type="ml.c7g.large"), "has 1 entries; allowed: 2 to 15"),
    "sixteen": (lambda s: MultiContainerEndpoint(s, "A", containers={f"c{i}": Container(ARM) for i in range(16)}, instance_type="ml.c7g.large"), "has 16 entries"),
    "a bad hostname": (lambda s: MultiContainerEndpoint(s, "A", containers={"a b": Container(ARM), "c": Container(ARM)}, instance_type="ml.c7g.large"), "is no hostname"),
    "mixed silicon": (lambda s: SerialPipelineEndpoint(s, "A", containers={"a": Container(ARM), "b": Container(X86)}, instance_type="ml.c7g.large"), "run on the same instances"),
    "GPUs in containers": (lambda s: MultiContainerEndpoint(s, "A", containers=two(s, GPU), instance_type="ml.g5.xlarge"), "run on CPUs"),
    "a GPU type for a CPU image": (lambda s: RealTimeEndpoint(s, "A", artifact=archive(s), image=X86, instance_type="ml.g5.xlarge"), "is for gpu containers"),
    "many GPUs, many models": (lambda s: MultiModelEndpoint(s, "A", bucket=bucket(s), prefix="g", image=GPU, instance_type="ml.g5.12xlarge"), "has 4 GPUs"),
    "shadow and variants": (lambda s: KINDS["real-time"](s, "A", shadow=Variant(Container(ARM)), variants={"b": Variant(Container(ARM))}), "exactly one production variant"),
    "a taken name": (lambda s: KINDS["real-time"](s, "A", variants={"Shadow": Variant(Container(ARM))}), "is taken"),
    "too many variants": (lambda s: KINDS["real-time"](s, "A", variants={f"v{i}": Variant(Container(ARM)) for i in range(10)}), "variants has 10 entries; allowed: 0 to 9"),
    "too many alarms": (lambda s: KINDS["real-time"](s, "A", variants={f"v{i}": Variant(Container(ARM)) for i in range(6)}), "allowed: 10"),
    "arm64 batch": (lambda s: BatchTransform(s, "A", artifact=archive(s), image=ARM, instance_type="ml.c7g.large", bucket=bucket(s)), "batch transform has no Graviton"),
    "no batch type": (lambda s: BatchTransform(s, "A", artifact=archive(s), image=X86, instance_type="ml.t2.large", bucket=bucket(s)), "none of batch transform's"),
    "a component too large": (lambda s: InferenceComponentEndpoint(s, "A", instance_type="ml.c7i.large").add_component("M", artifact=None, image=X86, resources=Resources(64_000)), "M needs 64,000 MB"),
    "a component too small": (lambda s: Resources(64), "at least 128"),
    "warm above the limit": (lambda s: KINDS["serverless"](s, "A", max_concurrency=5, provisioned=ProvisionedConcurrency(1, 9)), "provisioned.max_concurrency is 9, max_concurrency is 5"),
    "GPU serverless": (lambda s: ServerlessEndpoint(s, "A", artifact=archive(s), image=GPU), "has no accelerators"),
    "an uncompressed serverless model": (lambda s: ServerlessEndpoint(s, "A", artifact=archive(s, "m/"), image=X86), "takes a .tar.gz"),
    "no captured share": (lambda s: DataCapture(bucket(s), sample_percent=0), "allowed: 1 to 100"),
    "steps without a step": (lambda s: GuardedDeployment("canary"), "step_percent is None; allowed with canary: 1 to 50"),
    "a step too large": (lambda s: GuardedDeployment("linear", step_percent=60), "step_percent of linear is 60; allowed: 10 to 50"),
    "all at once in steps": (lambda s: GuardedDeployment(step_percent=10), "has no steps"),
    "waits without end": (lambda s: GuardedDeployment("linear", step_percent=10, interval_seconds=3_600), "a deployment ends after 28800 s"),
    "zero at a variant": (lambda s: TargetTracking(1, 2, schedule=[ScheduledLimits("n", "cron(0 1 * * ? *)", min=0)]), "schedule n: min is 0; allowed: at least 1"),
    "no limit at a time": (lambda s: ScheduledLimits("n", "cron(0 1 * * ? *)"), "sets neither"),
    "no time": (lambda s: ScheduledLimits("n", "daily", min=1), "schedule n: at is 'daily'"),
    "an empty fleet": (lambda s: BacklogTracking(0, 0), "at least 1"),
    "no device group": (lambda s: EdgeComponent(s, "A", artifact=archive(s), framework="onnx", device_groups=[]), "device_groups has 0 entries; allowed: at least 1"),
    "a framework for no device": (lambda s: EdgeComponent(s, "A", artifact=archive(s), framework="pytorch", device_groups=["a"]), "framework is 'pytorch'; allowed: onnx"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_would_refuse_fails_at_synth(stack, case):
    build, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        build(stack)


def test_copies_that_do_not_fit_the_instances_fail_at_synth(stack):
    endpoint = InferenceComponentEndpoint(stack, "A", instance_type="ml.c7i.large", max_instances=1)
    for name in "BC":
        endpoint.add_component(name, artifact=None, image=X86, resources=Resources(2_500))
    assert len(endpoint.placement.instances) == 2
    with pytest.raises(RuntimeError, match=r"one copy of each component needs 2 instances.* but max_instances is 1"):
        Template.from_stack(stack)
