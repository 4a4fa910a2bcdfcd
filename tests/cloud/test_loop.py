"""The retraining loop for real: real drift, a real training, faults on request, rights that end at the neighbour's."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greensage.cli import main
from greensage.local.cloud import LocalCloud
from tests.conftest import ROOT

from .conftest import ACCOUNT, REGION, Cdk, bootstrapped, environment_of

sys.path.insert(0, str(ROOT / "tools"))
pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = LocalCloud(tmp_path_factory.mktemp("loop-cloud"))
    made.up(auth=False)
    yield made
    made.down()


@pytest.fixture(scope="module")
def loop(cloud, tmp_path_factory):
    """The example, deployed; its tool talks to boto3's default session, so the environment points at this cloud."""
    import elec2

    try:
        elec2.main()
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"the electricity prices cannot be fetched from PyPI: {problem}")
    patch = pytest.MonkeyPatch()
    for key, value in cloud.environment(REGION).items():
        patch.setenv(key, value)
    cdk = Cdk(ROOT / "examples/drift", environment_of(cloud), tmp_path_factory.mktemp("out"))
    bootstrapped(cdk)
    cdk.deploy()
    from demo_drift import Loop

    yield Loop(*elec2.series())
    cdk.destroy()
    patch.undo()


def faults(cloud: LocalCloud, *rows: dict) -> None:
    (cloud.folder / "faults.json").write_text(json.dumps(rows))


def start(loop, number: int, **changes) -> dict:
    """Run one retraining by hand, as a decision would start it; return its end and its states."""
    given = {"number": number, "name": f"retraining-{number}", "report": "by-hand", "reasons": ["a test"], **changes}
    arn = loop.machines.start_execution(stateMachineArn=loop.retraining, name=given["name"], input=json.dumps(given))[
        "executionArn"
    ]
    run = loop.wait(arn)
    pages = loop.machines.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    entered = [row["stateEnteredEventDetails"]["name"] for row in events if "stateEnteredEventDetails" in row]
    return {**run, "entered": entered}


def record(loop, number: int) -> dict:
    key = f"records/retraining-{number}.json"
    return json.loads(loop.s3.get_object(Bucket=loop.bucket, Key=key)["Body"].read())


def packages(loop) -> list[dict]:
    import boto3

    sagemaker = boto3.client("sagemaker")
    (group,) = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    return sagemaker.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])["ModelPackageSummaryList"]


def test_nothing_then_an_alarm_then_one_retraining_then_nothing(loop, cloud):
    faults(cloud, {"fault": "spot-interruption", "times": 1}, {"fault": "CreateModelPackage", "times": 1})
    assert loop.run()
    assert packages(loop)[0]["ModelApprovalStatus"] == "Approved"
    assert json.loads((cloud.folder / "faults.json").read_text())[0]["times"] == 0  # it was interrupted, and went on


def test_people_see_what_is_open_answer_it_and_replay_what_was_captured(loop, tmp_path, capsys):
    """`greensage drift`: calm after the promotion; then the market of 1996 comes back, which the new champion never saw."""
    shown = ["drift", "elec2", "--region", REGION]
    assert main(shown) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "elec2: nothing is open." and any(row.endswith("ok ok drift drift drift ok") for row in lines)
    for row in range(300):
        loop.ask(row, f"old-{row}")
    assert loop.evaluate()["action"] == "alert"
    assert main([*shown, "--html", str(tmp_path / "drift.html")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("elec2: drift of ") and "not acknowledged" in lines[0]
    assert any(row.startswith("KPI auc: 0.") and row.endswith("holds") for row in lines)
    assert "<svg" in (tmp_path / "drift.html").read_text()
    page = next(row for row in lines if row.startswith("Pictures: s3://")).removeprefix("Pictures: s3://")
    bucket, _, key = page.partition("/")
    assert loop.s3.get_object(Bucket=bucket, Key=key)["ContentType"].startswith("text/html")
    assert main([*shown, "--acknowledge", "--json"]) == 0
    assert all(row["acknowledged"] for row in json.loads(capsys.readouterr().out)["incidents"])
    baseline = ROOT / "examples/drift/artifacts/elec2.statistics.json"
    replayed = [
        "drift",
        "replay",
        f"s3://{loop.bucket}/capture/",
        "--region",
        REGION,
        "--baseline",
        str(baseline),
        "--every",
        "672",
    ]
    assert main(replayed) == 1
    assert " windows, 1 alarm" in capsys.readouterr().out
    assert main([*shown, "--accept"]) == 2
    assert "300 rows came since then, and a baseline needs 1,000" in capsys.readouterr().err


def test_corrupted_captures_are_counted_kept_and_not_fatal(loop):
    import elec2

    place = "capture/elec2/AllTraffic/2026/11/25/00/broken.jsonl"
    good = loop.s3.list_objects_v2(Bucket=loop.bucket, Prefix="capture/")["Contents"][0]["Key"]
    line = loop.s3.get_object(Bucket=loop.bucket, Key=good)["Body"].read()
    loop.s3.put_object(Bucket=loop.bucket, Key=place, Body=line + b'{"captureData": {"endpo\n\xff\xfe\n' + line[:80])
    for offset in range(250):
        loop.ask(elec2.CHANGE + 4 * 672 + offset, f"mixed-{offset}")
    decision = loop.evaluate()
    assert decision["bad_lines"] == {"unreadable": 3}
    report = json.loads(loop.s3.get_object(Bucket=loop.bucket, Key=f"reports/{decision['report']}.json")["Body"].read())
    kept = loop.s3.get_object(Bucket=loop.bucket, Key=report["quarantine"])["Body"].read().decode().splitlines()
    assert [json.loads(row)["file"] for row in kept] == [place] * 3


def test_an_event_that_comes_twice_is_decided_once(loop):
    import boto3

    name = (
        loop.s3.list_objects_v2(Bucket=loop.bucket, Prefix="decisions/")["Contents"][0]["Key"].split("/")[1].removesuffix(".json")
    )
    rows = boto3.client("cloudformation").describe_stack_resources(StackName="elec2")["StackResources"]
    function = next(row for row in rows if row["LogicalResourceId"].startswith("RetrainingDecideFunction"))["PhysicalResourceId"]
    before = len(loop.machines.list_executions(stateMachineArn=loop.retraining)["executions"])
    answers = [
        json.loads(
            boto3.client("lambda")
            .invoke(FunctionName=function, Payload=json.dumps({"detail": {"report": name}}))["Payload"]
            .read()
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1] and answers[0]["report"] == name
    assert len(loop.machines.list_executions(stateMachineArn=loop.retraining)["executions"]) == before


@pytest.mark.parametrize(
    ("number", "fault", "times", "last", "said"),
    [
        (16, "CreateTrainingJob", 9, "TrainOnSpot", "Rate exceeded"),
        (17, "training-failure", 9, "TrainOnSpot", "AlgorithmError"),
        (18, "processing-failure", 9, "CompareJob", "AlgorithmError"),
        (19, "CreateModelPackage", 60, "Register", "Rate exceeded"),
        (20, "endpoint-update", 1, "IsItUpdated", "RolledBack"),
    ],
)
def test_whatever_fails_is_recorded_and_leaves_nothing_half_made(loop, cloud, number, fault, times, last, said):
    import boto3

    sagemaker = boto3.client("sagemaker")
    serving = sagemaker.describe_endpoint(EndpointName=loop.endpoint)["EndpointConfigName"]
    models = loop_models()
    faults(cloud, {"fault": fault, "times": times})
    run = start(loop, number)
    faults(cloud)
    found = record(loop, number)
    assert run["status"] == "FAILED" and run["error"] == "RetrainingFailed"
    assert found["outcome"] == "failed" and said in json.dumps(found["failure"]), found
    assert last in run["entered"] and run["entered"][-4:] == ["CleanUp", "RecordFailed", "TellFailure", "Failed"]
    assert sagemaker.describe_endpoint(EndpointName=loop.endpoint)["EndpointConfigName"] == serving
    assert loop_models() == models
    assert sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"] == []
    assert all(row["ModelApprovalStatus"] != "PendingManualApproval" for row in packages(loop))


def test_a_challenger_that_does_not_win_is_dropped(loop):
    start(loop, 25)
    run = start(loop, 26)
    found = record(loop, 26)
    assert run["status"] == "SUCCEEDED" and found["outcome"] == "kept", found
    assert "DropLoser" in run["entered"] and "Register" not in run["entered"]


def test_no_spot_capacity_tries_the_next_type_and_at_last_on_demand(loop, cloud):
    faults(cloud, {"fault": "spot-capacity", "times": 3})
    run = start(loop, 27)
    assert run["status"] == "SUCCEEDED", record(loop, 27)
    assert run["entered"].count("TrainOnSpot") == 3 and run["entered"].count("TrainOnDemand") == 1
    assert record(loop, 27)["training"]["type"] == "ml.m5.large"


def test_a_second_retraining_is_refused_while_one_runs(loop):
    given = [{"number": number, "name": f"retraining-{number}", "report": "x", "reasons": []} for number in (30, 31)]
    arns = [
        loop.machines.start_execution(stateMachineArn=loop.retraining, name=row["name"], input=json.dumps(row))["executionArn"]
        for row in given
    ]
    runs = [loop.wait(arn) for arn in arns]
    outputs = [json.loads(run["output"]) for run in runs]
    assert [output["prepared"]["refused"] for output in outputs] == [False, True]


def loop_models() -> set[str]:
    import boto3

    return {row["ModelName"] for row in boto3.client("sagemaker").list_models()["Models"]}


def test_the_rights_of_each_role_end_at_the_neighbours(loop):
    """IAM's own simulator, on the policies that were deployed: each role may what it does, on nothing of a neighbour."""
    import boto3

    iam = boto3.client("iam")
    rows = boto3.client("cloudformation").describe_stack_resources(StackName="elec2")["StackResources"]
    roles = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows if row["ResourceType"] == "AWS::IAM::Role"}
    sagemaker = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    own, other = f"arn:aws:s3:::{loop.bucket}", "arn:aws:s3:::neighbour-loop"
    tried = [
        ("DriftEvaluateRole", "s3:GetObject", f"{own}/capture/x", f"{other}/capture/x"),
        ("DriftEvaluateRole", "s3:PutObject", f"{own}/reports/x", f"{own}/capture/x"),
        ("RetrainingDecideRole", "s3:PutObject", f"{own}/decisions/x", f"{own}/state/baseline.json"),
        ("RetrainingDataRole", "s3:PutObject", f"{own}/retraining/x", f"{own}/reports/x"),
        ("RetrainingDeployRole", "sagemaker:UpdateEndpoint", f"{sagemaker}:endpoint/{loop.endpoint}", f"{sagemaker}:endpoint/churn"),
        ("RetrainingJobsTrainingRole", "s3:GetObject", f"{own}/retraining/r/recent/x", f"{own}/labels/x"),
        ("RetrainingJobsComparingRole", "s3:PutObject", f"{own}/retraining/r/compared/x", f"{own}/state/history.json"),
    ]  # fmt: skip
    for start_of_id, action, mine, theirs in tried:
        role = next(name for logical, name in roles.items() if logical.startswith(start_of_id))
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        found = []
        for resource in (mine, theirs):
            answer = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])
            found.append(answer["EvaluationResults"][0]["EvalDecision"] == "allowed")
        assert found == [True, False], (start_of_id, action, found)


def test_the_schedule_of_the_monitor_is_there(loop):
    import boto3

    rules = boto3.client("events").list_rules()["Rules"]
    assert any(row.get("ScheduleExpression") == "rate(1 day)" for row in rules)
