"""The functions of the SageMaker Pipelines engine: steps that are tried again, waits, and what follows a failure."""

from __future__ import annotations

import io
import json
import time

import pytest
from retraining import pipeline as module
from retraining.errors import Busy, Permanent, Transient, with_error_class
from retraining.pipeline import Pipeline
from retraining.pipeline_steps import do_step
from retraining.pipeline_waits import Waiter
from retraining.store import Store

from tests.unit.retraining.aws import S3, Recorder, refused

EXECUTION = "arn:aws:sagemaker:eu-north-1:111111111111:pipeline/churn/execution/abcdefghijkl"
GIVEN = {
    "model": "churn", "bucket": "loop", "prefix": "churn/", "pipeline": "churn", "topic": "arn:aws:sns:eu-north-1:111111111111:t",
    "queue": "queue", "approval_hours": 72, "data": "data-function", "deploy": "deploy-function", "seconds": 60,
    "candidates": [{"type": "ml.c7i.large", "spot": True}, {"type": "ml.m7i.large", "spot": True}],
}  # fmt: skip


class Functions(Recorder):
    """Answers of the called functions in turn: a result, or (kind of the error, message)."""

    def __init__(self, *answers) -> None:
        turns = iter(answers)

        def invoke(**_):
            answer = next(turns)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, tuple):
                body = {"errorType": answer[0], "errorMessage": answer[1]} if answer[0] else {"errorMessage": answer[1]}
                return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(body).encode())}
            return {"Payload": io.BytesIO(json.dumps(answer).encode())}

        super().__init__("lambda", invoke=invoke)

    def payloads(self) -> list[tuple[str, dict]]:
        return [(given["FunctionName"], json.loads(given["Payload"])) for given in self.asked("invoke")]


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    return slept


def made(*answers, **given):
    functions, topics = Functions(*answers), Recorder("sns")
    return Pipeline({**GIVEN, **given}, Store(S3(), "loop", "churn/"), functions, topics), functions, topics


@pytest.mark.parametrize(
    ("step", "function", "key"),
    [
        ("prepare", "data", "prepared"), ("next", "data", "place"), ("compare", "data", "verdict"), ("record", "data", "recorded"),
        ("register", "deploy", "registered"), ("approve", "deploy", "approved"), ("deploy", "deploy", "deployed"),
        ("check", "deploy", "checked"), ("finish", "deploy", "champion"), ("clean_up", "deploy", "cleaned"),
    ],
)  # fmt: skip
def test_a_step_is_another_functions_and_its_result_is_remembered(step, function, key):
    pipeline, functions, _ = made({"done": 1})
    state = {"name": "retraining-3"}
    assert pipeline.do(step, state, why="lost", outcome=None) == {"done": 1} == state[key]
    assert functions.payloads() == [(f"{function}-function", {"step": step, "state": {"name": "retraining-3"}, "why": "lost"})]


@pytest.mark.parametrize("passing", [
    ("Transient", "x"), ("Sandbox.Timedout", "x"), ("Lambda.Unknown", "x"), ("", "x"), ("Other", "Task Timed Out after"),
    refused("TooManyRequestsException"),
])  # fmt: skip
def test_what_passes_is_tried_three_times(passing, waits):
    pipeline, _, _ = made(passing, passing, {"done": 1})
    assert pipeline.do("check", {"name": "n"}) == {"done": 1} and waits == [2.0, 4.0]
    pipeline, functions, _ = made(passing, passing, passing)
    with pytest.raises(Transient, match="check failed 3 times"):
        pipeline.do("check", {"name": "n"})
    assert len(functions.told) == 3


def test_what_does_not_pass_is_not_tried_again(waits):
    with pytest.raises(Busy, match="updating"):
        made(("Busy", "updating"))[0].do("clean_up", {"name": "n"})
    with pytest.raises(Permanent, match="compare: no such file"):
        made(("Permanent", "no such file"))[0].do("compare", {"name": "n"})
    with pytest.raises(Permanent, match="AccessDenied"):
        made(refused("AccessDeniedException"))[0].do("compare", {"name": "n"})
    assert not waits


def test_a_message_that_cannot_be_sent_fails_nothing():
    pipeline, _, topics = made()
    pipeline.tell("subject", "message")
    assert topics.asked("publish") == [{"TopicArn": GIVEN["topic"], "Subject": "subject", "Message": "message"}]
    topics.answers["publish"] = refused("NotFound")
    pipeline.tell("subject", "message")
    silent, _, none = made(topic="")
    silent.tell("subject", "message")
    assert not none.told


def test_the_first_step_begins_a_state_and_the_last_one_tells():
    pipeline, functions, topics = made({"refused": False, "champion": "s3://a"}, {"message": "ended", "promote": True})
    event = {
        "step": "prepare",
        "number": "3",
        "name": "retraining-3",
        "report": "w",
        "reasons": "a; b",
        "attempt": "1",
        "spent": "30",
    }
    assert do_step(pipeline, event) == {"refused": "false", "champion": "s3://a"}
    state = pipeline.state("retraining-3")
    assert state is not None and 0 <= time.time() - state.pop("begun") < 60
    assert state == {
        "number": 3, "name": "retraining-3", "report": "w", "reasons": ["a", "b"],
        "prepared": {"refused": False, "champion": "s3://a"},
        "place": {"again": True, "attempt": 1, "candidate": GIVEN["candidates"][1], "spent": 30.0},
    }  # fmt: skip
    again = {"step": "record", "name": "retraining-3", "outcome": "kept", "artifact": "s3://b", "by": "ada",
             "job": "churn-3", "type": "ml.c7i.large", "seconds": "12"}  # fmt: skip
    assert do_step(pipeline, again) == {"promote": "true"}
    told = functions.payloads()[1][1]
    assert told["outcome"] == "kept" and told["state"]["artifact"] == "s3://b" and told["state"]["approval"] == {"by": "ada"}
    assert told["state"]["trained"] == {
        "TrainingJobName": "churn-3", "TrainingJobStatus": "Completed", "ResourceConfig": {"InstanceType": "ml.c7i.large"},
        "BillableTimeInSeconds": 12.0, "ModelArtifacts": {"S3ModelArtifacts": "s3://b"},
    }  # fmt: skip
    assert topics.asked("publish")[0]["Message"] == "ended"
    with pytest.raises(Permanent, match="there is no retraining retraining-9"):
        do_step(pipeline, {"step": "compare", "name": "retraining-9"})


# Waiting


STEPS = {
    "PipelineExecutionSteps": [
        {"StepName": "Prepare", "StepStatus": "Succeeded"},
        {"StepName": "TrainOnSpot", "StepStatus": "Failed", "FailureReason": "CapacityError: none"},
    ]
}


def waiter(*answers, **more):
    pipeline, functions, topics = made(*answers)
    parameters = [{"Name": name, "Value": value} for name, value in
                  (("Number", "3"), ("Attempt", "0"), ("Spent", "5"), ("Report", "w"), ("Reasons", "a; b"))]  # fmt: skip
    usual = {
        "list_pipeline_parameters_for_execution": {"PipelineParameters": parameters},
        "list_pipeline_execution_steps": STEPS,
        "list_training_jobs": {"TrainingJobSummaries": []},
    }
    sagemaker, queues = Recorder("sagemaker", **{**usual, **more}), Recorder("sqs")
    return Waiter(pipeline, sagemaker, queues), sagemaker, queues, functions, topics


def message(step: str, **more) -> dict:
    return {"token": "token-0001", "arguments": {"step": step, "name": "retraining-3"}, **more}


RECORD = {"receiptHandle": "receipt"}


def later(queues: Recorder) -> list[int]:
    return [given["VisibilityTimeout"] for given in queues.asked("change_message_visibility")]


def test_the_green_hour_is_waited_for_in_parts():
    made, sagemaker, queues, _, _ = waiter()
    state = {"name": "retraining-3", "begun": 0.0, "prepared": {"begin": "1970-01-01T13:00:00Z"}}
    made.pipeline.keep(state)
    assert made.done(message("green"), RECORD) is False and later(queues) == [42_000]
    assert made.done(message("green"), RECORD) is False and later(queues) == [42_000, 4_800]
    assert made.done(message("green"), RECORD) is True
    (success,) = sagemaker.asked("send_pipeline_execution_step_success")
    assert success == {"CallbackToken": "token-0001", "OutputParameters": []}


def test_a_person_is_asked_once_and_not_for_ever():
    made, sagemaker, queues, _, topics = waiter()
    made.pipeline.keep({"name": "retraining-3", "verdict": {"promote": True}, "registered": {"package": "arn"}})
    assert [made.done(message("ask"), RECORD) for _ in range(7)] == [False] * 7
    assert sum(later(queues)) == 72 * 3_600 and len(topics.told) == 1
    asked = json.loads(topics.asked("publish")[0]["Message"])
    assert asked["token"] == "token-0001" and asked["retraining"] == "retraining-3" and asked["package"] == "arn"
    assert (
        "step-success --callback-token token-0001" in asked["how"] and "step-failure --callback-token token-0001" in asked["how"]
    )
    assert made.done(message("ask"), RECORD) is True
    (failure,) = sagemaker.asked("send_pipeline_execution_step_failure")
    assert failure == {"CallbackToken": "token-0001", "FailureReason": "nobody answered in time"}


@pytest.mark.parametrize(
    ("answer", "done", "told"),
    [
        ({"status": "updating"}, False, None),
        ({"status": "done"}, True, "send_pipeline_execution_step_success"),
        ({"status": "rolled-back", "reason": "alarm"}, True, "send_pipeline_execution_step_failure"),
        (("Permanent", "gone"), True, "send_pipeline_execution_step_failure"),
        (("Busy", "moving"), False, None),
    ],
)
def test_an_update_is_looked_at_until_it_stands(answer, done, told):
    made, sagemaker, queues, _, _ = waiter(answer)
    made.pipeline.keep({"name": "retraining-3"})
    assert made.done(message("update"), RECORD) is done
    assert [name for name, _ in sagemaker.told] == ([told] if told else [])
    if answer == {"status": "updating"}:
        assert later(queues) == [30]
    if isinstance(answer, tuple) and answer[0] == "Busy":
        assert later(queues) == [60]
    if isinstance(answer, dict) and answer["status"] == "rolled-back":
        assert sagemaker.told[0][1]["FailureReason"] == "RolledBack: alarm"


def test_a_step_of_an_execution_that_stops_or_is_unknown_is_ended():
    made, sagemaker, _, _, _ = waiter()
    assert made.done(message("green"), RECORD) is True
    assert made.done(message("green", status="Stopping"), RECORD) is True
    reasons = [given["FailureReason"] for given in sagemaker.asked("send_pipeline_execution_step_failure")]
    assert reasons == ["nothing is known of this retraining", "the execution was stopped"]
    gone = waiter(send_pipeline_execution_step_failure=refused("ResourceNotFound"))[0]
    assert gone.done(message("green"), RECORD) is True
    with pytest.raises(Exception, match="AccessDenied"):
        waiter(send_pipeline_execution_step_failure=refused("AccessDenied"))[0].done(message("green"), RECORD)


def end(status: str = "Failed") -> dict:
    return {"detail": {
        "pipelineExecutionDisplayName": "retraining-3", "pipelineExecutionArn": EXECUTION, "currentPipelineExecutionStatus": status,
    }}  # fmt: skip


JOB = {
    "TrainingJobName": "churn-3", "TrainingJobStatus": "Failed", "FailureReason": "CapacityError: none", "Other": 1,
    "ResourceConfig": {"InstanceType": "ml.c7i.large"}, "ModelArtifacts": {"S3ModelArtifacts": "s3://b"},
}  # fmt: skip


def test_a_training_without_capacity_begins_again_elsewhere():
    place = {"again": True, "attempt": 1, "candidate": GIVEN["candidates"][1], "spent": 35.0}
    jobs = {"TrainingJobSummaries": [{"TrainingJobName": "churn-3"}]}
    made, sagemaker, _, functions, _ = waiter(place, list_training_jobs=jobs, describe_training_job=JOB)
    made.pipeline.keep({"name": "retraining-3", "number": 3})
    assert made.done(end(), RECORD) is True
    ((function, asked),) = functions.payloads()
    assert (function, asked["step"]) == ("data-function", "next")
    assert asked["state"]["place"] == {"again": True, "attempt": 0, "candidate": GIVEN["candidates"][0], "spent": 5.0}
    failure = asked["state"]["failure"]
    assert failure["Error"] == "TrainOnSpotFailed"
    described = {key: value for key, value in JOB.items() if key != "Other"}
    assert json.loads(failure["Cause"]) == {**described, "errorMessage": "CapacityError: none"}
    assert asked["state"]["artifact"] == "s3://b" and asked["state"]["trained"] == described
    (begun,) = sagemaker.asked("start_pipeline_execution")
    assert {row["Name"]: row["Value"] for row in begun["PipelineParameters"]} == {
        "Name": "retraining-3", "Number": "3", "Report": "w", "Reasons": "a; b", "Attempt": "1", "InstanceType": "ml.m7i.large",
        "Spent": "35",
    }  # fmt: skip
    assert made.done(end(), RECORD) is True and len(functions.told) == 1  # an event that comes twice


@pytest.mark.parametrize("status", ["Stopped", "Failed"])
def test_what_cannot_go_on_is_cleaned_up_recorded_and_told(status):
    other = {"PipelineExecutionSteps": [{"StepName": "Compare", "StepStatus": "Failed"}]}
    made, sagemaker, _, functions, topics = waiter(
        {"in_use": False}, {"message": "ended"}, list_pipeline_execution_steps=STEPS if status == "Stopped" else other
    )
    assert made.done(end(status), RECORD) is True
    steps = [asked for _, asked in functions.payloads()]
    assert [asked["step"] for asked in steps] == ["clean_up", "record"] and steps[1]["outcome"] == "failed"
    state = steps[0]["state"]
    assert (state["name"], state["number"], state["report"], state["reasons"]) == ("retraining-3", 3, "w", ["a", "b"])
    if status == "Failed":
        assert state["failure"] == {"Error": "CompareFailed", "Cause": "Failed"}
    assert topics.asked("publish")[0]["Message"] == "ended" and not sagemaker.asked("start_pipeline_execution")


def test_an_execution_that_was_stopped_between_two_steps_says_so_and_a_failed_clean_up_is_recorded():
    made, _, _, functions, _ = waiter(
        ("Permanent", "denied"), {"message": "ended"}, list_pipeline_execution_steps={"PipelineExecutionSteps": []}
    )
    assert made.done(end("Stopped"), RECORD) is True
    last = functions.payloads()[1][1]["state"]
    assert last["failure"] == {"Error": "Stopped", "Cause": "the execution was stopped"}
    assert last["clean_up_failure"] == "clean_up: denied"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("Throttling"), Transient), (refused("Conflict", "an update is in-progress"), Transient),
        (refused("ValidationException"), Permanent),
    ],
)  # fmt: skip
def test_errors_of_aws_are_told_apart(error, kind):
    @with_error_class
    def work():
        raise error

    with pytest.raises(kind):
        work()
