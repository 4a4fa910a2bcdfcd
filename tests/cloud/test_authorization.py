"""With authorization switched on: the whole deployment runs with its own rights, and a neighbour's things are denied."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
from botocore.exceptions import ClientError

from greensage.client import EndpointClient
from greensage.local.cloud import ACCOUNT, LocalCloud
from tests.cloud import lookup
from tests.cloud.conftest import EDGE_REGION, REGION, Cdk, bootstrapped, environment_of, session_of
from tests.conftest import MODELS

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A local cloud that checks signatures and policies, with the whole example fleet on it."""
    cloud = LocalCloud(tmp_path_factory.mktemp("guarded"))
    cloud.up(auth=True)
    try:
        folder = tmp_path_factory.mktemp("fleet")
        shutil.copytree(MODELS, folder / "models")
        # One whose logs are archived, so that the platform has the function for it.
        kept = folder / "models/digits.yaml"
        kept.write_text(kept.read_text() + "logs: {archive_days: 30}\n")
        cdk = bootstrapped(Cdk(folder / "models", environment_of(cloud), folder / "cdk.out"), EDGE_REGION)
        cdk.deploy()
        yield cloud, cdk
        cdk.destroy()
    finally:
        cloud.down()


@pytest.fixture(scope="module")
def root(guarded):
    return session_of(guarded[0])


def described(root, name: str) -> tuple[dict, dict]:
    """Return the model behind an endpoint and its place."""
    ssm = root.client("ssm")
    place = json.loads(ssm.get_parameter(Name=f"/greensage/models/{name}")["Parameter"]["Value"])
    if "endpointParameter" in place:
        place["endpoint"] = ssm.get_parameter(Name=place["endpointParameter"])["Parameter"]["Value"]
    sagemaker = root.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=place["endpoint"])["EndpointConfigName"]
    (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    return sagemaker.describe_model(ModelName=variant["ModelName"]), place


ANSWERING = ("churn", "wine", "iris", "digits", "diabetes", "linnerud", "glucose", "pixels", "forest", "scans")


@pytest.mark.parametrize("name", ANSWERING)
def test_the_fleet_answers_with_least_privilege(root, name):
    wanted = json.loads((MODELS / f"artifacts/{name}.expected.json").read_text())
    answer = EndpointClient(name, session=root).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)


@pytest.mark.parametrize(("mine", "neighbour"), [("churn", "digits"), ("digits", "churn"), ("wine", "churn")])
def test_an_execution_role_cannot_read_a_neighbours_archive(root, mine, neighbour):
    own, other = described(root, mine)[0], described(root, neighbour)[0]
    container = {**own["PrimaryContainer"], "ModelDataUrl": other["PrimaryContainer"]["ModelDataUrl"], "Mode": "SingleModel"}
    with pytest.raises(ClientError, match='"s3:GetObject" permissions'):
        root.client("sagemaker").create_model(
            ModelName="spy", ExecutionRoleArn=own["ExecutionRoleArn"], PrimaryContainer=container
        )


def test_an_execution_role_reads_its_own_archive(root):
    own = described(root, "churn")[0]
    sagemaker = root.client("sagemaker")
    sagemaker.create_model(ModelName="twin", ExecutionRoleArn=own["ExecutionRoleArn"], PrimaryContainer=own["PrimaryContainer"])
    sagemaker.delete_model(ModelName="twin")


def test_a_shared_endpoint_does_not_serve_a_model_outside_its_prefix(root):
    place = described(root, "wine")[1]
    runtime = root.client("sagemaker-runtime")
    for outside in ("../models/churn/churn.tar.gz", "nothing.tar.gz"):
        with pytest.raises(ClientError, match="Failed to download model data"):
            runtime.invoke_endpoint(EndpointName=place["endpoint"], TargetModel=outside, Body=b"1", ContentType="text/csv")


def test_what_runs_by_itself_has_every_right_that_it_needs(root):
    """A line more than three would say what the review was not let read."""
    found = lookup.invoke(root, "greensage: the weekly review")
    assert found["problems"] == [] and len(found["lines"]) == 3, found
    assert lookup.invoke(root, "greensage: archives logs")["keys"] == []


@pytest.fixture
def user(root, guarded):
    """A user who may do only what a test grants."""
    iam = root.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]

    def grant(*statements: dict):
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=document)
        return session_of(guarded[0], key["AccessKeyId"], key["SecretAccessKey"])

    yield grant
    iam.delete_user_policy(UserName="caller", PolicyName="p")
    iam.delete_access_key(UserName="caller", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="caller")


def invoke(session, place: dict, name: str):
    rows = json.loads((MODELS / f"artifacts/{name}.expected.json").read_text())["rows"]
    keys = {
        "targetModel": "TargetModel",
        "targetContainer": "TargetContainerHostname",
        "inferenceComponent": "InferenceComponentName",
    }
    target = {argument: place[key] for key, argument in keys.items() if key in place}
    body = json.dumps(rows).encode()
    return session.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=place["endpoint"], Body=body, ContentType="application/json", **target
    )


def test_a_caller_reaches_the_endpoint_it_was_granted_and_no_other(root, user):
    churn, digits = described(root, "churn")[1], described(root, "digits")[1]
    base = churn["endpoint"].removesuffix("c8g-medium")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{base}*"
    caller = user({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arn})
    assert invoke(caller, churn, "churn")["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        invoke(caller, digits, "digits")


def test_a_caller_can_be_limited_to_one_model_of_a_shared_endpoint(root, user):
    wine, iris = described(root, "wine")[1], described(root, "iris")[1]
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{wine['endpoint']}"
    condition = {"StringLike": {"sagemaker:TargetModel": ["wine-*.tar.gz"]}}
    caller = user({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arn, "Condition": condition})
    assert invoke(caller, wine, "wine")["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="not authorized"):
        invoke(caller, iris, "iris")


def test_a_caller_can_be_limited_to_one_container(root, user):
    mine, other = described(root, "diabetes")[1], described(root, "linnerud")[1]
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{mine['endpoint']}"
    condition = {"StringEquals": {"sagemaker:TargetContainerHostname": ["diabetes"]}}
    caller = user({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arn, "Condition": condition})
    assert invoke(caller, mine, "diabetes")["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="not authorized"):
        invoke(caller, other, "linnerud")


def test_a_caller_of_a_component_needs_it_and_its_endpoint(root, user):
    EndpointClient("pixels", session=root).predict(json.loads((MODELS / "artifacts/pixels.expected.json").read_text())["rows"])
    ssm = root.client("ssm")
    place = json.loads(ssm.get_parameter(Name="/greensage/models/pixels")["Parameter"]["Value"])
    place["endpoint"] = ssm.get_parameter(Name=place["endpointParameter"])["Parameter"]["Value"]
    arns = [
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{name}"
        for name in (f"endpoint/{place['endpoint']}", "inference-component/vision-pixels")
    ]
    only_endpoint = user({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arns[0]})
    with pytest.raises(ClientError, match="not authorized"):
        invoke(only_endpoint, place, "pixels")
    both = user({"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arns})
    assert invoke(both, place, "pixels")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_batch_run_has_the_rights_it_needs(root):
    place = json.loads(root.client("ssm").get_parameter(Name="/greensage/models/claims")["Parameter"]["Value"])
    wanted = json.loads((MODELS / "artifacts/claims.expected.json").read_text())
    s3, batch = root.client("s3"), place["batch"]
    body = "\n".join(",".join(map(repr, row)) for row in wanted["rows"]).encode()
    s3.put_object(Bucket=batch["bucket"], Key=f"{batch['input']}a.csv", Body=body)
    steps = root.client("stepfunctions")
    key, deadline = f"{batch['output']}a.csv.out", time.monotonic() + 60
    while not s3.list_objects_v2(Bucket=batch["bucket"], Prefix=key)["KeyCount"]:
        runs = steps.list_executions(stateMachineArn=place["stateMachine"])["executions"]
        failed = [row["executionArn"] for row in runs if row["status"] == "FAILED"]
        assert not failed, steps.describe_execution(executionArn=failed[0])["cause"]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    answer = [float(line) for line in s3.get_object(Bucket=batch["bucket"], Key=key)["Body"].read().splitlines()]
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-6)


def test_passing_a_role_needs_the_right_to(root, user):
    own = described(root, "churn")[0]
    caller = user({"Effect": "Allow", "Action": "sagemaker:CreateModel", "Resource": "*"})
    with pytest.raises(ClientError, match="not authorized to perform: iam:PassRole"):
        caller.client("sagemaker").create_model(
            ModelName="mine", ExecutionRoleArn=own["ExecutionRoleArn"], PrimaryContainer=own["PrimaryContainer"]
        )


def test_a_wrong_signature_is_refused(root, guarded, user):
    user({"Effect": "Allow", "Action": "*", "Resource": "*"})
    key = root.client("iam").list_access_keys(UserName="caller")["AccessKeyMetadata"][0]["AccessKeyId"]
    forged = session_of(guarded[0], key, "wrong-secret")
    with pytest.raises(ClientError, match="signature"):
        forged.client("sagemaker").list_endpoints()


def test_a_model_that_moves_into_a_group_leaves_nothing_behind(root, guarded):
    """What an update replaced is deleted after its policy was replaced too; the right to delete must survive that."""
    _, cdk = guarded
    s3, ecr = root.client("s3"), root.client("ecr")
    parameter = root.client("ssm").get_parameter
    bucket = parameter(Name="/greensage/platform/artifact-bucket")["Parameter"]["Value"]
    repository = parameter(Name="/greensage/platform/serving-repository")["Parameter"]["Value"]
    path = cdk.models / "churn.yaml"
    path.write_text(path.read_text().replace("cold_start_ok: false", "cold_start_ok: true") + "group: tabular\n")
    cdk.deploy("churn")
    wanted = json.loads((MODELS / "artifacts/churn.expected.json").read_text())
    np.testing.assert_allclose(EndpointClient("churn", session=root).predict(wanted["rows"]), wanted["predictions"], atol=1e-5)
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"] if "churn" in row["Key"]]
    assert len(keys) == 1 and keys[0].startswith("groups/tabular/churn-")
    tags = [tag for image in ecr.describe_images(repositoryName=repository)["imageDetails"] for tag in image["imageTags"]]
    assert not [tag for tag in tags if tag.startswith("in-use-churn")]
    endpoints = [row["EndpointName"] for row in root.client("sagemaker").list_endpoints()["Endpoints"]]
    assert not [name for name in endpoints if name.startswith("churn")]
