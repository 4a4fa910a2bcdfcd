"""Inference Recommender on the local cloud: deployed, run by its own role through Step Functions, read, and remembered."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greensage.local.cloud import LocalCloud
from tests.cloud.conftest import Cdk, bootstrapped, environment_of, session_of
from tests.cloud.lookup import copy_models, expected_of

pytestmark = pytest.mark.cloud
MORE = """
hosting: real-time
sla: {latency_p95_ms: 2000, cold_start_ok: false}
recommend: {sample: row.csv, job: JOB, budget_usd: 20}
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """With authorization on: the machine and the job have their own rights only."""
    cloud = LocalCloud(tmp_path_factory.mktemp("recommended"))
    cloud.up(auth=True)
    try:
        folder = tmp_path_factory.mktemp("recommend")
        models = copy_models(folder, [])
        (models / "row.csv").write_text(",".join(map(str, expected_of("churn")["rows"][0])) + "\n")
        for name, job in (("usual", "default"), ("own-load", "advanced")):
            head = f"name: {name}\nmodel: {{artifact: artifacts/churn.tar.gz, framework: xgboost}}\nregion: {{allowed: [eu-north-1]}}\n"
            (models / f"{name}.yaml").write_text(head + MORE.replace("JOB", job))
        cdk = bootstrapped(Cdk(models, environment_of(cloud), folder / "cdk.out"))
        cdk.deploy()
        yield cloud, cdk
        cdk.destroy()
    finally:
        cloud.down()


@pytest.mark.parametrize("name", ["usual", "own-load"])
def test_a_model_is_measured_and_the_planner_knows_it(deployed, tmp_path, name):
    _, cdk = deployed
    environment = {**cdk.environment, "GREENSAGE_CATALOG": str(tmp_path)}
    command = [sys.executable, "-m", "greensage", "recommend", name, "--models", str(cdk.models), "--yes"]
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["pick"] is not None and all(row["local"] and row["rate"] > 1 for row in found["measured"])
    assert [row["carbon_g"] for row in found["measured"]] == sorted(row["carbon_g"] for row in found["measured"])
    remembered = json.loads((tmp_path / "measured.json").read_text())["models"][name]
    assert 0 < remembered["cpu_ms_per_request"] < 500 and "on this machine" in remembered["by"]


def test_a_sample_that_the_model_refuses_fails_the_run_with_the_reason(deployed):
    cloud, _ = deployed
    session = session_of(cloud)
    place = json.loads(session.client("ssm").get_parameter(Name="/greensage/models/usual")["Parameter"]["Value"])
    machines = session.client("stepfunctions")
    definition = json.loads(machines.describe_state_machine(stateMachineArn=place["recommender"])["definition"])
    request = definition["States"]["Create"]["Parameters"]
    request["InputConfig"]["ContainerConfig"]["PayloadConfig"]["SupportedContentTypes"] = ["text/plain"]
    name = "spoiled"
    session.client("sagemaker").create_inference_recommendations_job(
        JobName=name, **{key: value for key, value in request.items() if key != "JobName.$"}
    )
    job = {"Status": "IN_PROGRESS"}
    while job["Status"] == "IN_PROGRESS":
        job = session.client("sagemaker").describe_inference_recommendations_job(JobName=name)
    assert job["Status"] == "FAILED" and "answered the sample with 4" in job["FailureReason"]
