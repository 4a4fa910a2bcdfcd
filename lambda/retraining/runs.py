"""Retrainings under way, whichever engine runs them: each is started once by its name, and can be looked for."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Protocol

import boto3
from botocore.exceptions import ClientError

from greensage.drift.runs import Start

Outcome = Literal["started", "joined", "ended"]
_UNDER_WAY = ("Executing", "Stopping")
# The pipeline's parameters.
_PARAMETERS = {
    "name": "Name", "number": "Number", "report": "Report", "reasons": "Reasons", "attempt": "Attempt", "spent": "Spent",
    "instance_type": "InstanceType",
}  # fmt: skip
_BETWEEN = "; "
# botocore 1.43.106, PipelineParameter.Value.
_LONGEST_VALUE = 1_024


class Runs(Protocol):
    """Executions of one model's retraining."""

    def start(self, name: str, given: Start) -> Outcome:
        """Start a retraining called `name`, unless there was one: then say whether it is under way."""
        ...

    def is_running(self, name: str) -> bool:
        """Return whether it is under way."""
        ...

    def first(self) -> str | None:
        """Return the name of what was started first of all that is under way."""
        ...


def runs_of(given: dict[str, Any]) -> Runs:
    """Return the executions of the engine that the settings name."""
    if given.get("pipeline"):
        return PipelineRuns(boto3.client("sagemaker"), given["pipeline"])
    return MachineRuns(boto3.client("stepfunctions"), given["machine"])


def reasons_of(parameter: str) -> list[str]:
    """Return the reasons that a pipeline's parameter holds."""
    return [text for text in parameter.split(_BETWEEN) if text]


class MachineRuns:
    """Executions of a state machine, which takes a name once."""

    def __init__(self, machines: Any, machine: str) -> None:
        self.machines, self.machine = machines, machine

    def start(self, name: str, given: Start) -> Outcome:
        """Start it, or say how the one of that name stands."""
        try:
            self.machines.start_execution(stateMachineArn=self.machine, name=name, input=json.dumps(given))
            return "started"
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
        return "joined" if self.is_running(name) else "ended"

    def is_running(self, name: str) -> bool:
        """Return whether it is under way."""
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            return self.machines.describe_execution(executionArn=arn)["status"] == "RUNNING"
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise

    def first(self) -> str | None:
        """Return what was started first."""
        answer = self.machines.list_executions(stateMachineArn=self.machine, statusFilter="RUNNING")
        running = sorted((row["startDate"], row["name"]) for row in answer["executions"])
        return running[0][1] if running else None


class PipelineRuns:
    """Executions of a SageMaker pipeline: the display name is the retraining's, the token makes a start happen once."""

    def __init__(self, sagemaker: Any, pipeline: str) -> None:
        self.sagemaker, self.pipeline = sagemaker, pipeline

    def start(self, name: str, given: Start) -> Outcome:
        """Start it, or say how the one of that name stands."""
        known = next((row for row in self._executions() if row["PipelineExecutionDisplayName"] == name), None)
        if known:
            return "joined" if known["PipelineExecutionStatus"] in _UNDER_WAY else "ended"
        self.begin(name, {**given, "reasons": _BETWEEN.join(given["reasons"])})
        return "started"

    def begin(self, name: str, given: dict[str, Any]) -> None:
        """Start an execution with parameters; the same name and attempt give the same execution."""
        token = hashlib.sha256(f"{self.pipeline} {name} {given.get('attempt', 0)}".encode()).hexdigest()
        values = [{"Name": _PARAMETERS[key], "Value": str(value)[:_LONGEST_VALUE]} for key, value in given.items()]
        self.sagemaker.start_pipeline_execution(
            PipelineName=self.pipeline, PipelineExecutionDisplayName=name, PipelineParameters=values, ClientRequestToken=token
        )

    def is_running(self, name: str) -> bool:
        """Return whether it is under way."""
        return any(
            row["PipelineExecutionDisplayName"] == name and row["PipelineExecutionStatus"] in _UNDER_WAY
            for row in self._executions()
        )

    def first(self) -> str | None:
        """Return what was started first."""
        running = [row for row in self._executions() if row["PipelineExecutionStatus"] in _UNDER_WAY]
        rows = sorted((row["StartTime"], row["PipelineExecutionDisplayName"]) for row in running)
        return rows[0][1] if rows else None

    def _executions(self) -> list[dict[str, Any]]:
        """The newest ones; older ones have ended."""
        answer = self.sagemaker.list_pipeline_executions(
            PipelineName=self.pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )
        return answer["PipelineExecutionSummaries"]
