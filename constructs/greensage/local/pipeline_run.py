"""Interprets the definition of a SageMaker pipeline: parameters, steps in the order of what they need, and conditions.

What it knows: Training, Processing, Lambda, Callback, Condition and Fail steps; Get, Std:Join; Equals; retry policies. As
AWS documents, an execution whose step fails is Failed, and EventBridge tells its end.
"""

from __future__ import annotations

import re
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import faults, processing, training
from . import ministack_api as cloud
from . import ministack_services as services
from .clock import scaled
from .tasks import demand, start

Step = dict[str, Any]
_EVENT = "SageMaker Model Building Pipeline Execution Status Change"
_OUTPUT = re.compile(r"Steps\.([^.]+)\.OutputParameters\['([^']+)'\]")
_RETRIED = {"SageMaker.ThrottlingException": "Step.THROTTLING", "SageMaker.AmazonSageMakerException": "Step.SERVICE_FAULT"}
# botocore 1.43.106, OutputParameter.Value.
_LONGEST_OUTPUT = 1_024
_POLL_SECONDS = 0.02
_JOBS = {"Training": training.JOBS, "Processing": processing.JOBS}


class StepFailed(Exception):
    """A step ended the execution."""


class Execution:
    """One execution; `steps` holds what ListPipelineExecutionSteps shows, by name."""

    def __init__(
        self, arn: str, pipeline: str, definition: Step, role: str, given: Mapping[str, str], display: str, token: str,
        account: str, region: str,
    ) -> None:  # fmt: skip
        self.arn, self.pipeline, self.display, self.token, self.role = arn, pipeline, display, token, role
        self.status, self.failure, self.started = "Executing", "", time.time()
        self.steps: dict[str, Step] = {}
        self._definition, self._account, self._region = definition, account, region
        self.given = dict(given)
        self.parameters = {row["Name"]: _typed(row, given) for row in definition["Parameters"]}
        self._found: dict[str, Any] = {}
        self._waiting: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Run in the background."""
        threading.Thread(target=self._run, daemon=True, name=f"pipeline-{self.display}").start()

    def summary(self) -> Step:
        """Return what lists of executions show."""
        return {
            "PipelineExecutionArn": self.arn, "PipelineExecutionDisplayName": self.display, "StartTime": self.started,
            "PipelineExecutionStatus": self.status,
        }  # fmt: skip

    def stop(self) -> None:
        """Ask it to stop; a callback is told and waited for."""
        self.status = "Stopping"
        for token, wait in self._waiting.items():
            services.send_message(wait["queue"], {**wait["message"], "token": token, "status": "Stopping"})

    def waits_for(self, token: str) -> bool:
        """Return whether a callback step waits for `token`."""
        return token in self._waiting

    def answer(self, token: str, outputs: Mapping[str, Any], problem: str | None) -> bool:
        """End the callback step that waits for `token`; False if none does."""
        wait = self._waiting.pop(token, None)
        if wait is None:
            return False
        wait["answer"].update({"outputs": dict(outputs), "problem": problem})
        wait["event"].set()
        return True

    def _run(self) -> None:
        with cloud.scope(self._account, self._region):
            try:
                self._do_all(self._definition["Steps"])
                ended = "Stopped" if self.status == "Stopping" else "Succeeded"
            except StepFailed as problem:
                # botocore 1.43.106, PipelineExecutionFailureReason; 1,024 for a step's, below.
                ended, self.failure = "Stopped" if self.status == "Stopping" else "Failed", str(problem)[:1_300]
            except Exception as problem:
                ended, self.failure = "Failed", f"{type(problem).__name__}: {problem}"[:1_300]
            before, self.status = self.status, ended
            detail = {
                "pipelineExecutionDisplayName": self.display, "currentPipelineExecutionStatus": ended,
                "previousPipelineExecutionStatus": before, "pipelineArn": self.arn.split("/execution/")[0],
                "pipelineExecutionArn": self.arn, "executionEndTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }  # fmt: skip
            for _ in range(2 if faults.take("event-twice", self.display) else 1):
                services.put_event("aws.sagemaker", _EVENT, [detail["pipelineArn"], self.arn], detail)

    def _do_all(self, steps: list[Step]) -> None:
        """Do the steps one after the other, each once what it needs is there."""
        left = list(steps)
        while left:
            names = {step["Name"] for step in left}
            ready = next((step for step in left if not names & set(_needs(step))), None)
            if ready is None:
                raise StepFailed(f"The steps {sorted(names)} need each other.")
            left.remove(ready)
            if self.status == "Stopping":
                raise StepFailed("The execution was stopped.")
            self._do(ready)

    @property
    def _kinds(self) -> dict[str, Callable[[Step, Step], None]]:
        return {
            "Condition": self._condition, "Fail": self._fail, "Lambda": self._lambda, "Callback": self._callback,
            "Training": self._training, "Processing": self._processing,
        }  # fmt: skip

    def _do(self, step: Step) -> None:
        row: Step = {"StepName": step["Name"], "StartTime": time.time(), "StepStatus": "Executing", "AttemptCount": 1}
        self.steps[step["Name"]] = row
        try:
            self._kinds[step["Type"]](step, row)
            row["StepStatus"] = "Succeeded"
        except (services.TaskFailed, StepFailed) as problem:
            row |= {"StepStatus": "Failed", "FailureReason": str(problem)[:1_024]}
            raise StepFailed(f"Step {step['Name']} failed: {problem}") from None
        finally:
            row["EndTime"] = time.time()
        for chosen in row.pop("_then", []):
            self._do_all(chosen)

    def _condition(self, step: Step, row: Step) -> None:
        given = self._resolved(step["Arguments"]["Conditions"])
        unknown = {item["Type"] for item in given} - {"Equals"}
        if unknown:
            raise StepFailed(f"the local cloud does not know the conditions {unknown}")
        met = all(item["LeftValue"] == item["RightValue"] for item in given)
        row["Metadata"] = {"Condition": {"Outcome": "True" if met else "False"}}
        row["_then"] = [step["Arguments"]["IfSteps" if met else "ElseSteps"]]

    def _fail(self, step: Step, row: Step) -> None:
        raise StepFailed(str(self._resolved(step["Arguments"]["ErrorMessage"])))

    def _lambda(self, step: Step, row: Step) -> None:
        demand(self.role, "lambda:InvokeFunction", step["FunctionArn"])
        answer = services.call_function(step["FunctionArn"], self._resolved(step["Arguments"])) or {}
        if faults.take("task-timeout", step["Name"]):
            raise StepFailed("the function timed out, by a fault that was asked for, when it had done its work")
        outputs = self._outputs(step, answer)
        row["Metadata"] = {"Lambda": {"Arn": step["FunctionArn"], "OutputParameters": _listed(outputs)}}

    def _callback(self, step: Step, row: Step) -> None:
        # Ten letters and digits are what the API takes as CallbackToken.
        token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(10))
        demand(self.role, "sqs:SendMessage", services.queue_arn(step["SqsQueueUrl"]))
        message = {"pipelineExecutionArn": self.arn, "arguments": self._resolved(step["Arguments"])}
        answer: dict[str, Any] = {}
        event = threading.Event()
        # Before the message goes out: the answer may come at once.
        self._waiting[token] = {"queue": step["SqsQueueUrl"], "message": message, "event": event, "answer": answer}
        row["Metadata"] = {"Callback": {"CallbackToken": token, "SqsQueueUrl": step["SqsQueueUrl"], "OutputParameters": []}}
        services.send_message(step["SqsQueueUrl"], {**message, "token": token, "status": "Executing"})
        event.wait()
        if answer["problem"] is not None:
            raise StepFailed(answer["problem"])
        self._outputs(step, answer["outputs"])

    def _training(self, step: Step, row: Step) -> None:
        self._job("Training", step, row)

    def _processing(self, step: Step, row: Step) -> None:
        self._job("Processing", step, row)

    def _job(self, kind: str, step: Step, row: Step) -> None:
        jobs = _JOBS[kind]
        request = self._resolved(step["Arguments"])
        prefix, policies = request[f"{kind}JobName"], step.get("RetryPolicies", [])
        entity = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(10))
        while True:
            name = f"{prefix}-{self.arn.rsplit('/', 1)[1]}-{entity}-{row['AttemptCount'] - 1}"
            try:
                named = {**request, f"{kind}JobName": name}
                made = start(jobs.kind, jobs.create, named, self.role, jobs.passed(named))
                break
            except services.TaskFailed as failure:
                wait = _pause(policies, failure.error, row["AttemptCount"])
                if wait is None:
                    raise
                time.sleep(scaled(wait))
                row["AttemptCount"] += 1
        demand(self.role, "sagemaker:AddTags", made[f"{kind}JobArn"])
        row["Metadata"] = {f"{kind}Job": {"Arn": made[f"{kind}JobArn"]}}
        while (status := jobs.rows[name][f"{kind}JobStatus"]) not in ("Completed", "Failed", "Stopped"):
            if self.status == "Stopping" and status == "InProgress":
                demand(self.role, f"sagemaker:Stop{kind}Job", made[f"{kind}JobArn"])
                jobs.stop({f"{kind}JobName": name})
            time.sleep(_POLL_SECONDS)
        described = jobs.describe({f"{kind}JobName": name})
        if status != "Completed":
            raise StepFailed(f"{described.get('FailureReason') or described.get('SecondaryStatus') or status}")
        self._found[step["Name"]] = described

    def _outputs(self, step: Step, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        names = [row["OutputName"] for row in step.get("OutputParameters", [])]
        missing = [name for name in names if name not in answer]
        if missing:
            raise StepFailed(f"the output parameters {missing} are missing in the answer")
        if any(len(str(answer[name])) > _LONGEST_OUTPUT for name in names):
            raise StepFailed(f"an output parameter is longer than {_LONGEST_OUTPUT} characters")
        self._found[step["Name"]] = {name: answer[name] for name in names}
        return self._found[step["Name"]]

    def _resolved(self, value: Any) -> Any:
        """Return `value` with every expression replaced by what it stands for."""
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Get"}:
            return self._get(value["Get"])
        if set(value) == {"Std:Join"}:
            parts = value["Std:Join"]
            return parts["On"].join(str(self._resolved(item)) for item in parts["Values"])
        return {key: self._resolved(item) for key, item in value.items()}

    def _get(self, path: str) -> Any:
        kind, _, rest = path.partition(".")
        if kind == "Parameters":
            return self.parameters[rest]
        output = _OUTPUT.fullmatch(path)
        if output:
            return self._found[output[1]][output[2]]
        if kind != "Steps":
            raise StepFailed(f"the local cloud does not know {path}")
        name, *keys = rest.split(".")
        found = self._found[name]
        for key in keys:
            found = found[key]
        return found


def _typed(row: Step, given: Mapping[str, str]) -> Any:
    if row["Name"] not in given and "DefaultValue" not in row:
        raise StepFailed(f"the parameter {row['Name']} has no value")
    value = given.get(row["Name"], row.get("DefaultValue"))
    return int(str(value)) if row["Type"] == "Integer" else value


def _needs(step: Step) -> Iterator[str]:
    """Yield the names of the steps that must have ended before `step`."""
    yield from step.get("DependsOn", [])
    arguments = step.get("Arguments", {})
    # A condition's branches are among its arguments, and need nothing before they are chosen.
    yield from _named(arguments["Conditions"] if step["Type"] == "Condition" else arguments)


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and set(value) == {"Get"}:
        if value["Get"].startswith("Steps."):
            yield value["Get"].split(".")[1]
        return
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _named(item)


def _pause(policies: list[Step], error: str, attempt: int) -> float | None:
    """Return the seconds until the next attempt, or None when there is none."""
    for policy in policies:
        if _RETRIED.get(error) in policy["ExceptionType"] and attempt < policy.get("MaxAttempts", 5):
            return policy.get("IntervalSeconds", 1) * policy.get("BackoffRate", 2.0) ** (attempt - 1)
    return None


def _listed(outputs: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
