"""Each hosting kind beyond the first three, with the real CDK CLI: deployed, called, changed, destroyed."""

from __future__ import annotations

import json
import shutil
import urllib.request

import numpy as np
import pytest
import xgboost

from greensage.cli import main
from greensage.client import EndpointClient
from tests.cloud.conftest import EDGE_REGION, Cdk, RequestLoop, bootstrapped, environment_of, session_of
from tests.cloud.lookup import copy_models, endpoint_of, expected_of, instances_of, place_of, wait_for
from tests.cloud.models import other_churn_model, pack
from tests.conftest import MODELS

pytestmark = pytest.mark.cloud
CALLED = ("diabetes", "linnerud", "glucose", "pixels", "forest", "scans")
NAMES = (*CALLED, "claims", "sensor")
GROUPS = ("physio-multi-container", "vision-inference-components")


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("kinds")
    models = copy_models(folder, NAMES)
    made = bootstrapped(Cdk(models, environment_of(local_cloud), folder / "cdk.out"), EDGE_REGION)
    made.deploy()
    return made


def use_archive_of(cdk: Cdk, name: str, other: str) -> dict:
    """Put another model's archive in the place of `name`'s; return what that one answers."""
    shutil.copy(MODELS / f"artifacts/{other}.tar.gz", cdk.models / f"artifacts/{name}.tar.gz")
    return expected_of(other)


def edit(cdk: Cdk, name: str, old: str, new: str) -> None:
    path = cdk.models / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", CALLED)
def test_each_answers_with_the_models_own_predictions(cdk, session, name):
    wanted = expected_of(name)
    answer = EndpointClient(name, session=session).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)


# The command line


def test_each_kind_is_asked_logged_and_told_of_by_the_command_line(cdk, local_cloud, tmp_path, monkeypatch, capfdbinary):
    for key, value in environment_of(local_cloud).items():
        monkeypatch.setenv(key, value)
    for name in (*CALLED, "claims"):
        wanted = expected_of(name)
        rows = tmp_path / f"{name}.csv"
        rows.write_text("\n".join(",".join(map(repr, row)) for row in wanted["rows"]) + "\n")
        assert main(["invoke", name, str(rows), "--accept", "text/csv"]) == 0
        answered = [[float(cell) for cell in line.split(b",")] for line in capfdbinary.readouterr().out.split()]
        np.testing.assert_allclose(np.squeeze(answered), np.squeeze(wanted["predictions"]), atol=1e-5)
        assert main(["logs", name]) == 0 and capfdbinary.readouterr().out
    assert main(["logs", "claims", "--all"]) == 0 and b"START RequestId" in capfdbinary.readouterr().out
    rows = expected_of("diabetes")["rows"]
    streamed = b"".join(EndpointClient("diabetes").stream(json.dumps(rows * 40).encode(), content_type="application/json"))
    assert len(json.loads(streamed)["predictions"]) == 40 * len(rows) and len(streamed) > 1_024
    assert main(["invoke", "sensor", str(tmp_path / "claims.csv"), "--region", EDGE_REGION]) == 2
    assert b"runs on devices" in capfdbinary.readouterr().err

    def status() -> dict[str, dict[str, str]]:
        assert main(["status", "--json", "--regions", EDGE_REGION]) == 0
        return {row["model"]: row for row in json.loads(capfdbinary.readouterr().out)["models"]}

    # The answers of a job are there before the state machine has looked at it again.
    wait_for(lambda: status()["claims"]["state"] != "running")
    found = status()
    assert set(NAMES) <= set(found) and found["claims"]["state"] == "succeeded" and found["sensor"]["state"] == "on devices"


# Multi-container


def test_containers_of_a_group_share_one_endpoint_and_are_called_by_name(cdk, session):
    endpoint = endpoint_of(session, "diabetes")
    assert endpoint == endpoint_of(session, "linnerud")
    runtime = session.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ClientError, match="needs the header TargetContainerHostname"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1", ContentType="text/csv")
    with pytest.raises(runtime.exceptions.ClientError, match="There is no container with the hostname"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1", ContentType="text/csv", TargetContainerHostname="nobody")


def test_a_third_container_joins_and_one_changes_without_a_failed_request(cdk, session):
    text = (cdk.models / "diabetes.yaml").read_text()
    (cdk.models / "second.yaml").write_text(text.replace("name: diabetes", "name: second"))
    wanted = expected_of("linnerud")
    with RequestLoop(EndpointClient("linnerud", session=session), wanted["rows"]) as loop:
        cdk.deploy("second", "physio-multi-container")
    assert loop.failures == [] and len(loop.answers) > 50
    first = expected_of("diabetes")
    answer = EndpointClient("second", session=session).predict(first["rows"])
    np.testing.assert_allclose(answer, first["predictions"], atol=1e-5)
    cdk("destroy", "second", "--force", "--exclusively")
    (cdk.models / "second.yaml").unlink()
    with RequestLoop(EndpointClient("linnerud", session=session), wanted["rows"]) as loop:
        cdk.deploy("physio-multi-container")
    assert loop.failures == []


# Serial pipeline


def test_every_request_passes_all_containers_of_a_pipeline(cdk, session):
    model = session.client("sagemaker").list_models()["Models"]
    (name,) = [row["ModelName"] for row in model if row["ModelName"].startswith("glucose")]
    containers = session.client("sagemaker").describe_model(ModelName=name)["Containers"]
    assert [row["ContainerHostname"] for row in containers] == ["before-1", "model"]


def test_a_pipeline_says_which_rows_it_refuses(cdk, session):
    runtime = session.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="the model takes 10 features in a row, got 2"):
        runtime.invoke_endpoint(EndpointName=endpoint_of(session, "glucose"), Body=b"1,2", ContentType="text/csv")


def test_a_new_archive_of_a_pipeline_is_served_without_a_failed_request(cdk, session):
    rows = expected_of("glucose")["rows"]
    before = EndpointClient("glucose", session=session).predict(rows)
    booster = xgboost.train({"nthread": 1, "base_score": 0.5}, xgboost.DMatrix(np.array(rows), label=np.zeros(len(rows))), 1)
    with RequestLoop(EndpointClient("glucose", session=session), rows) as loop:
        pack(cdk.models / "artifacts/glucose.tar.gz", "xgboost-model.ubj", bytes(booster.save_raw("ubj")))
        cdk.deploy("glucose")
    assert loop.failures == [] and len(loop.answers) > 50
    after = EndpointClient("glucose", session=session).predict(rows)
    assert not np.allclose(before, after) and loop.answers[-1] == pytest.approx(after[0], abs=1e-6)


# Inference components


def copies_of(session, name: str) -> int:
    found = session.client("sagemaker").describe_inference_component(InferenceComponentName=name)
    return found["RuntimeConfig"]["CurrentCopyCount"]


def test_components_and_their_instances_go_to_zero_and_a_request_wakes_them(cdk, session):
    endpoint = endpoint_of(session, "pixels")
    wait_for(lambda: copies_of(session, "vision-pixels") == 0 and copies_of(session, "vision-forest") == 0, 90)
    wait_for(lambda: instances_of(session, endpoint) == 0)
    runtime = session.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ClientError, match="no capacity"):
        runtime.invoke_endpoint(EndpointName=endpoint, InferenceComponentName="vision-pixels", Body=b"1", ContentType="text/csv")
    wanted = expected_of("pixels")
    np.testing.assert_allclose(
        EndpointClient("pixels", session=session).predict(wanted["rows"]), wanted["predictions"], atol=1e-5
    )
    assert copies_of(session, "vision-pixels") == 1
    wait_for(lambda: instances_of(session, endpoint) == 1)


def test_a_component_gets_another_model_without_touching_the_endpoint(cdk, session):
    endpoint = endpoint_of(session, "forest")
    before = session.client("sagemaker").describe_endpoint(EndpointName=endpoint)["LastModifiedTime"]
    wanted = use_archive_of(cdk, "forest", "pixels")
    with RequestLoop(EndpointClient("pixels", session=session), wanted["rows"]) as loop:
        cdk.deploy("forest")
    assert loop.failures == []
    np.testing.assert_allclose(
        EndpointClient("forest", session=session).predict(wanted["rows"]), wanted["predictions"], atol=1e-5
    )
    assert session.client("sagemaker").describe_endpoint(EndpointName=endpoint)["LastModifiedTime"] == before


def test_the_instance_type_of_components_changes_in_place(cdk, session):
    wanted = expected_of("pixels")
    endpoint = endpoint_of(session, "pixels")
    for name in ("pixels", "forest"):
        edit(cdk, name, "memory_mb: 512", "memory_mb: 512\n  instance_type: ml.c5.large")
    cdk("deploy", GROUPS[1], "--exclusively", "--require-approval", "never")
    assert endpoint_of(session, "pixels") == endpoint
    answer = EndpointClient("pixels", session=session).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)


# Asynchronous


def test_an_asynchronous_answer_is_announced_and_a_failure_has_a_file(cdk, session):
    sqs, sns, s3 = (session.client(name) for name in ("sqs", "sns", "s3"))
    queue = sqs.create_queue(QueueName="results")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for topic in sns.list_topics()["Topics"]:
        sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
    EndpointClient("scans", session=session).predict(expected_of("scans")["rows"])
    with pytest.raises(RuntimeError, match="asynchronous request failed"):
        EndpointClient("scans", session=session).invoke(b"1,2", content_type="text/csv")
    messages: list[str] = []

    def both() -> bool:
        rows = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        messages.extend(row["Body"] for row in rows)
        return any("Completed" in text for text in messages) and any("Failed" in text for text in messages)

    wait_for(both)
    place = place_of(session, "scans")["asynchronous"]
    assert s3.list_objects_v2(Bucket=place["bucket"], Prefix="failures/")["KeyCount"] == 1


def test_asynchronous_instances_go_to_zero_and_what_waits_wakes_them(cdk, session):
    endpoint = endpoint_of(session, "scans")
    wait_for(lambda: instances_of(session, endpoint) == 0, 90)
    wanted = expected_of("scans")
    np.testing.assert_allclose(EndpointClient("scans", session=session).predict(wanted["rows"]), wanted["predictions"], atol=1e-5)
    assert instances_of(session, endpoint) == 1


def test_a_new_archive_of_an_asynchronous_endpoint_keeps_the_queue(cdk, session):
    wanted = use_archive_of(cdk, "scans", "pixels")
    with RequestLoop(EndpointClient("scans", session=session), wanted["rows"]) as loop:
        cdk.deploy("scans")
    assert loop.failures == [] and loop.answers
    answer = EndpointClient("scans", session=session).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)


# Batch


def score(session, rows: list[list[float]], name: str) -> str:
    """Put a file where it arrives, and return what comes out."""
    place, s3 = place_of(session, "claims")["batch"], session.client("s3")
    body = "\n".join(",".join(map(repr, row)) for row in rows)
    s3.put_object(Bucket=place["bucket"], Key=f"{place['input']}{name}", Body=body.encode())
    key = f"{place['output']}{name}.out"
    wait_for(lambda: s3.list_objects_v2(Bucket=place["bucket"], Prefix=key)["KeyCount"])
    return s3.get_object(Bucket=place["bucket"], Key=key)["Body"].read().decode()


def test_a_file_that_arrives_is_scored_and_nothing_keeps_running(cdk, session):
    wanted = expected_of("claims")
    answer = [float(line) for line in score(session, wanted["rows"], "today.csv").splitlines()]
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-6)
    jobs = session.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]
    assert {row["TransformJobStatus"] for row in jobs} == {"Completed"}
    assert all(len(row["TransformJobName"]) <= 63 for row in jobs)


def test_the_schedule_scores_everything_below_the_input_prefix(cdk, session):
    events, steps = session.client("events"), session.client("stepfunctions")
    (rule,) = [row for row in events.list_rules()["Rules"] if row.get("ScheduleExpression") == "cron(0 2 * * ? *)"]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    place = place_of(session, "claims")
    assert target["Arn"] == place["stateMachine"]
    run = steps.start_execution(stateMachineArn=target["Arn"], input=target["Input"])["executionArn"]
    assert wait_for(lambda: steps.describe_execution(executionArn=run)["status"] != "RUNNING" and "ended")
    found = steps.describe_execution(executionArn=run)
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"])["TransformJobStatus"] == "Completed"


def test_a_file_that_the_model_refuses_fails_the_run_and_says_why(cdk, session):
    place, steps = place_of(session, "claims"), session.client("stepfunctions")
    bucket = place["batch"]["bucket"]
    session.client("s3").put_object(Bucket=bucket, Key="input-bad/broken.csv", Body=b"1,2\n")
    run = steps.start_execution(stateMachineArn=place["stateMachine"], input=json.dumps({"input": f"s3://{bucket}/input-bad/"}))
    wait_for(lambda: steps.describe_execution(executionArn=run["executionArn"])["status"] != "RUNNING")
    found = steps.describe_execution(executionArn=run["executionArn"])
    assert found["status"] == "FAILED"
    assert "may not s3:ListBucket" in found["cause"], "the role reads its own input prefix and nothing else"


def test_the_log_group_of_all_transform_jobs_expires(cdk, session):
    (group,) = session.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/TransformJobs")["logGroups"]
    assert group["retentionInDays"] == 14


def test_a_new_archive_is_used_by_the_next_job(cdk, session):
    model, predictions, rows = other_churn_model()
    pack(cdk.models / "artifacts/claims.tar.gz", "xgboost-model.ubj", model)
    cdk.deploy("claims")
    answer = [float(line) for line in score(session, rows, "tomorrow.csv").splitlines()]
    np.testing.assert_allclose(answer, predictions, atol=1e-6)


# Edge


def device_of(local_cloud) -> dict:
    client = session_of(local_cloud, region=EDGE_REGION).client("greengrassv2")
    (row,) = client.list_installed_components(coreDeviceThingName="field-sensors-device")["installedComponents"]
    return row


def ask_device(local_cloud, rows: list[list[float]]) -> list:
    url = device_of(local_cloud)["lifecycleStateDetails"].split()[-1]
    body = json.dumps({"instances": rows}).encode()
    request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())["predictions"]


def test_a_device_of_the_group_serves_the_model(cdk, local_cloud):
    wanted = expected_of("sensor")
    np.testing.assert_allclose(ask_device(local_cloud, wanted["rows"]), wanted["predictions"], atol=1e-5)


def test_a_new_archive_is_a_new_version_on_the_devices(cdk, local_cloud):
    before = device_of(local_cloud)["componentVersion"]
    wanted = use_archive_of(cdk, "sensor", "digits")
    cdk.deploy("sensor")
    assert device_of(local_cloud)["componentVersion"] != before
    np.testing.assert_allclose(ask_device(local_cloud, wanted["rows"]), wanted["predictions"], atol=1e-5)


def test_a_model_for_a_known_device_is_compiled_first(cdk, session, local_cloud):
    edit(cdk, "sensor", "kind: edge", "kind: edge\n  device: jetson_xavier\n  input_shape: '{\"X\": [1, 64]}'")
    before = device_of(local_cloud)["componentVersion"]
    cdk.deploy("sensor")
    assert device_of(local_cloud)["componentVersion"] != before
    wanted = expected_of("digits")
    np.testing.assert_allclose(ask_device(local_cloud, wanted["rows"]), wanted["predictions"], atol=1e-5)
    edge = session_of(local_cloud, region=EDGE_REGION)
    bucket = edge.client("ssm").get_parameter(Name="/greensage/platform/artifact-bucket")["Parameter"]["Value"]
    keys = [row["Key"] for row in edge.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert any(key.startswith("models/sensor/compiled/") and key.endswith("-jetson_xavier.tar.gz") for key in keys)


# The end


def test_destroy_leaves_nothing(cdk, session, local_cloud):
    cdk.destroy()
    sagemaker = session.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_inference_components()["InferenceComponents"] == []
    assert sagemaker.list_models()["Models"] == []
    assert session.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert session.client("events").list_rules()["Rules"] == []
    assert session.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert (
        session.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    )
    assert device_of(local_cloud)["lifecycleState"] == "RUNNING", "devices keep what they have, as on AWS"
    groups = [row["logGroupName"] for row in session.client("logs").describe_log_groups()["logGroups"]]
    assert groups == ["/aws/sagemaker/TransformJobs"], "shared by the account's other jobs, and it expires"
