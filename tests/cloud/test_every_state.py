"""Every state, retry and catch of the loop's two state machines is entered, by faults on request, and counted at the end."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from .full_loop import SCALE, deployed

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with deployed(tmp_path_factory, "step-functions") as made:
        yield made


TASKS = (
    "Prepare", "CompareJob", "Compare", "Optimize", "Register", "AskAPerson", "Approve", "Deploy", "CheckUpdate", "Finish",
    "RecordPromoted", "Tell",
)  # fmt: skip


# What the service's own errors are called where the SDK's integration asks.
UNKNOWN = {"error": "SageMaker.SageMakerException"}


def test_each_answer_may_be_lost_once_and_all_goes_well(full):
    """Every function does its work twice: none makes a second package, model or update of it."""
    before = len(full.packages())
    jobs = [{"fault": "CreateTrainingJob", "times": 1}, {"fault": "CreateProcessingJob", "times": 1}]
    lost = [{"fault": "task-timeout", "state": name} for name in TASKS if name not in ("CompareJob", "AskAPerson", "Tell")]
    unsent = [
        {"fault": "task-failure", "state": "AskAPerson", "error": "SNS.ThrottledException"},
        {"fault": "task-failure", "state": "Tell"},
    ]
    run = full.run(*jobs, *lost, *unsent)
    assert run["status"] == "SUCCEEDED" and run["record"]["outcome"] == "promoted", run
    assert len(full.packages()) == before + 1 and not any(full.left().values())


@pytest.mark.parametrize("state", TASKS)
def test_what_goes_on_failing_is_caught_and_leaves_nothing_half_made(full, state):
    jobs = {"CompareJob": "CreateProcessingJob"}
    fault = {"fault": jobs[state], "times": 99} if state in jobs else {"fault": "task-failure", "state": state, "times": 99}
    run = full.run(fault)
    ended = "SUCCEEDED" if state == "Tell" else "FAILED"
    assert run["status"] == ended and state in full.seen["caught"], run
    if state not in ("Tell", "RecordPromoted"):
        assert run["entered"][-4:] == ["CleanUp", "RecordFailed", "TellFailure", "Failed"]
    # Once the endpoint serves the challenger, it is the champion, whatever fails after that.
    serves = state in ("CheckUpdate", "Finish")
    left = serves or state in ("Tell", "RecordPromoted")
    assert run["record"]["outcome"] == ("promoted" if left else "failed")
    assert ("failure_of_record" in run["record"]) == (state == "RecordPromoted")
    assert not any(full.left().values())


def test_the_training_fails_in_each_way(full):
    quota = full.run({"fault": "CreateTrainingJob", "times": 99})
    assert quota["record"]["outcome"] == "failed" and "NextPlace" in quota["entered"]
    none = full.run({"fault": "spot-capacity", "times": 3}, {"fault": "CreateTrainingJob", "matching": "-t3", "times": 1})
    assert none["record"]["outcome"] == "promoted" and none["entered"].count("Stopped") == 3
    assert none["record"]["training"]["type"] == "ml.m5.large"
    refused = full.run({"fault": "spot-capacity", "times": 3}, {"fault": "CreateTrainingJob", "matching": "-t3", "times": 9})
    assert refused["record"]["outcome"] == "failed" and "TrainOnDemand" in full.seen["caught"], refused
    broken = full.run({"fault": "spot-capacity", "times": 3}, {"fault": "training-failure", "times": 9})
    assert broken["record"]["outcome"] == "failed" and "Broken" in broken["entered"], broken
    # Nobody knows how the job is: the retraining is given up, and the job is stopped.
    blind = full.run({"fault": "task-failure", "state": "LookAtTraining", "times": 9, **UNKNOWN})
    assert blind["record"]["outcome"] == "failed" and "LookAtTraining" in full.seen["caught"]
    again = full.run(
        {"fault": "task-failure", "state": "LookAtTraining", **UNKNOWN},
        {"fault": "task-failure", "state": "LookAtProcessing", **UNKNOWN},
    )
    assert again["record"]["outcome"] == "promoted"
    blind = full.run({"fault": "task-failure", "state": "LookAtProcessing", "times": 9, **UNKNOWN})
    assert blind["record"]["outcome"] == "failed" and "LookAtProcessing" in full.seen["caught"]
    judged = full.run({"fault": "processing-failure", "times": 9})
    assert judged["record"]["outcome"] == "failed" and "JobFailed" in judged["entered"]
    lost = full.run({"fault": "training-failure", "times": 1}, {"fault": "task-timeout", "state": "NextPlace"})
    assert lost["record"]["outcome"] == "failed" and "NextPlace" in full.seen["retried"]
    full.run({"fault": "training-failure", "times": 1}, {"fault": "task-failure", "state": "NextPlace", "times": 9})
    assert "NextPlace" in full.seen["caught"] and not any(full.left().values())


def never(full, outcome: str, *faults: dict) -> None:
    """A record that the function never makes: the machine leaves one itself, with a second try; and people hear of it."""
    unmade = {"fault": "task-failure", "state": f"Record{outcome}", "times": 9}
    left = full.run(*faults, unmade, {"fault": "task-failure", "state": f"Leave{outcome}"})
    assert left["status"] == "FAILED" and left["record"]["outcome"] == outcome.lower() and left["record"]["failure_of_record"]
    lost = full.run(*faults, unmade, {"fault": "task-failure", "state": f"Leave{outcome}", "times": 9})
    deadline = time.monotonic() + 30
    while (record := full.record(lost["input_name"])) is None or not full.heard(lost["input_name"]):
        assert time.monotonic() < deadline, full.told
        full.answer("with silence")
        time.sleep(0.1)
    assert record["outcome"] == "unknown" and record["failure"]["Error"] == "FAILED"


def test_a_promotion_is_recorded_whatever_fails(full):
    never(full, "Promoted")


def test_losers_are_dropped_whatever_fails_then(full):
    rules = full.setting("RetrainingDataFunction", "rules")
    full.change("RetrainingDataFunction", rules={**rules, "margin": 2})
    kept = full.run({"fault": "task-timeout", "state": "DropLoser"}, {"fault": "task-timeout", "state": "RecordKept"})
    assert kept["status"] == "SUCCEEDED" and kept["record"]["outcome"] == "kept"
    assert full.run({"fault": "task-failure", "state": "DropLoser", "times": 9})["record"]["outcome"] == "failed"
    never(full, "Kept")
    again = full.run(
        {"fault": "task-failure", "state": "DropLoser", "times": 1},
        *({"fault": "task-timeout", "state": name} for name in ("CleanUp", "RecordFailed")),
        {"fault": "task-failure", "state": "TellFailure"},
    )
    assert again["record"]["outcome"] == "failed"
    full.run({"fault": "task-failure", "state": "DropLoser"}, {"fault": "task-failure", "state": "CleanUp", "times": 9})
    full.unclean = full.artifacts(full.packages()) - {full.champion()}
    never(full, "Failed", {"fault": "task-failure", "state": "DropLoser"})
    full.run({"fault": "task-failure", "state": "DropLoser"}, {"fault": "task-failure", "state": "TellFailure", "times": 9})
    full.change("RetrainingDataFunction", rules=rules)
    full.run()  # and what a failed clean-up or record has left does not stop the next one
    assert not any(full.left().values())


def test_a_person_may_refuse_or_never_answer(full):
    refused = full.run(answer="reject")
    assert refused["record"]["outcome"] == "failed" and "Rejected" in json.dumps(refused["record"]["failure"])
    assert "Deploy" not in refused["entered"]
    begun = time.monotonic()
    silent = full.run(answer=None)
    assert "States.Timeout" in json.dumps(silent["record"]["failure"]) and time.monotonic() - begun > 3_600 * SCALE
    assert {row["ModelApprovalStatus"] for row in full.packages()} <= {"Approved", "Rejected"} and not any(full.left().values())


def test_a_training_waits_for_the_green_hour(full):
    now = datetime.now(UTC)
    left = 3_600 - now.minute * 60 - now.second
    full.change("RetrainingDataFunction", flexible_hours=24, green_hour=(now.hour + 1) % 24)
    begun = time.monotonic()
    run = full.run()
    full.change("RetrainingDataFunction", flexible_hours=0)
    assert run["record"]["outcome"] == "promoted" and time.monotonic() - begun > left * SCALE


def test_an_update_that_is_rolled_back_and_one_that_cannot_be_cleaned_up_yet(full):
    rolled = full.run({"fault": "endpoint-update", "times": 1})
    assert "RolledBack" in rolled["entered"] and rolled["record"]["outcome"] == "failed"
    # The update goes on while the step that began it is given up: the challenger is not deleted under it.
    lost = full.run({"fault": "task-timeout", "state": "Deploy", "times": 9})
    assert lost["record"]["outcome"] == "promoted" and lost["record"]["failure"]["Error"] == "Sandbox.Timedout"
    assert not any(full.left().values())


def test_a_second_one_is_refused(full):
    other = threading.Thread(target=full.run)
    other.start()
    time.sleep(1)
    given = {"number": 900, "name": "retraining-900", "report": "x", "reasons": []}
    arn = full.machines.start_execution(stateMachineArn=full.retraining, name=given["name"], input=json.dumps(given))
    run = full.watch(full.retraining, arn["executionArn"], None)
    other.join()
    assert run["entered"] == ["Prepare", "IsItAlone", "Refused"]


def windows(full, *, limits: tuple[int, ...], faults: tuple[dict, ...] = ()) -> list[dict]:
    """Evaluate the newest captures once for each limit of what the function reads itself."""
    reports = []
    for limit in limits:
        full.change("DriftEvaluateFunction", large_mb=limit)
        full.s3.delete_object(Bucket=full.bucket, Key="state/history.json")  # the same window again
        run = full.evaluate(*faults)
        assert run["status"] == "SUCCEEDED", run["cause"]
        name = json.loads(run["output"])["id"]
        reports.append(json.loads(full.s3.get_object(Bucket=full.bucket, Key=f"reports/{name}.json")["Body"].read()))
    return reports


def test_both_engines_say_the_same_of_the_same_window(full):
    """Model Monitor's container for large windows, and the function: one report, but for its id and engine."""
    runtime, random = full.session.client("sagemaker-runtime"), np.random.default_rng(9)
    for row in random.random((300, 30)) * 0.5:
        body = ",".join(f"{cell:.4f}" for cell in row)
        runtime.invoke_endpoint(EndpointName=full.endpoint, ContentType="text/csv", Body=body)
    time.sleep(1.5)
    first = full.s3.list_objects_v2(Bucket=full.bucket, Prefix="capture/")["Contents"][0]["Key"]
    short = full.s3.get_object(Bucket=full.bucket, Key=first)["Body"].read().splitlines()[0].replace(b"0.", b"0,", 1)
    full.s3.put_object(Bucket=full.bucket, Key="capture/full/AllTraffic/2026/11/25/00/short.jsonl", Body=short)
    lost = tuple({"fault": "task-timeout", "state": name} for name in ("Collect", "Report"))
    ours, theirs = windows(full, limits=(9_999, 0), faults=(*lost, {"fault": "CreateProcessingJob", "times": 1}))
    assert (ours["engine"], theirs["engine"]) == ("lambda", "model-monitor")
    assert ours["rows"] == theirs["rows"] >= 300 and len(ours["drifted"]) >= 25
    assert ours["bad_lines"] == theirs["bad_lines"] == {"schema": 1}
    differing = {key for key in ours if ours[key] != theirs.get(key)}
    assert differing <= {"id", "engine", "until", "requests", "quarantine"} and list(ours) == list(theirs), differing
    kept = full.s3.get_object(Bucket=full.bucket, Key=theirs["quarantine"])["Body"].read()
    assert json.loads(kept)["reason"] == "a row has 31 features, 30 are expected"


def test_what_the_container_cannot_read_the_function_does(full):
    """A half-written file is fatal to the job, and to nothing else; the report says who read how much instead, and why."""
    full.s3.put_object(Bucket=full.bucket, Key="capture/full/AllTraffic/2026/11/25/00/half.jsonl", Body=b'{"captureData": {"endp')
    (report,) = windows(full, limits=(0,))
    assert report["engine"] == "lambda" and "AlgorithmError" in report["job_failure"]
    unseen = {"fault": "task-failure", "state": "LookAtAnalysis", **UNKNOWN}
    for faults in ((unseen,), ({**unseen, "times": 9},), ({"fault": "CreateProcessingJob", "times": 9},)):
        assert windows(full, limits=(0,), faults=faults)[0]["engine"] == "lambda"
    assert report["bad_lines"] == {"unreadable": 1} and report["files_left_out"] > 0  # the newest: more is none of a function's


def test_the_analyzers_role_reads_captures_and_no_labels(full):
    own = f"arn:aws:s3:::{full.bucket}"
    found = [full.may("DriftAnalyzerAccessRole", "s3:GetObject", f"{own}/{name}/x") for name in ("capture", "labels")]
    assert found == [True, False]


def test_every_state_retry_and_catch_was_entered(full):
    """Last: what the tests above have met, against what the deployed machines have."""
    states = {**full.definition(full.retraining), **full.definition(full.monitor)}
    assert set(states) - full.seen["entered"] == set()
    assert {name for name, row in states.items() if "Retry" in row} - full.seen["retried"] == set()
    assert {name for name, row in states.items() if "Catch" in row} - full.seen["caught"] == set()
