"""What AWS would refuse of somebody's account, Region or state machine, found before it is deployed."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

import greensage as gs
from greensage.catalog.layers import Wheel
from greensage.catalog.step_functions import unsupported
from greensage.core.wheels import unpacked
from greensage.errors import GreensageError, PlanError, SpecError
from greensage.local import chaos
from greensage.planner import plan
from greensage.spec import load_specs

MODEL = """
name: digits
model:
  artifact: {artifact}
  framework: onnx
  image: {image}
  image_architecture: x86_64
{more}region: {{allowed: [eu-north-1]}}
hosting: {{kind: {kind}}}
"""
THEIRS = "222222222222.dkr.ecr.eu-north-1.amazonaws.com/theirs:1"
AWS = "763104351884.dkr.ecr.eu-north-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


def planned(write, *, image=THEIRS, kind="serverless", account="111111111111", artifact="model.tar.gz", more=""):
    path = write(MODEL.format(image=image, kind=kind, artifact=artifact, more=more))
    return plan(load_specs(path.parent), account=account)


def test_serverless_takes_no_image_of_another_account_and_the_source_is_named(write):
    with pytest.raises(PlanError, match="amazon-sagemaker-feedback issue 181") as caught:
        planned(write)
    (problem,) = caught.value.problems
    assert problem.key_path == "model.image" and problem.line == 6 and "account 222222222222" in problem.message


@pytest.mark.parametrize(
    "given",
    [{"account": "222222222222"}, {"account": None}, {"image": AWS}, {"kind": "real-time"}],
    ids=["its own", "nobody knows which", "AWS's", "on instances"],
)
def test_other_images_are_taken(write, given):
    assert planned(write, **given).models


def test_an_image_of_another_region_is_refused(write):
    with pytest.raises(PlanError, match="is in eu-west-1, and the model in eu-north-1"):
        planned(write, image=THEIRS.replace("eu-north-1", "eu-west-1"), kind="real-time")


KEY = "arn:aws:kms:eu-north-1:111111111111:key/12345678-1234-1234-1234-123456789012"


def test_the_key_of_an_archive_is_for_an_archive_in_s3_of_the_same_region(write):
    with pytest.raises(SpecError, match="source_kms_key_arn is for an archive in S3"):
        planned(write, more=f"  source_kms_key_arn: {KEY}\n")
    with pytest.raises(PlanError, match=r"is in eu-west-1 \(aws\)"):
        planned(
            write,
            image=AWS,
            artifact="s3://their-bucket/m.tar.gz",
            more=f"  source_kms_key_arn: {KEY.replace('north', 'west')}\n",
        )


def test_whoever_reads_an_archive_may_use_its_key():
    stack = Stack(App(), "s", env=Environment(account="111111111111", region="eu-north-1"))
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    theirs = s3.Bucket.from_bucket_attributes(stack, "Theirs", bucket_name="theirs", encryption_key=key)
    image = gs.ContainerImage.from_uri(AWS, architecture="x86_64")
    gs.ServerlessEndpoint(stack, "E", artifact=gs.ArtifactLocation.in_bucket(theirs, "m.tar.gz"), image=image)
    named = s3.Bucket.from_bucket_name(stack, "Named", "named")
    gs.ModelArtifact(stack, "A", source="s3://named/m.tar.gz", bucket=named, prefix="m/", source_encryption_key=key)
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    readers = [
        row for row in policies
        for statement in row["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "kms:Decrypt" and statement["Resource"] == KEY
    ]  # fmt: skip
    assert len(readers) == 2, "the endpoint's role, and the function that copies"


def test_step_functions_own_integration_is_known_to_take_some_fields_only():
    training = {
        "TrainingJobName": "a", "HyperParameters": {"any": "1"}, "Environment": {"ANY": "1"},
        "AlgorithmSpecification": {"TrainingImage": "i", "ContainerEntrypoint": ["python"]}, "EnableManagedSpotTraining": True,
    }  # fmt: skip
    assert unsupported("Training", training) == ["AlgorithmSpecification.ContainerEntrypoint", "EnableManagedSpotTraining"]
    assert unsupported("Transform", {"DataCaptureConfig": {}}) == ["DataCaptureConfig"]
    assert unsupported("Processing", {"ProcessingInputs": [{"InputName": "a", "AppManaged": False}]}) == []


def test_a_wheel_that_cannot_be_fetched_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("GREENSAGE_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "file:///nowhere")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(GreensageError, match="numpy-layer=ARN"):
        unpacked(Wheel("numpy", "0.0.1", "3.13", ("manylinux_2_28_aarch64",), "0" * 64))
    assert not [path for path in (tmp_path / "wheels").iterdir() if path.is_dir()], "nothing half made stays"


def test_chaos_is_off_unless_a_seed_is_given_and_then_the_same_for_the_same_seed(monkeypatch):
    assert not chaos.throttles() and chaos.as_listed("ListModels", {"Models": [{"CreationTime": 9e9}]})["Models"]
    found = []
    for _ in range(2):
        monkeypatch.setenv("GREENSAGE_CHAOS", "7")
        monkeypatch.setattr(chaos, "_random", chaos._generator())
        found.append([chaos.throttles() for _ in range(500)])
    assert found[0] == found[1] and 5 < sum(found[0]) < 50
    rows = {"Models": [{"CreationTime": 9e9} for _ in range(100)], "NextToken": "a"}
    seen = chaos.as_listed("ListModels", rows)
    assert 20 < len(seen["Models"]) < 80 and seen["NextToken"] == "a"
    assert chaos.as_listed("DescribeModel", rows) == rows
    chaos.role_changed("r")
    assert chaos.is_unsettled("arn:aws:iam::1:role/r") and not chaos.is_unsettled("arn:aws:iam::1:role/other")
