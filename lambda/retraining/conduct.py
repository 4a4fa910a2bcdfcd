"""The functions of the SageMaker Pipelines engine: one does a pipeline's steps, one waits for what its queue holds.

A pipeline's steps hand on short texts only, so what a retraining knows is kept in retraining/<name>/state.json; a pipeline
cannot try a function again, so it is tried again here; and it cannot catch, so the end of a failed one is an event in the
queue. Settings: model, bucket, prefix, data, deploy (ARNs of the functions), pipeline, candidates, topic (ARN, or ""),
queue (URL), approval_hours.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from retraining.errors import Busy, Permanent, Transient, told_apart
from retraining.runs import PipelineRuns
from retraining.settings import settings
from retraining.store import Store

Json = dict[str, Any]
# By step: whose it is, and where its result goes in the state.
_STEPS = {
    "prepare": ("data", "prepared"), "next": ("data", "place"), "compare": ("data", "verdict"), "record": ("data", "recorded"),
    "register": ("deploy", "registered"), "approve": ("deploy", "approved"), "deploy": ("deploy", "deployed"),
    "check": ("deploy", "checked"), "finish": ("deploy", "champion"), "clean_up": ("deploy", "cleaned"),
}  # fmt: skip
_TRIES, _FIRST_WAIT = 3, 2.0
_PASSING = ("Transient", "Sandbox.Timedout", "Lambda.Unknown")
_CHECK_SECONDS, _BUSY_SECONDS = 30, 60
# SQS: a message stays invisible for 12 hours at most.
_LONGEST_SECONDS = 43_200


@told_apart
def handler(event: Json, context: Any) -> Json:
    """Do the step that the pipeline asks for; return its outputs, which are texts."""
    return _conductor().step(event)


@told_apart
def waiting(event: Json, context: Any) -> Json:
    """Look at messages of the queue; those that must wait longer are reported as failures, so they come again."""
    conductor = _conductor()
    later = [record for record in event["Records"] if not conductor.message(json.loads(record["body"]), record)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in later]}


def _conductor() -> Conductor:
    given = settings()
    store = Store(boto3.client("s3"), given["bucket"], given["prefix"])
    clients = (boto3.client(name) for name in ("lambda", "sagemaker", "sns", "sqs"))
    return Conductor(given, store, *clients)


class Conductor:
    """One model's retrainings by a pipeline."""

    def __init__(self, given: Json, store: Store, functions: Any, sagemaker: Any, topics: Any, queues: Any) -> None:
        self.given, self.store, self.functions = given, store, functions
        self.sagemaker, self.topics, self.queues = sagemaker, topics, queues

    def step(self, event: Json) -> Json:
        """Do a step and remember what came out."""
        step, name = event["step"], event["name"]
        state = self._begun(event) if step == "prepare" else self._state(name)
        if "artifact" in event:
            state["artifact"] = event["artifact"]
        if step == "compare":
            state["trained"] = _described(event)
        result = self._do(step, state, why=event.get("why"), outcome=event.get("outcome"))
        if step == "prepare":
            state["place"] = self._place(int(event["attempt"]))
        self._keep(state)
        if step == "record":
            self._tell("greensage: a retraining ended", result["message"])
        return {key: _text(result[key]) for key in ("refused", "champion", "promote") if key in result}

    def message(self, body: Json, record: Json) -> bool:
        """Return whether the message is done with."""
        try:
            return self._waited(body, record) if "token" in body else self._ended(body["detail"])
        except (Busy, Transient):
            self._later(record, _BUSY_SECONDS)
            return False

    def _waited(self, body: Json, record: Json) -> bool:
        """A step of the pipeline waits for an answer."""
        if body.get("status") == "Stopping":
            return self._answer(body["token"], "the execution was stopped")
        state = self._state(body["arguments"]["name"])
        seconds, problem = getattr(self, f"_{body['arguments']['step']}")(state, body["token"])
        if seconds > 0:
            self._wait(state, body["arguments"]["step"], record, min(seconds, _LONGEST_SECONDS))
            return False
        return self._answer(body["token"], problem)

    def _wait(self, state: Json, step: str, record: Json, seconds: float) -> None:
        """Have the message come again later, and remember for how long it was asked to wait in all."""
        state["waited"] = {**state.get("waited", {}), step: _waited(state, step) + seconds}
        self._keep(state)
        self._later(record, seconds)

    def _green(self, state: Json, token: str) -> tuple[float, str]:
        begin = datetime.fromisoformat(state["prepared"]["begin"]).timestamp()
        return begin - state["begun"] - _waited(state, "green"), ""

    def _update(self, state: Json, token: str) -> tuple[float, str]:
        checked = self._do("check", state)
        if checked["status"] == "updating":
            return _CHECK_SECONDS, ""
        return 0, "" if checked["status"] == "done" else f"RolledBack: {checked['reason']}"

    def _ask(self, state: Json, token: str) -> tuple[float, str]:
        """Ask once, and wait for as long as the policy says; who answers does so by the token."""
        if "asked" not in state:
            how = (
                f"Approve: aws sagemaker send-pipeline-execution-step-success --callback-token {token}  "
                f'Reject: aws sagemaker send-pipeline-execution-step-failure --callback-token {token} --failure-reason "..."'
            )
            asked = {"question": "Deploy the challenger?", "how": how, "token": token, "retraining": state["name"],
                     "verdict": state["verdict"], "package": state["registered"]["package"]}  # fmt: skip
            self._tell("greensage: a retrained model waits for approval", json.dumps(asked))
            state["asked"] = True
            self._keep(state)
        return self.given["approval_hours"] * 3_600 - _waited(state, "ask"), "nobody answered in time"

    def _answer(self, token: str, problem: str) -> bool:
        """End the waiting step; one that was ended by a person, or with its execution, is no longer there."""
        try:
            if problem:
                self.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason=problem[:256])
            else:
                self.sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=[])
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
        return True

    def _ended(self, detail: Json) -> bool:
        """An execution failed or was stopped: start again on another instance type, or clean up and record."""
        name, execution = detail["pipelineExecutionDisplayName"], detail["pipelineExecutionArn"]
        state = self._state(name)
        if execution in state.setdefault("handled", []):
            return True
        step, failure = self._failure(execution, state)
        state["failure"] = failure
        if step == "TrainOnSpot" and self._do("next", state)["again"]:
            attempt = state["place"]["attempt"]
            again = {
                "name": name, "number": state["number"], "report": state.get("report", ""), "attempt": attempt,
                "reasons": "; ".join(state["reasons"]), "instance_type": self._place(attempt)["candidate"]["type"],
            }  # fmt: skip
            PipelineRuns(self.sagemaker, self.given["pipeline"]).begin(name, again)
        else:
            self._do("clean_up", state)
            self._do("record", state, outcome="failed")
            self._tell("greensage: a retraining ended", state["recorded"]["message"])
        self._keep({**state, "handled": [*state["handled"], execution]})
        return True

    def _failure(self, execution: str, state: Json) -> tuple[str, Json]:
        """Return the step that failed and why, in the words of its job where it has one."""
        rows = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution, MaxResults=100)[
            "PipelineExecutionSteps"
        ]
        row = next((row for row in rows if row["StepStatus"] in ("Failed", "Stopped")), None)
        if row is None:
            return "", {"Error": "Stopped", "Cause": "the execution was stopped"}
        cause = row.get("FailureReason", row["StepStatus"])
        if row["StepName"] == "TrainOnSpot":
            state["trained"] = self._training(execution)
            told = {key: (state["trained"] or {}).get(key) for key in ("FailureReason", "SecondaryStatus")}
            cause = json.dumps({**told, "errorMessage": cause})
        return row["StepName"], {"Error": f"{row['StepName']}Failed", "Cause": cause}

    def _training(self, execution: str) -> Json | None:
        """Describe the newest training job of an execution; names have its id, and their ARNs are no way to the names."""
        begin = execution.rsplit("/", 1)[1]
        rows = self.sagemaker.list_training_jobs(NameContains=begin, SortBy="CreationTime", SortOrder="Descending")
        names = [row["TrainingJobName"] for row in rows["TrainingJobSummaries"]]
        return _kept(self.sagemaker.describe_training_job(TrainingJobName=names[0])) if names else None

    def _do(self, step: str, state: Json, **more: Any) -> Json:
        """Have one of the other functions do a step on the state, which gets the result; what passes is tried again."""
        function, place = _STEPS[step]
        payload = json.dumps({"step": step, "state": state, **{key: value for key, value in more.items() if value}})
        said = ""
        for attempt in range(_TRIES):
            answer = self.functions.invoke(FunctionName=self.given[function], Payload=payload.encode())
            result = json.loads(answer["Payload"].read() or b"null")
            if "FunctionError" not in answer:
                state[place] = result
                return result
            kind, said = (result or {}).get("errorType", ""), (result or {}).get("errorMessage", "")
            if kind == "Busy":
                raise Busy(said)
            if kind not in _PASSING and "timed out" not in said.lower():
                raise Permanent(f"{step}: {said}")
            time.sleep(_FIRST_WAIT * 2**attempt)
        raise Transient(f"{step} failed {_TRIES} times: {said}")

    def _begun(self, event: Json) -> Json:
        known = self.store.read(self._place_of(event["name"])) or {}
        return {
            "number": int(event["number"]), "name": event["name"], "begun": time.time(), "report": event.get("report", ""),
            "reasons": [text for text in str(event.get("reasons", "")).split("; ") if text], "handled": known.get("handled", []),
        }  # fmt: skip

    def _place(self, attempt: int) -> Json:
        return {"again": True, "attempt": attempt, "candidate": self.given["candidates"][attempt]}

    def _state(self, name: str) -> Json:
        found = self.store.read(self._place_of(name))
        if found is None:
            raise Permanent(f"there is no retraining {name}")
        return found

    def _keep(self, state: Json) -> None:
        self.store.write(self._place_of(state["name"]), state)

    def _place_of(self, name: str) -> str:
        return f"retraining/{name}/state.json"

    def _tell(self, subject: str, message: str) -> None:
        if self.given["topic"]:
            self.topics.publish(TopicArn=self.given["topic"], Subject=subject, Message=message)

    def _later(self, record: Json, seconds: float) -> None:
        self.queues.change_message_visibility(
            QueueUrl=self.given["queue"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=max(1, int(seconds))
        )


def _waited(state: Json, step: str) -> float:
    """Seconds that a step was asked to wait so far."""
    return float(state.get("waited", {}).get(step, 0.0))


def _described(event: Json) -> Json:
    """What a step knows of the training, in the words of DescribeTrainingJob."""
    return {
        "TrainingJobName": event["job"], "TrainingJobStatus": "Completed", "ResourceConfig": {"InstanceType": event["type"]},
        "BillableTimeInSeconds": float(event["seconds"]), "ModelArtifacts": {"S3ModelArtifacts": event["artifact"]},
    }  # fmt: skip


def _kept(described: Json) -> Json:
    names = (
        "TrainingJobName",
        "TrainingJobStatus",
        "SecondaryStatus",
        "FailureReason",
        "ResourceConfig",
        "BillableTimeInSeconds",
    )
    return {key: described[key] for key in names if key in described}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
