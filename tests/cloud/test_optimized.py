"""Models that are made smaller or compiled in the cloud: by the job of a retraining, by Neo, by the Neuron compiler."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import time
import warnings

import numpy as np
import pytest

from tests.cloud.conftest import Cdk, bootstrapped, environment_of
from tests.cloud.full_loop import MODEL, OPTIMIZE, deployed
from tests.conftest import ARTIFACTS, ROOT

pytestmark = pytest.mark.cloud
OPTIMIZED = MODEL.replace(f'optimize: "{OPTIMIZE}", ', "") + "optimize: {mean_delta: 0.05, passes: [trees-compiled]}\n"


def archive_of(session, uri: str) -> tarfile.TarFile:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return tarfile.open(fileobj=io.BytesIO(session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with deployed(tmp_path_factory, "step-functions", model=OPTIMIZED) as made:
        yield made


@pytest.mark.skipif(not shutil.which("gcc") or not shutil.which("aarch64-linux-gnu-gcc"), reason="no compiler for both machines")
def test_the_winner_of_a_retraining_is_served_compiled(full):
    run = full.run()
    assert run["status"] == "SUCCEEDED" and run["record"]["outcome"] == "promoted", run
    assert [name for name in run["entered"] if name.startswith("Optim") or name == "Register"] == [
        "Optimize",
        "OptimizedArtifact",
        "OptimizedPlace",
        "Register",
    ]
    served = full.sagemaker.describe_endpoint(EndpointName=full.endpoint)["EndpointConfigName"]
    config = full.sagemaker.describe_endpoint_config(EndpointConfigName=served)
    model = full.sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])["PrimaryContainer"]
    assert model["ModelDataUrl"].endswith("-o/output/model.tar.gz") and model["Environment"]["GREENSAGE_ALLOW_CODE"] == "1"
    with archive_of(full.session, model["ModelDataUrl"]) as archive:
        assert {"trees.c", "trees-aarch64.so", "trees-x86_64.so"} <= set(archive.getnames())
    runtime = full.session.client("sagemaker-runtime")
    body = ",".join(["0.5"] * 30)
    answer = json.loads(runtime.invoke_endpoint(EndpointName=full.endpoint, Body=body, ContentType="text/csv")["Body"].read())
    assert 0 < answer["predictions"][0] < 1


def test_a_winner_that_cannot_be_optimized_is_deployed_as_it_is_and_the_record_says_so(full):
    run = full.run({"fault": "task-failure", "state": "Optimize", "error": "States.TaskFailed", "times": 9})
    assert run["status"] == "SUCCEEDED" and run["record"]["outcome"] == "promoted", run
    assert run["record"]["not_optimized"]["Error"] == "States.TaskFailed" and "OptimizedArtifact" not in run["entered"]


# -- compiled by AWS


@pytest.fixture(scope="module")
def compiling(local_cloud, tmp_path_factory):
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("compiling")
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3)).eval()
    with warnings.catch_warnings():  # torch recommends torch.export, and people have TorchScript
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(folder / "network.pt"))
    (folder / "notes.md").write_text("nothing to compile")
    for name, content in {"inf2": "network.pt", "empty": "notes.md"}.items():
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(folder / content, arcname=content)
    shutil.copy(ARTIFACTS / "churn.tar.gz", folder / "neo.tar.gz")
    cdk = Cdk(folder, environment_of(local_cloud), folder / "cdk.out", app=str(ROOT / "tests/cloud/compiling_app.py"))
    made = bootstrapped(cdk)
    made.deploy()
    yield network
    made.destroy()


def compile_now(session, name: str) -> tuple[dict, str]:
    rows = session.client("cloudformation").describe_stacks(StackName="compiling")["Stacks"][0]["Outputs"]
    found = {row["OutputKey"]: row["OutputValue"] for row in rows}
    machines = session.client("stepfunctions")
    arn = machines.start_execution(stateMachineArn=found[f"Machine{name}"], input="{}")["executionArn"]
    while (run := machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.1)
    return run, found[f"Place{name}"]


def test_the_neuron_compiler_runs_as_a_job_and_leaves_what_compiled_for_takes(compiling, session):
    import torch

    run, place = compile_now(session, "inf2")
    assert run["status"] == "SUCCEEDED", run
    assert json.loads(run["output"])["artifact"] == place
    with archive_of(session, place) as archive:
        lineage = json.load(archive.extractfile("greensage.json"))  # type: ignore[arg-type]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = torch.jit.load(io.BytesIO(archive.extractfile("model.pt").read()))  # type: ignore[union-attr]
    assert lineage["compiled"]["for"] == "inf2" and lineage["compiled"]["shapes"] == {"input": [2, 64]}
    rows = torch.rand(2, 64)
    np.testing.assert_allclose(compiled(rows).detach().numpy(), compiling(rows).detach().numpy(), atol=1e-5)


def test_a_compilation_without_a_model_fails_with_the_reason(compiling, session):
    run, _ = compile_now(session, "empty")
    assert run["status"] == "FAILED" and "it holds notes.md" in run["cause"]


def test_neo_compiles_by_a_state_machine_that_waits(compiling, session):
    run, place = compile_now(session, "neo")
    assert run["status"] == "SUCCEEDED", run
    assert json.loads(run["output"])["artifact"] == place
    with archive_of(session, place) as archive:
        assert archive.getnames()
