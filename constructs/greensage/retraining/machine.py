"""The state machine of a retraining, in Amazon States Language. Every task retries what passes and catches the rest."""

from __future__ import annotations

from typing import Any

from ..core.state_machines import TRANSIENT
from ..monitoring.monitor import RETRIED

States = dict[str, Any]
# Capacity is no transient error of a training: another type is tried instead.
_API_ERRORS = [name for name in TRANSIENT if "ResourceLimit" not in name]
_CHECK_SECONDS = 30
# A question that was not sent is sent again; an answer, which may be an error too, is not asked for twice.
_UNSENT = ["SNS.InternalErrorException", "SNS.KmsThrottlingException", "SNS.SdkClientException", "SNS.ThrottledException"]
# SageMaker stops a job at its own limits; this is for the service's bookkeeping around it.
_SPARE_SECONDS = 900


def definition(
    *, partition: str, data: str, deploy: str, train_spot: States, train_on_demand: States, compare: States, run_seconds: int,
    wait_seconds: int, optimize: str | None, topic: str | None, approval_hours: int | None,
) -> States:  # fmt: skip
    """Return the machine.

    data, deploy: ARNs of the functions; train_spot, train_on_demand, compare: requests of the jobs; run_seconds,
    wait_seconds: limits of a training; optimize: ARN of a function between comparison and registration, or None;
    topic: ARN of the topic that is told; approval_hours: how long a person is waited for, None for no person.
    """
    sync = f"arn:{partition}:states:::sagemaker"
    publish = f"arn:{partition}:states:::sns:publish"

    def training(request: States, seconds: int) -> States:
        return {
            "Type": "Task", "Resource": f"{sync}:createTrainingJob.sync", "Parameters": request,
            "ResultPath": "$.trained", "TimeoutSeconds": seconds + _SPARE_SECONDS, "Retry": [_retry(_API_ERRORS, 60)],
            "Catch": [_catch("NextPlace")], "Next": "DidItEnd",
        }  # fmt: skip

    states: States = {
        "Prepare": _task(data, "prepare", "$.prepared", "IsItAlone"),
        "IsItAlone": _choice({"Variable": "$.prepared.refused", "BooleanEquals": True, "Next": "Refused"}, "FirstPlace"),
        "Refused": {"Type": "Succeed"},
        "FirstPlace": _pass("$.prepared.place", "$.place", "GreenHour"),
        "GreenHour": {"Type": "Wait", "TimestampPath": "$.prepared.begin", "Next": "OnSpot"},
        "OnSpot": _choice({"Variable": "$.place.candidate.spot", "BooleanEquals": True, "Next": "TrainOnSpot"}, "TrainOnDemand"),
        "TrainOnSpot": training(train_spot, wait_seconds),
        "TrainOnDemand": training(train_on_demand, run_seconds),
        "DidItEnd": _choice(
            {"Variable": "$.trained.TrainingJobStatus", "StringEquals": "Completed", "Next": "Challenger"}, "Stopped"
        ),
        "Stopped": {
            "Type": "Pass", "Result": {"Error": "Stopped", "Cause": "CapacityError: the job was stopped before it ended"},
            "ResultPath": "$.failure", "Next": "NextPlace",
        },
        "NextPlace": _task(data, "next", "$.place", "AnotherPlace"),
        "AnotherPlace": _choice({"Variable": "$.place.again", "BooleanEquals": True, "Next": "OnSpot"}, "CleanUp"),
        "Challenger": _pass("$.trained.ModelArtifacts.S3ModelArtifacts", "$.artifact", "CompareJob"),
        "CompareJob": {
            "Type": "Task", "Resource": f"{sync}:createProcessingJob.sync", "Parameters": compare,
            "ResultSelector": {"job.$": "$.ProcessingJobName"}, "ResultPath": "$.compared",
            "Retry": [_retry(TRANSIENT, 60)], "Catch": [_catch("CleanUp")], "Next": "Compare",
        },
        "Compare": _task(data, "compare", "$.verdict", "DidItWin"),
        "DidItWin": _choice(
            {"Variable": "$.verdict.promote", "BooleanEquals": True, "Next": "Optimize" if optimize else "Register"}, "DropLoser"
        ),
        "DropLoser": _task(deploy, "clean_up", "$.cleaned", "RecordKept", why="lost"),
        "RecordKept": _record(data, "kept", "Tell"),
        "Register": _task(deploy, "register", "$.registered", "AskAPerson" if approval_hours else "Approve"),
        "Approve": _task(deploy, "approve", "$.approved", "Deploy"),
        "Deploy": _task(deploy, "deploy", "$.deployed", "WaitForUpdate"),
        "WaitForUpdate": {"Type": "Wait", "Seconds": _CHECK_SECONDS, "Next": "CheckUpdate"},
        "CheckUpdate": _task(deploy, "check", "$.checked", "IsItUpdated"),
        "IsItUpdated": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.checked.status", "StringEquals": "updating", "Next": "WaitForUpdate"},
                {"Variable": "$.checked.status", "StringEquals": "done", "Next": "Finish"},
            ],
            "Default": "RolledBack",
        },
        "RolledBack": {
            "Type": "Pass", "Parameters": {"Error": "RolledBack", "Cause.$": "$.checked.reason"}, "ResultPath": "$.failure",
            "Next": "CleanUp",
        },
        "Finish": _task(deploy, "finish", "$.champion", "RecordPromoted"),
        "RecordPromoted": _record(data, "promoted", "Tell"),
        "Tell": _tell(publish, topic, "Done"),
        "Done": {"Type": "Succeed"},
        "CleanUp": _patient(
            _task(deploy, "clean_up", "$.cleaned", "RecordFailed", catch="RecordFailed", at="$.clean_up_failure"), wait_seconds
        ),
        "RecordFailed": _record(data, "failed", "TellFailure"),
        "TellFailure": _tell(publish, topic, "Failed"),
        "Failed": {"Type": "Fail", "Error": "RetrainingFailed", "Cause": "The record of the retraining says why."},
    }  # fmt: skip
    if approval_hours and topic:
        states["AskAPerson"] = _ask(publish, topic, approval_hours)
    if optimize:
        states |= _optimized(optimize)
    return {"Comment": "greensage: retrains, compares, registers and deploys", "StartAt": "Prepare", "States": states}


def _task(
    function: str, step: str, path: str, then: str, *, catch: str = "CleanUp", at: str = "$.failure", why: str = ""
) -> States:
    told = {"step": step, "state.$": "$", **({"why": why} if why else {})}
    return {
        "Type": "Task", "Resource": function, "Parameters": told, "ResultPath": path, "Retry": [_retry(RETRIED, 20)],
        "Catch": [_catch(catch, at)], "Next": then,
    }  # fmt: skip


def _patient(task: States, seconds: int) -> States:
    """What cannot be cleaned up while the endpoint is being updated is cleaned up when that has ended."""
    waits = {"ErrorEquals": ["Busy"], "IntervalSeconds": 60, "MaxAttempts": max(10, seconds // 60), "BackoffRate": 1.0}
    return {**task, "Retry": [waits, *task["Retry"]]}


def _record(function: str, outcome: str, then: str) -> States:
    told = {"step": "record", "outcome": outcome, "state.$": "$"}
    return {
        "Type": "Task", "Resource": function, "Parameters": told, "ResultPath": "$.recorded", "Retry": [_retry(RETRIED, 20)],
        "Catch": [_catch("Failed", "$.record_failure")], "Next": then,
    }  # fmt: skip


def _ask(publish: str, topic: str, hours: int) -> States:
    """Ask a person: who answers `send-task-success` with the token approves, `send-task-failure` rejects."""
    how = (
        'Approve: aws stepfunctions send-task-success --task-token TOKEN --task-output "{}"  '
        "Reject: aws stepfunctions send-task-failure --task-token TOKEN --error Rejected"
    )
    message = {"question": "Deploy the challenger?", "how": how, "token.$": "$$.Task.Token", "retraining.$": "$.name",
               "verdict.$": "$.verdict", "package.$": "$.registered.package"}  # fmt: skip
    return {
        "Type": "Task", "Resource": f"{publish}.waitForTaskToken",
        "Parameters": {"TopicArn": topic, "Subject": "greensage: a retrained model waits for approval", "Message": message},
        "ResultPath": "$.approval", "TimeoutSeconds": hours * 3600, "Retry": [_retry(_UNSENT, 20)], "Catch": [_catch("CleanUp")],
        "Next": "Approve",
    }  # fmt: skip


def _optimized(function: str) -> States:
    given = {"artifact.$": "$.artifact", "name.$": "$.name", "number.$": "$.number"}
    return {
        "Optimize": {
            "Type": "Task", "Resource": function, "Parameters": given, "ResultPath": "$.optimized",
            "Retry": [_retry(RETRIED, 20)], "Catch": [_catch("CleanUp")], "Next": "OptimizedArtifact",
        },
        "OptimizedArtifact": _pass("$.optimized.artifact", "$.artifact", "Register"),
    }  # fmt: skip


def _tell(publish: str, topic: str | None, then: str) -> States:
    """A message that cannot be sent does not turn a retraining into a failed one."""
    if topic is None:
        return {"Type": "Pass", "Next": then}
    return {
        "Type": "Task", "Resource": publish, "ResultPath": "$.told", "Next": then,
        "Parameters": {"TopicArn": topic, "Subject": "greensage: a retraining ended", "Message.$": "$.recorded.message"},
        "Retry": [_retry(["States.TaskFailed"], 20)], "Catch": [_catch(then, "$.told")],
    }  # fmt: skip


def _pass(source: str, path: str, then: str) -> States:
    return {"Type": "Pass", "InputPath": source, "ResultPath": path, "Next": then}


def _choice(rule: States, otherwise: str) -> States:
    return {"Type": "Choice", "Choices": [rule], "Default": otherwise}


def _retry(errors: list[str], seconds: int) -> States:
    return {"ErrorEquals": errors, "IntervalSeconds": seconds, "MaxAttempts": 3, "BackoffRate": 2.0}


def _catch(then: str, path: str = "$.failure") -> States:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": then}
