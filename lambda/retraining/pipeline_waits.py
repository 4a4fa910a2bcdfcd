"""The function behind a pipeline's queue: ends its waiting steps in their time, and cleans up when an execution failed.

A message that must wait longer comes again; what it waited for is in state/waits/. An execution's end is an event, because
a pipeline cannot catch; which ends were seen to is in state/handled/.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from greensage.drift.runs import Failure, Run, TrainingPlace
from retraining.errors import Busy, Permanent, Transient, with_error_class
from retraining.pipeline import Json, Pipeline
from retraining.runs import PipelineRuns, reasons_of

_CHECK_SECONDS, _BUSY_SECONDS = 30, 60
# SQS counts its 12 hours from when the message was received.
_LONGEST_SECONDS = 42_000
_KEPT_OF_A_JOB = (
    "TrainingJobName", "TrainingJobStatus", "SecondaryStatus", "FailureReason", "ResourceConfig", "BillableTimeInSeconds",
    "ModelArtifacts",
)  # fmt: skip
# How long to wait, in seconds, and what to say of it: "" for good.
Answer = tuple[float, str]


@with_error_class
def handler(event: Json, context: Any) -> Json:
    """Look at messages; those that must wait longer are reported as failures, so they come again."""
    waiter = Waiter(Pipeline.made(), boto3.client("sagemaker"), boto3.client("sqs"))
    later = [record for record in event["Records"] if not waiter.done(json.loads(record["body"]), record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in later]}


class Waiter:
    """Answers the waiting steps of one model's pipeline."""

    def __init__(self, pipeline: Pipeline, sagemaker: Any, queues: Any) -> None:
        self.pipeline, self.sagemaker, self.queues = pipeline, sagemaker, queues
        self.given, self.store = pipeline.given, pipeline.store
        self._waits: dict[str, Callable[[Run, Json, str], Answer]] = {
            "green": self._green, "ask": self._ask, "update": self._update,
        }  # fmt: skip

    def done(self, body: Json, record: Json) -> bool:
        """Return whether the message is done with."""
        try:
            return self._step_is_done(body, record) if "token" in body else self._end_is_done(body["detail"])
        except (Busy, Transient):
            self._later(record, _BUSY_SECONDS)
            return False

    def _step_is_done(self, body: Json, record: Json) -> bool:
        token, step = body["token"], body["arguments"]["step"]
        if body.get("status") == "Stopping":
            return self._end_step(token, "the execution was stopped")
        state = self.pipeline.state(body["arguments"]["name"])
        if state is None:
            return self._end_step(token, "nothing is known of this retraining")
        kept = f"state/waits/{token}.json"
        known = self.store.read(kept) or {"waited": 0.0}
        try:
            seconds, problem = self._waits[step](state, known, token)
        except Permanent as error:
            return self._end_step(token, str(error))
        if seconds <= 0:
            return self._end_step(token, problem)
        seconds = min(seconds, _LONGEST_SECONDS)
        self._later(record, seconds)
        self.store.write(kept, {**known, "waited": known["waited"] + seconds})
        return False

    def _green(self, state: Run, known: Json, token: str) -> Answer:
        begin = datetime.fromisoformat(state["prepared"]["begin"]).timestamp()
        return begin - state["begun"] - known["waited"], ""

    def _update(self, state: Run, known: Json, token: str) -> Answer:
        checked = self.pipeline.do("check", state)
        if checked["status"] == "updating":
            return _CHECK_SECONDS, ""
        return 0, "" if checked["status"] == "done" else f"RolledBack: {checked['reason']}"

    def _ask(self, state: Run, known: Json, token: str) -> Answer:
        """Ask once, and wait for as long as the policy says; who answers does so by the token."""
        if not known.get("asked"):
            how = (
                f"Approve: aws sagemaker send-pipeline-execution-step-success --callback-token {token}  "
                f'Reject: aws sagemaker send-pipeline-execution-step-failure --callback-token {token} --failure-reason "..."'
            )
            asked = {"question": "Deploy the challenger?", "how": how, "token": token, "retraining": state["name"],
                     "verdict": state["verdict"], "package": state["registered"]["package"]}  # fmt: skip
            self.pipeline.tell("greensage: a retrained model waits for approval", json.dumps(asked))
            known["asked"] = True
        return self.given["approval_hours"] * 3_600 - known["waited"], "nobody answered in time"

    def _end_step(self, token: str, problem: str) -> bool:
        """End a waiting step; one that a person or the end of its execution has ended is no longer there."""
        try:
            if problem:
                self.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason=problem[:256])
            else:
                self.sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=[])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
        return True

    def _end_is_done(self, detail: Json) -> bool:
        """An execution failed or was stopped: begin again on another instance type, or clean up and record."""
        name, execution = detail["pipelineExecutionDisplayName"], detail["pipelineExecutionArn"]
        handled = f"state/handled/{execution.rsplit('/', 1)[1]}.json"
        if self.store.read(handled) is not None:
            return True
        given = self._parameters(execution)
        state = self.pipeline.state(name) or _unknown(name, given)
        step, state["failure"] = self._failure(execution, state)
        state["place"] = self.pipeline.place(int(given.get("Attempt", 0)), float(given.get("Spent", 0)))
        stopped = detail["currentPipelineExecutionStatus"] == "Stopped"
        # What somebody stopped is not begun again.
        again = step == "TrainOnSpot" and not stopped and self.pipeline.do("next", state)["again"]
        if again:
            self._begin_again(name, given, state["place"])
        else:
            self._give_up(state)
        # An event that comes twice may be seen to twice at the same moment: one of them tells people.
        if self.store.create(handled, {"retraining": name, "step": step}) and not again:
            self.pipeline.tell("greensage: a retraining ended", state["recorded"]["message"])
        return True

    def _begin_again(self, name: str, given: dict[str, str], place: TrainingPlace) -> None:
        """Its attempt is of the execution that failed, so that an event which comes twice begins the same one."""
        parameters = {
            "name": name, "number": given["Number"], "report": given.get("Report", ""), "reasons": given.get("Reasons", ""),
            "attempt": place["attempt"], "instance_type": place["candidate"]["type"], "spent": int(place["spent"]),
        }  # fmt: skip
        PipelineRuns(self.sagemaker, self.given["pipeline"]).begin(name, parameters)

    def _give_up(self, state: Run) -> None:
        try:
            self.pipeline.do("clean_up", state)
        except Permanent as error:  # what failed is recorded all the same
            state["clean_up_failure"] = str(error)
        self.pipeline.do("record", state, outcome="failed")
        self.pipeline.keep(state)

    def _parameters(self, execution: str) -> dict[str, str]:
        answer = self.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=execution)
        return {row["Name"]: row["Value"] for row in answer["PipelineParameters"]}

    def _failure(self, execution: str, state: Run) -> tuple[str, Failure]:
        """Return the step that failed and why, in the words of its job where it has one; note what the training left."""
        found = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution, MaxResults=100)
        rows = found["PipelineExecutionSteps"]
        job = self._training(execution)
        if job:
            state["trained"] = job
            state.setdefault("artifact", job.get("ModelArtifacts", {}).get("S3ModelArtifacts"))
        row = next((row for row in rows if row["StepStatus"] in ("Failed", "Stopped")), None)
        if row is None:
            return "", {"Error": "Stopped", "Cause": "the execution was stopped"}
        cause = row.get("FailureReason", row["StepStatus"])
        if row["StepName"] == "TrainOnSpot" and job:
            cause = json.dumps({**job, "errorMessage": cause})
        return row["StepName"], {"Error": f"{row['StepName']}Failed", "Cause": cause}

    def _training(self, execution: str) -> Json | None:
        """Describe the newest training job of an execution: its name, which an ARN has in small letters only, has its id."""
        identity = execution.rsplit("/", 1)[1]
        rows = self.sagemaker.list_training_jobs(NameContains=identity, SortBy="CreationTime", SortOrder="Descending")
        names = [row["TrainingJobName"] for row in rows["TrainingJobSummaries"]]
        if not names:
            return None
        described = self.sagemaker.describe_training_job(TrainingJobName=names[0])
        return {key: described[key] for key in _KEPT_OF_A_JOB if key in described}

    def _later(self, record: Json, seconds: float) -> None:
        self.queues.change_message_visibility(
            QueueUrl=self.given["queue"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=max(1, int(seconds))
        )


def _unknown(name: str, given: dict[str, str]) -> Run:
    """The state of a retraining that failed before it could keep one."""
    reasons = reasons_of(given.get("Reasons", ""))
    return {"name": name, "number": int(given.get("Number", 0)), "report": given.get("Report", ""), "reasons": reasons}
