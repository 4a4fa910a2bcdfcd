"""Hosting of which SageMaker captures nothing: the container does, as its own role, and the monitors read it."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from greensage.client import EndpointClient
from greensage.local.cloud import LocalCloud
from tests.looped import write_models

from .conftest import REGION, Cdk, bootstrapped, environment_of, session_of

pytestmark = pytest.mark.cloud
# The container writes a file after 30 seconds at the latest.
WRITTEN_SECONDS = 60
ROWS = 240


def model(name: str, hosting: str, more: str = "") -> str:
    # A batch job answers when it ends: it keeps no latency.
    sla = "" if hosting == "batch" else "sla: {latency_p95_ms: 5000, cold_start_ok: true}\n"
    return (
        f"name: {name}\nmodel: {{artifact: {name}.tar.gz, framework: xgboost}}\nregion: {{allowed: [{REGION}]}}\n"
        f"{sla}hosting: {hosting}\ndrift: {{features: psi}}\ntraffic: {{requests_per_day: 100}}\n{more}\n"
    )


FILES = (
    model("quick", "serverless"), model("queued", "asynchronous"), model("nightly", "batch"),
    model("first", "multi-model", "group: tabular"), model("second", "multi-model", "group: tabular"),
)  # fmt: skip


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    cloud = LocalCloud(tmp_path_factory.mktemp("captures-cloud"))
    cloud.up(auth=True)
    models = write_models(tmp_path_factory.mktemp("models") / "m", *FILES)
    cdk = bootstrapped(Cdk(models, environment_of(cloud), tmp_path_factory.mktemp("out")))
    cdk.deploy()
    yield session_of(cloud)
    cdk.destroy()
    cloud.down()


def place(session, name: str) -> dict:
    return json.loads(session.client("ssm").get_parameter(Name=f"/greensage/models/{name}")["Parameter"]["Value"])


def evaluate(session, name: str) -> dict:
    """Run the model's monitor once its captures are there; return the report."""
    loop, s3 = place(session, name)["loop"], session.client("s3")
    deadline = time.monotonic() + WRITTEN_SECONDS
    while not s3.list_objects_v2(Bucket=loop["bucket"], Prefix=f"{loop['prefix']}capture/").get("Contents"):
        assert time.monotonic() < deadline, f"nothing of {name} was captured"
        time.sleep(0.5)
    rows = session.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    machine = next(row["PhysicalResourceId"] for row in rows if row["LogicalResourceId"].startswith("DriftMachine"))
    machines = session.client("stepfunctions")
    arn = machines.start_execution(stateMachineArn=machine, input='{"time": ""}')["executionArn"]
    while (run := machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.1)
    assert run["status"] == "SUCCEEDED", run["cause"]
    key = f"{loop['prefix']}reports/{json.loads(run['output'])['id']}.json"
    return json.loads(s3.get_object(Bucket=loop["bucket"], Key=key)["Body"].read())


def drifted_rows() -> list[list[float]]:
    return (np.random.default_rng(1).random((ROWS, 30)) * 0.3).round(4).tolist()


def test_requests_to_each_kind_are_captured_and_evaluated(session):
    """Traffic first, to all of them: the containers write by time."""
    rows = drifted_rows()
    for name in ("quick", "first"):
        client = EndpointClient(name, session=session)
        for row in rows:
            client.predict([row])
    EndpointClient("queued", session=session).predict(rows)
    files, s3 = place(session, "nightly")["batch"], session.client("s3")
    body = "\n".join(",".join(map(str, row)) for row in rows)
    s3.put_object(Bucket=files["bucket"], Key=f"{files['input']}day.csv", Body=body.encode())
    for name in ("quick", "first", "queued", "nightly"):
        report = evaluate(session, name)
        assert report["rows"] == ROWS and report["bad_lines"] == {}, (name, report["rows"], report["bad_lines"])
        assert report["status"] == "drift" and len([item for item in report["drifted"] if item.startswith("f")]) == 30, name


def test_a_member_of_a_group_sees_its_own_requests_only(session):
    """`second` was asked nothing, so there is nothing of it, although `first` shares its container."""
    loop = place(session, "second")["loop"]
    assert loop["prefix"] == "second/" and loop["bucket"] == place(session, "first")["loop"]["bucket"]
    found = session.client("s3").list_objects_v2(Bucket=loop["bucket"])["Contents"]
    assert {row["Key"].split("/")[0] for row in found} == {"first"}
