"""What trips a person who composes an app from the wheel: wrong kinds of value, order, and finding what is there."""

from __future__ import annotations

import inspect
import json
import pydoc
import re

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

import greensage as gs
from tests.conftest import archive_of
from tests.synth.test_composition import ARM, ENV, KINDS, archive, bucket


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "test", env=ENV)


def real_time(stack: Stack, **more):
    return gs.RealTimeEndpoint(stack, "E", **{"artifact": archive(stack), "image": ARM, "instance_type": "ml.c7g.large", **more})


URI = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/x:1"
PRIVATE = gs.ContainerImage.from_private_registry("registry.example.com/x:1", architecture="arm64")
WRONG = {
    "artifact as text": (lambda s: real_time(s, artifact="s3://b/k.tar.gz"), "artifact is 's3://b/k.tar.gz'; allowed: an ArtifactLocation"),
    "image as text": (lambda s: real_time(s, image=URI), "allowed: a ContainerImage"),
    "image as text, many models": (lambda s: gs.MultiModelEndpoint(s, "E", bucket=bucket(s), prefix="g", image=URI, instance_type="ml.c7g.large"), "allowed: a ContainerImage"),
    "image as text, serverless": (lambda s: gs.ServerlessEndpoint(s, "E", image=URI), "allowed: a ContainerImage"),
    "image as text, queued": (lambda s: gs.AsynchronousEndpoint(s, "E", image=URI, instance_type="ml.c7g.large", bucket=bucket(s)), "allowed: a ContainerImage"),
    "scaling as a dict": (lambda s: real_time(s, scaling={"min": 1}), "scaling is a dict; allowed: TargetTracking"),
    "another kind's scaling": (lambda s: KINDS["asynchronous"](s, "E", scaling=gs.TargetTracking()), "scaling is a TargetTracking; allowed: BacklogTracking"),
    "capture as a bucket": (lambda s: real_time(s, capture=bucket(s)), "capture is a .*; allowed: DataCapture"),
    "deployment as text": (lambda s: real_time(s, deployment="canary"), "deployment is 'canary'; allowed: GuardedDeployment"),
    "type as a number": (lambda s: real_time(s, instance_type=5), "instance_type is 5; allowed: a text"),
    "a number in the environment": (lambda s: real_time(s, environment={"A": 1}), "environment: A is 1; allowed: a text"),
    "too much environment": (lambda s: real_time(s, environment={str(i): "x" for i in range(101)}), "environment has 101 entries"),
    "a weight below zero": (lambda s: gs.Variant(gs.Container(ARM), -1), "weight is -1; allowed"),
    "no container": (lambda s: gs.Variant(ARM), "container is a ContainerImage; allowed: a Container"),
    "a framework that is none": (lambda s: gs.ContainerImage.prebuilt("xgbost", architecture="arm64", region="eu-west-1"), "did you mean xgboost"),
    "an engine that is none": (lambda s: gs.RetrainingPolicy(engine="airflow"), "engine is 'airflow'; allowed"),
    "drift that does what is none": (lambda s: gs.RetrainingPolicy(on_drift="retrian"), "did you mean retrain"),
    "two metrics": (lambda s: gs.TargetTracking(metric="CPUUtilization", target=5, target_concurrent_requests=2), "one of the two"),
    "a metric without its target": (lambda s: gs.TargetTracking(metric="CPUUtilization"), "go together"),
    "a routing that is none": (lambda s: real_time(s, routing="least"), "routing is 'least'; allowed"),
    "too short a start": (lambda s: real_time(s, startup_timeout_seconds=5), "startup_timeout_seconds is 5; allowed"),
    "a name that is none": (lambda s: real_time(s, model_name="a/b"), "model_name is 'a/b'; allowed"),
    "a package and its group": (lambda s: gs.ModelPackageSource(s, "P", package_arn="x", group_arn="y"), "either package_arn or group_arn"),
    "no package": (lambda s: gs.ModelPackageSource(s, "P"), "either package_arn or group_arn"),
    "a package's name": (lambda s: gs.ModelPackageSource(s, "P", package_arn="fraud/7"), "package_arn is 'fraud/7'; allowed: arn:aws:sagemaker"),
    "a private image and no network": (lambda s: real_time(s, image=PRIVATE), "registry.example.com/x:1 is of a private registry.*network="),
    "a private image, many models": (lambda s: gs.MultiModelEndpoint(s, "E", bucket=bucket(s), prefix="g", image=PRIVATE, instance_type="ml.c7g.large"), "takes an image of ECR"),
    "scaled twice": (lambda s: real_time(s).auto_scale_instance_count(gs.TargetTracking()), "is scaled already"),
    "scaled by a dict": (lambda s: real_time(s, scaling=None).auto_scale_instance_count({}), "scaling is a dict; allowed: TargetTracking"),
    "no Dockerfile": (lambda s: gs.ContainerImage.from_asset(s, "I", "tests", architecture="arm64"), "there is no Dockerfile in it"),
    "no tags": (lambda s: gs.Network.by_tags(s, "N", tags={}), "tags has 0 entries"),
    "an endpoint without a name": (lambda s: gs.ImportedEndpoint.from_endpoint_name(s, "I", ""), "endpoint_name is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_names_the_prop_what_was_given_and_what_is_allowed(stack, name):
    make, said = WRONG[name]
    with pytest.raises((ValueError, TypeError, gs.GreensageError), match=said):
        make(stack)


def test_the_model_comes_after_the_copy_of_its_archive(stack, tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(archive_of())
    copied = gs.ModelArtifact(stack, "Model", source=str(tmp_path / "model.tar.gz"), bucket=bucket(stack), prefix="m/")
    real_time(stack, artifact=copied.location)
    (model,) = Template.from_stack(stack).find_resources("AWS::SageMaker::Model").values()
    (copy,) = Template.from_stack(stack).find_resources("Custom::GreensageArtifact")
    assert copy in model["DependsOn"]


@pytest.mark.parametrize("kind", ["real-time", "serverless", "asynchronous", "serial-pipeline"])
def test_a_model_name_publishes_where_clients_look(stack, kind):
    KINDS[kind](stack, "E", model_name="churn")
    (parameter,) = Template.from_stack(stack).find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/greensage/models/churn"
    text = json.dumps(parameter["Properties"]["Value"])
    assert "EndpointName" in text and ("asynchronous" in text) == (kind == "asynchronous")


def test_a_model_behind_a_shared_endpoint_is_published_with_its_target(stack):
    KINDS["multi-model"](stack, "E").publish("churn", root="/prod", targetModel="churn-1.tar.gz")
    (parameter,) = Template.from_stack(stack).find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/prod/models/churn" and "churn-1.tar.gz" in json.dumps(
        parameter["Properties"]["Value"]
    )


@pytest.mark.parametrize("how", ["name", "parameter"])
def test_an_endpoint_that_exists_has_grants_and_metrics(stack, how):
    if how == "name":
        there = gs.ImportedEndpoint.from_endpoint_name(stack, "There", "fraud-prod", variant_name="blue")
    else:
        there = gs.ImportedEndpoint.from_parameter(stack, "There", "/team/fraud", variant_name="blue")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    there.grant_invoke(role)
    for name in (
        "invocations",
        "invocations_per_instance",
        "cpu_utilization",
        "gpu_utilization",
        "gpu_memory_utilization",
        "disk_utilization",
    ):
        getattr(there, f"metric_{name}")().create_alarm(stack, name, threshold=1, evaluation_periods=1)
    template = Template.from_stack(stack)
    (policy,) = template.find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert "sagemaker:InvokeEndpointWithResponseStream" in statement["Action"] and "endpoint/" in json.dumps(
        statement["Resource"]
    )
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    assert {row["Properties"]["Dimensions"][1]["Value"] for row in alarms} == {"blue"}
    assert not template.find_resources("AWS::SageMaker::Endpoint")


def test_counts_survive_an_update_with_a_target_of_ones_own(stack):
    real_time(stack, scaling=None, retain_counts=True)
    (endpoint,) = Template.from_stack(stack).find_resources("AWS::SageMaker::Endpoint").values()
    assert endpoint["Properties"]["RetainAllVariantProperties"] is True


def test_an_image_may_bring_its_model(stack):
    real_time(stack, artifact=None)
    (model,) = Template.from_stack(stack).find_resources("AWS::SageMaker::Model").values()
    assert set(model["Properties"]["PrimaryContainer"]) == {"Image", "Environment"}


def test_what_a_signature_names_can_be_imported():
    for name in ("InstanceProps", "EndpointProps", "ServingImage", "ArtifactLocation", "ContainerImage", "TargetTracking"):
        assert getattr(gs, name)
    assert archive


def test_help_shows_every_prop_with_its_docs():
    shown = inspect.signature(gs.RealTimeEndpoint)
    assert {"artifact", "image", "scaling", "network", "role", "routing", "log_retention_days"} <= set(shown.parameters)
    assert "self" not in shown.parameters and shown.parameters["image"].default is inspect.Parameter.empty
    text = pydoc.render_doc(gs.RealTimeEndpoint, renderer=pydoc.plaintext)
    assert "class RealTimeEndpoint(" in text and "startup_timeout_seconds, download_timeout_seconds:" in text
    assert "network: 'Network | None' = ..." in text
    assert list(inspect.signature(gs.ModelArtifact).parameters)[:3] == ["scope", "id", "source"]

    class Own(gs.RealTimeEndpoint):
        def __init__(self, scope, id, *, size: str) -> None: ...

    assert list(inspect.signature(Own).parameters) == ["scope", "id", "size"]


def test_every_type_that_a_signature_names_is_imported_from_greensage():
    named = set()
    for name in gs.__all__:
        found = getattr(gs, name)
        if isinstance(found, type) and "__signature__" in dir(found):
            named |= set(re.findall(r"\b(?!I[A-Z])[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", str(inspect.signature(found))))
    # Of the CDK, of Python, words within defaults, and a choice of texts.
    assert named - set(gs.__all__) <= {
        "Construct",
        "Mapping",
        "Sequence",
        "Literal",
        "Any",
        "RemovalPolicy",
        "AllTraffic",
        "LogStorage",
    }
