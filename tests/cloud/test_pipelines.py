"""The loop by SageMaker Pipelines: a definition made with the real SDK, deployed by the CDK CLI, started by the decision."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest

from greensage.drift.labels import label_line
from tests.conftest import ROOT

from .conftest import ACCOUNT, REGION
from .full_loop import OPTIMIZE, SCALE, Full, deployed

pytestmark = pytest.mark.cloud
SDK = ROOT / ".venv-sdk/bin/python"


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    if not SDK.exists():
        pytest.skip("make .venv-sdk/installed")
    with deployed(tmp_path_factory, "pipelines", str(SDK)) as made:
        made.pipeline = made.id("RetrainingEnginePipeline")
        yield made


def executions(full: Full, name: str) -> list[dict]:
    rows = full.sagemaker.list_pipeline_executions(PipelineName=full.pipeline)["PipelineExecutionSummaries"]
    return [row for row in rows if row["PipelineExecutionDisplayName"] == name]


def run(full: Full, *faults: dict, answer: str | None = "approve", stop_at: str = "") -> dict:
    """Start a retraining as the decision does; return its record, and the steps of its executions by name."""
    full.number += 1
    name = f"retraining-{full.number}"
    full.faults(*faults)
    values = {"Name": name, "Number": str(full.number), "Report": "by-hand", "Reasons": "a test; another"}
    arn = full.sagemaker.start_pipeline_execution(
        PipelineName=full.pipeline, PipelineExecutionDisplayName=name, ClientRequestToken=name.ljust(32, "-"),
        PipelineParameters=[{"Name": key, "Value": value} for key, value in values.items()],
    )["PipelineExecutionArn"]  # fmt: skip
    found = wait(full, name, answer, arn if stop_at else "", stop_at)
    full.faults()
    return found


def wait(full: Full, name: str, answer: str | None = "approve", arn: str = "", stop_at: str = "") -> dict:
    deadline = time.monotonic() + 90
    while (record := full.record(name)) is None or any(
        row["PipelineExecutionStatus"] in ("Executing", "Stopping") for row in executions(full, name)
    ):
        assert time.monotonic() < deadline, [steps(full, row["PipelineExecutionArn"]) for row in executions(full, name)]
        if answer:
            full.answer(answer)
        if stop_at and stop_at in steps(full, arn):
            full.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
            stop_at = ""
        time.sleep(0.1)
    full.answer("with silence")
    rows = executions(full, name)
    return {
        "record": record, "steps": steps(full, rows[0]["PipelineExecutionArn"]),
        "statuses": [row["PipelineExecutionStatus"] for row in rows],
    }  # fmt: skip


def steps(full: Full, arn: str) -> dict[str, dict]:
    rows = full.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return {row["StepName"]: row for row in rows}


def test_a_kpi_that_fell_starts_the_pipeline_and_a_better_model_is_promoted(full):
    """From captured requests and labels to the new champion, with a person's approval on the way."""
    runtime, random = full.session.client("sagemaker-runtime"), np.random.default_rng(4)
    lines = []
    for index, row in enumerate(random.random((400, 30))):
        body = ",".join(f"{cell:.4f}" for cell in row)
        runtime.invoke_endpoint(EndpointName=full.endpoint, ContentType="text/csv", Body=body, InferenceId=f"r{index}")
        lines.append(label_line(f"r{index}", float(row[3] > 0.5)))
    full.s3.put_object(Bucket=full.bucket, Key="labels/all.jsonl", Body="\n".join(lines).encode())
    time.sleep(1.5)
    report = json.loads(full.evaluate()["output"])["id"]
    full.number = 1
    found = wait(full, "retraining-1")
    decision = json.loads(full.s3.get_object(Bucket=full.bucket, Key=f"decisions/{report}.json")["Body"].read())
    assert decision["action"] == "retrain" and decision["execution"] == "retraining-1" and not decision["joined"]
    assert found["record"]["outcome"] == "promoted" and found["statuses"] == ["Succeeded"], found
    assert set(found["steps"]) == {
        "Prepare", "IsItAlone", "GreenHour", "TrainOnSpot", "CompareJob", "Compare", "DidItWin", "Optimize", "Register",
        "AskAPerson", "Approve", "Deploy", "WaitForUpdate", "Finish", "RecordPromoted",
    }  # fmt: skip
    (package,) = full.packages()
    described = full.sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    assert "a person" in described["ApprovalDescription"]
    assert (
        package["ModelApprovalStatus"] == "Approved" and described["CustomerMetadataProperties"]["instanceType"] == "ml.m5.large"
    )
    assert found["record"]["verdict"]["gain"] > 0.2 and not any(full.left().values())


def test_the_same_report_starts_nothing_twice(full):
    rows = full.s3.list_objects_v2(Bucket=full.bucket, Prefix="decisions/")["Contents"]
    name = rows[0]["Key"].split("/")[1].removesuffix(".json")
    function = full.id("RetrainingDecideFunction")
    answer = full.functions.invoke(FunctionName=function, Payload=json.dumps({"report": name}))
    assert json.loads(answer["Payload"].read())["execution"] == "retraining-1"
    assert len(full.sagemaker.list_pipeline_executions(PipelineName=full.pipeline)["PipelineExecutionSummaries"]) == 1


def test_what_passes_is_tried_again(full):
    found = run(
        full, {"fault": "CreateTrainingJob", "times": 1}, {"fault": "CreateModelPackage", "times": 1},
        {"fault": "CreateProcessingJob", "times": 1},
    )  # fmt: skip
    assert found["record"]["outcome"] == "promoted", found
    assert [found["steps"][name]["AttemptCount"] for name in ("TrainOnSpot", "CompareJob")] == [2, 2]


def test_an_end_that_is_told_twice_is_seen_to_once_and_a_lost_answer_leaves_nothing(full):
    twice = run(full, {"fault": "processing-failure", "times": 9}, {"fault": "event-twice"})
    assert twice["record"]["outcome"] == "failed" and twice["record"]["training"]["seconds"] > 0
    (row,) = executions(full, twice["record"]["name"])
    deadline = time.monotonic() + 60
    while row["PipelineExecutionArn"].rsplit("/", 1)[1] not in full.handled():  # the record comes before the mark
        assert time.monotonic() < deadline, full.handled()
        time.sleep(0.1)
    time.sleep(1)  # the second telling comes right behind the first
    full.answer("with silence")
    told = [row["outcome"] for row in full.told if row.get("name") == twice["record"]["name"]]
    assert told == ["failed"], full.told
    for step in ("Prepare", "Compare", "Register", "Deploy"):
        lost = run(full, {"fault": "task-timeout", "state": step})
        assert lost["statuses"] == ["Failed"] and "timed out" in json.dumps(lost["record"]["failure"]), step
        assert lost["record"]["outcome"] == ("promoted" if step == "Deploy" else "failed")
        assert not any(full.left().values()), (step, full.left())


def test_a_second_one_is_refused_and_is_no_failure(full):
    first = threading.Thread(target=run, args=(full,))
    first.start()
    while not executions(full, f"retraining-{full.number}"):
        time.sleep(0.05)
    values = {"Name": "retraining-900", "Number": "900"}
    arn = full.sagemaker.start_pipeline_execution(
        PipelineName=full.pipeline, PipelineExecutionDisplayName="retraining-900", ClientRequestToken="9" * 32,
        PipelineParameters=[{"Name": key, "Value": value} for key, value in values.items()],
    )["PipelineExecutionArn"]  # fmt: skip
    first.join()
    assert set(steps(full, arn)) == {"Prepare", "IsItAlone"} and full.record("retraining-900") is None
    assert executions(full, "retraining-900")[0]["PipelineExecutionStatus"] == "Succeeded"


def test_without_spot_capacity_the_next_type_is_tried_by_another_execution(full):
    found = run(full, {"fault": "spot-capacity", "times": 2})
    assert found["statuses"] == ["Succeeded", "Failed", "Failed"] and found["record"]["outcome"] == "promoted"
    assert found["record"]["training"]["type"] == "ml.m5.2xlarge"
    found = run(full, {"fault": "spot-capacity", "times": 3})
    assert found["statuses"] == ["Failed"] * 3 and "no instance type is left" not in json.dumps(found["record"]["verdict"])
    assert found["record"]["outcome"] == "failed" and not any(full.left().values())


@pytest.mark.parametrize(
    ("fault", "last", "said"),
    [
        ({"fault": "training-failure", "times": 9}, "TrainOnSpot", "AlgorithmError"),
        ({"fault": "processing-failure", "times": 9}, "CompareJob", "AlgorithmError"),
        ({"fault": "CreateModelPackage", "times": 99}, "Register", "Rate exceeded"),
        ({"fault": "endpoint-update", "times": 1}, "WaitForUpdate", "RolledBack"),
    ],
)
def test_what_fails_ends_the_execution_and_leaves_nothing_half_made(full, fault, last, said):
    found = run(full, fault)
    assert found["statuses"] == ["Failed"] and found["steps"][last]["StepStatus"] == "Failed"
    assert found["record"]["outcome"] == "failed" and said in json.dumps(found["record"]["failure"]), found["record"]
    assert not any(full.left().values())


def test_a_person_may_refuse_or_never_answer_and_anyone_may_stop_it(full):
    refused = run(full, answer="reject")
    assert refused["record"]["outcome"] == "failed" and "not on a Friday" in json.dumps(refused["record"]["failure"])
    begun = time.monotonic()
    silent = run(full, answer=None)
    assert "nobody answered" in json.dumps(silent["record"]["failure"]) and time.monotonic() - begun > 3_600 * SCALE / 2
    stopped = run(full, answer=None, stop_at="AskAPerson")
    assert stopped["statuses"] == ["Stopped"] and stopped["record"]["outcome"] == "failed"
    assert not any(full.left().values())


def test_losers_are_dropped(full):
    rules = full.setting("RetrainingDataFunction", "rules")
    full.change("RetrainingDataFunction", rules={**rules, "margin": 2})
    found = run(full)
    full.change("RetrainingDataFunction", rules=rules)
    assert found["record"]["outcome"] == "kept" and "RecordKept" in found["steps"] and not any(full.left().values())


def test_the_rights_of_the_pipelines_roles_end_at_the_neighbours(full):
    own, sagemaker = f"arn:aws:s3:::{full.bucket}", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    for role, action, mine, theirs in (
        ("RetrainingEngineStepsRole", "s3:PutObject", f"{own}/state/retraining-1.json", f"{own}/state/history.json"),
        ("RetrainingEngineWaitingRole", "s3:GetObject", f"{own}/state/waits/x.json", f"{own}/capture/x"),
        ("RetrainingEngineWaitingRole", "sagemaker:StartPipelineExecution", f"{sagemaker}:pipeline/{full.pipeline}",
         f"{sagemaker}:pipeline/neighbour"),
        ("RetrainingEngineRole", "sagemaker:CreateTrainingJob", f"{sagemaker}:training-job/{full.pipeline}-t-x",
         f"{sagemaker}:training-job/neighbour-t-x"),
        ("RetrainingEngineRole", "lambda:InvokeFunction", OPTIMIZE, OPTIMIZE.replace("prune", "neighbour")),
        ("RetrainingDecideRole", "sagemaker:StartPipelineExecution", f"{sagemaker}:pipeline/{full.pipeline}",
         f"{sagemaker}:pipeline/neighbour"),
    ):  # fmt: skip
        assert [full.may(role, action, item) for item in (mine, theirs)] == [True, False], (role, action)


def test_the_definition_is_the_sdks_and_the_same_each_time(full):
    """What is deployed is what the SDK made; nothing in it changes from synthesis to synthesis."""
    deployed_now = json.loads(full.sagemaker.describe_pipeline(PipelineName=full.pipeline)["PipelineDefinition"])
    assert deployed_now["Version"] == "2020-12-01" and [row["Name"] for row in deployed_now["Steps"]] == ["Prepare", "IsItAlone"]
    template = json.loads((full.output / "full.template.json").read_text())
    (resource,) = (row for row in template["Resources"].values() if row["Type"] == "AWS::SageMaker::Pipeline")
    text = json.dumps(resource["Properties"]["PipelineDefinition"])
    assert "MaxWaitTimeInSeconds" in text and "EnableManagedSpotTraining" in text
