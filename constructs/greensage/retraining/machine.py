"""The state machine of a retraining, in Amazon States Language. Every task retries what passes and catches the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..core import states
from ..core.state_machines import TRANSIENT, look_seconds
from ..core.states import State, States
from ..monitoring.monitor import RETRIED

# Capacity is no transient error of a training: another type is tried instead.
_API_ERRORS = [name for name in TRANSIENT if "ResourceLimit" not in name]
_CHECK_SECONDS = 30
# A question that was not sent is sent again; an answer, which may be an error too, is not asked for twice.
_UNSENT = ["SNS.InternalErrorException", "SNS.KmsThrottlingException", "SNS.SdkClientException", "SNS.ThrottledException"]
_FAILURE = "$.failure"
_BROKEN = {"Failed": "JobFailed", "Stopped": "JobFailed"}
_TRAINED = {"Completed": "Challenger", "Failed": "Broken", "Stopped": "Stopped"}
_PASSING = states.retry(RETRIED, 20)


@dataclass(frozen=True)
class OptimizeJob:
    """The request of a job that optimizes the winner, and {"artifact": where it leaves the archive}; `seconds` is its limit."""

    request: State
    artifact: State
    seconds: int


def definition(
    *, partition: str, data: str, deploy: str, train_spot: State, train_on_demand: State, compare: State, compare_seconds: int,
    wait_seconds: int, places: int, optimize: str | None, topic: str | None, approval_hours: int | None,
    record_at: State, seconds: int, optimize_job: OptimizeJob | None = None,
) -> State:  # fmt: skip
    """Return the machine.

    data, deploy: ARNs of the functions; train_spot, train_on_demand, compare: requests of the jobs; compare_seconds,
    wait_seconds: the limit of the comparison, and of a training with its wait for Spot; places: how many the training may
    try, one after the other; optimize: ARN of a function between
    comparison and registration, or None;
    topic: ARN of the topic that is told; approval_hours: how long a person is waited for, None for no person;
    optimize_job: a job in place of `optimize`; record_at: bucket, key and encryption of a record, which the machine writes
    itself where the function cannot; seconds: the limit of the whole.
    """
    sdk = f"arn:{partition}:states:::aws-sdk:sagemaker"
    publish = f"arn:{partition}:states:::sns:publish"

    def training(request: State) -> State:
        again, other = [states.retry(_API_ERRORS, 60)], states.catch("NextPlace", _FAILURE)
        return states.job(f"{sdk}:createTrainingJob", request, "WaitForTraining", retry=again, catch=other)

    # The events of all jobs of an execution count together.
    look = look_seconds(wait_seconds * places + compare_seconds + (optimize_job.seconds if optimize_job else 0))
    won = "Optimize" if optimize or optimize_job else "Register"
    machine: States = {
        "Prepare": _task(data, "prepare", "$.prepared", "IsItAlone"),
        "IsItAlone": states.choice({("$.prepared.refused", True): "Refused"}, "FirstPlace"),
        # No failure, and no alarm: another retraining is under way and does the work.
        "Refused": states.succeed(),
        "FirstPlace": states.copy("$.prepared.place", "$.place", "GreenHour"),
        "GreenHour": states.wait("OnSpot", until="$.prepared.begin"),
        "OnSpot": states.choice({("$.place.candidate.spot", True): "TrainOnSpot"}, "TrainOnDemand"),
        "TrainOnSpot": training(train_spot),
        "TrainOnDemand": training(train_on_demand),
        **_looking(sdk, "Training", train_spot, "$.trained", _TRAINED, look, "NextPlace"),
        "Broken": states.put({"Error": "TrainingFailed", "Cause.$": "States.JsonToString($.trained)"}, _FAILURE, "NextPlace"),
        "Stopped": states.put(
            {"Error": "Stopped", "Cause": "CapacityError: the job was stopped before it ended"}, _FAILURE, "NextPlace"
        ),
        "NextPlace": _task(data, "next", "$.place", "AnotherPlace"),
        "AnotherPlace": states.choice({("$.place.again", True): "OnSpot"}, "CleanUp"),
        "Challenger": states.copy("$.trained.ModelArtifacts.S3ModelArtifacts", "$.artifact", "CompareJob"),
        "CompareJob": states.job(
            f"{sdk}:createProcessingJob", compare, "WaitForProcessing", retry=[states.retry(TRANSIENT, 60)],
            catch=states.catch("CleanUp", _FAILURE),
        ),
        **_looking(sdk, "Processing", compare, "$.compared", {"Completed": "Compare", **_BROKEN}, look, "CleanUp"),
        "JobFailed": states.put({"Error": "ProcessingFailed", "Cause.$": "States.JsonToString($.compared)"}, _FAILURE, "CleanUp"),
        "Compare": _task(data, "compare", "$.verdict", "DidItWin"),
        "DidItWin": states.choice({("$.verdict.promote", True): won}, "DropLoser"),
        "DropLoser": _task(deploy, "clean_up", "$.cleaned", "RecordKept", why="lost"),
        "RecordKept": _record(data, "kept", "Tell"),
        **_left(partition, record_at),
        "Register": _task(deploy, "register", "$.registered", "AskAPerson" if approval_hours else "Approve"),
        "Approve": _task(deploy, "approve", "$.approved", "Deploy"),
        "Deploy": _task(deploy, "deploy", "$.deployed", "WaitForUpdate"),
        "WaitForUpdate": states.wait("CheckUpdate", seconds=_CHECK_SECONDS),
        "CheckUpdate": _task(deploy, "check", "$.checked", "IsItUpdated"),
        "IsItUpdated": states.choice(
            {("$.checked.status", "updating"): "WaitForUpdate", ("$.checked.status", "done"): "Finish"}, "RolledBack"
        ),
        "RolledBack": states.put({"Error": "RolledBack", "Cause.$": "$.checked.reason"}, _FAILURE, "CleanUp"),
        "Finish": _task(deploy, "finish", "$.champion", "RecordPromoted"),
        "RecordPromoted": _record(data, "promoted", "Tell"),
        "Tell": _tell(publish, topic, "Done"),
        "Done": states.succeed(),
        "CleanUp": _patient(
            # A path of its own: $.failure must still say why the retraining failed.
            _task(deploy, "clean_up", "$.cleaned", "RecordFailed", catch="RecordFailed", at="$.clean_up_failure"), wait_seconds
        ),
        "RecordFailed": _record(data, "failed", "TellFailure"),
        "TellFailure": _tell(publish, topic, "Failed"),
        "Failed": states.fail("RetrainingFailed", "The record of the retraining says why."),
    }  # fmt: skip
    if approval_hours and topic:
        machine["AskAPerson"] = _ask(publish, topic, approval_hours)
    if optimize:
        machine |= _optimized(optimize)
    if optimize_job:
        machine |= _optimized_by_job(sdk, optimize_job, look)
    return {
        "Comment": "greensage: retrains, compares, registers and deploys", "StartAt": "Prepare", "TimeoutSeconds": seconds,
        "States": machine,
    }  # fmt: skip


def _task(function: str, step: str, path: str, then: str, *, catch: str = "CleanUp", at: str = _FAILURE, why: str = "") -> State:
    told = {"step": step, "state.$": "$", **({"why": why} if why else {})}
    return states.task(function, told, then, result_path=path, retry=[_PASSING], catch=states.catch(catch, at))


def _looking(sdk: str, kind: str, request: State, path: str, ends: Mapping[str, str], look: int, otherwise: str) -> States:
    """The states that ask for the job of `request` until it has ended."""
    return states.until(
        kind, f"{sdk}:describe{kind}Job", _name_of(request, f"{kind}JobName"), path, f"{kind}JobStatus", ends,
        seconds=look, retry=[states.retry(TRANSIENT, 60)], catch=states.catch(otherwise, _FAILURE),
    )  # fmt: skip


def _name_of(request: State, key: str) -> State:
    """The part of a request that names the job, literal or of the run."""
    return {name: value for name, value in request.items() if name.removesuffix(".$") == key}


def _patient(task: State, seconds: int) -> State:
    """What cannot be cleaned up while the endpoint is being updated is cleaned up when that has ended."""
    return {**task, "Retry": [states.retry(["Busy"], 60, attempts=max(10, seconds // 60), backoff=1.0), *task["Retry"]]}


def _record(function: str, outcome: str, then: str) -> State:
    told = {"step": "record", "outcome": outcome, "state.$": "$"}
    caught = states.catch(_leave(outcome), "$.record_failure")
    return states.task(function, told, then, result_path="$.recorded", retry=[_PASSING], catch=caught)


def _leave(outcome: str) -> str:
    return f"Leave{outcome.capitalize()}"


def _left(partition: str, at: State) -> States:
    """The states that leave a short record where the function could not: what came out is never unknown."""
    made: States = {}
    for outcome in ("kept", "promoted", "failed"):
        record = {"name.$": "$.name", "outcome": outcome, "recorded_at.$": "$$.State.EnteredTime",
                  "failure_of_record.$": "$.record_failure"}  # fmt: skip
        made[_leave(outcome)] = states.task(
            f"arn:{partition}:states:::aws-sdk:s3:putObject", {**at, "Body": record}, "Failed", result_path="$.left",
            retry=[states.retry(["States.TaskFailed"], 20)], catch=states.catch("Failed", "$.left"),
        )  # fmt: skip
    return made


def _ask(publish: str, topic: str, hours: int) -> State:
    """Ask a person: who answers `send-task-success` with the token approves, `send-task-failure` rejects."""
    how = (
        'Approve: aws stepfunctions send-task-success --task-token TOKEN --task-output "{}"  '
        "Reject: aws stepfunctions send-task-failure --task-token TOKEN --error Rejected"
    )
    message = {"question": "Deploy the challenger?", "how": how, "token.$": "$$.Task.Token", "retraining.$": "$.name",
               "verdict.$": "$.verdict", "package.$": "$.registered.package"}  # fmt: skip
    told = {"TopicArn": topic, "Subject": "greensage: a retrained model waits for approval", "Message": message}
    return states.task(
        f"{publish}.waitForTaskToken", told, "Approve", result_path="$.approval", timeout_seconds=hours * 3600,
        retry=[states.retry(_UNSENT, 20)], catch=states.catch("CleanUp", _FAILURE),
    )  # fmt: skip


def _optimized(function: str) -> States:
    given = {"artifact.$": "$.artifact", "name.$": "$.name", "number.$": "$.number"}
    caught = states.catch("CleanUp", _FAILURE)
    return {
        "Optimize": states.task(function, given, "OptimizedArtifact", result_path="$.optimized", retry=[_PASSING], catch=caught),
        "OptimizedArtifact": states.copy("$.optimized.artifact", "$.artifact", "Register"),
    }


def _optimized_by_job(sdk: str, job: OptimizeJob, look: int) -> States:
    """A winner that cannot be optimized is deployed as it is: what the record says, and no reason to keep a worse one."""
    again, caught = [states.retry(TRANSIENT, 60)], states.catch("Register", "$.not_optimized")
    named = _name_of(job.request, "ProcessingJobName")
    ends = {"Completed": "OptimizedArtifact", "Failed": "NotOptimized", "Stopped": "NotOptimized"}
    return {
        "Optimize": states.job(f"{sdk}:createProcessingJob", job.request, "WaitForOptimizing", retry=again, catch=caught),
        **states.until(
            "Optimizing",
            f"{sdk}:describeProcessingJob",
            named,
            "$.optimizing",
            "ProcessingJobStatus",
            ends,
            seconds=look,
            retry=again,
            catch=caught,
        ),
        "NotOptimized": states.put(
            {"Error": "ProcessingFailed", "Cause.$": "States.JsonToString($.optimizing)"}, "$.not_optimized", "Register"
        ),
        "OptimizedArtifact": states.put(job.artifact, "$.optimized", "OptimizedPlace"),
        "OptimizedPlace": states.copy("$.optimized.artifact", "$.artifact", "Register"),
    }


def _tell(publish: str, topic: str | None, then: str) -> State:
    """A message that cannot be sent does not turn a retraining into a failed one."""
    if topic is None:
        return states.skip(then)
    told = {"TopicArn": topic, "Subject": "greensage: a retraining ended", "Message.$": "$.recorded.message"}
    retry = [states.retry(["States.TaskFailed"], 20)]
    return states.task(publish, told, then, result_path="$.told", retry=retry, catch=states.catch(then, "$.told"))
