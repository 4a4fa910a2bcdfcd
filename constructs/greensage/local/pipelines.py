"""SageMaker Pipelines: pipelines, and their executions, which `pipeline_run` interprets."""

from __future__ import annotations

import json
import secrets
import string
import time
from typing import Any

from . import ministack_api as cloud
from .pipeline_run import Execution
from .protocol import Request
from .rules import check_role
from .state import arn, store
from .wire import AwsError, validation_error

_LETTERS = string.ascii_lowercase + string.digits
_UNDER_WAY = ("Executing", "Stopping")


def create(request: Request) -> Request:
    """Make a pipeline of a definition that can be read."""
    name = request["PipelineName"]
    if name in store().pipelines:
        raise validation_error(f"Pipeline names must be unique within an AWS account and region: {name}.")
    # Put there first, because update checks and fills it; a definition that is refused takes it away again.
    store().pipelines[name] = {"CreationTime": time.time(), "PipelineArn": arn("pipeline", name), "PipelineStatus": "Active"}
    try:
        return update(request)
    except AwsError:
        del store().pipelines[name]
        raise


def update(request: Request) -> Request:
    """Change a pipeline; executions that run keep what they began with."""
    row = _pipeline(request["PipelineName"])
    definition = request.get("PipelineDefinition", row.get("PipelineDefinition", ""))
    try:
        if json.loads(definition)["Version"] != "2020-12-01":
            raise ValueError("unknown version")
    except (ValueError, KeyError, TypeError) as problem:
        raise validation_error(f"Pipeline definition is not valid JSON of version 2020-12-01: {problem}") from None
    check_role(request.get("RoleArn", row.get("RoleArn", "")))
    row |= {key: request[key] for key in request if key not in ("ClientRequestToken", "Tags")}
    row["LastModifiedTime"] = time.time()
    return {"PipelineArn": row["PipelineArn"]}


def describe(request: Request) -> Request:
    """Describe a pipeline."""
    return dict(_pipeline(request["PipelineName"]))


def delete(request: Request) -> Request:
    """Delete a pipeline; not while it runs."""
    row = _pipeline(request["PipelineName"])
    if any(run.pipeline == row["PipelineName"] and run.status in _UNDER_WAY for run in store().pipeline_executions.values()):
        raise AwsError("ConflictException", f"Pipeline {row['PipelineName']} has executions that run.")
    del store().pipelines[row["PipelineName"]]
    return {"PipelineArn": row["PipelineArn"]}


def list_all(request: Request) -> Request:
    """List the pipelines."""
    keys = ("PipelineArn", "PipelineName", "RoleArn", "CreationTime", "LastModifiedTime")
    return {"PipelineSummaries": [{key: row[key] for key in keys} for row in store().pipelines.values()]}


def start(request: Request) -> Request:
    """Start an execution; the same token gives the same execution."""
    row, token = _pipeline(request["PipelineName"]), request.get("ClientRequestToken")
    runs = store().pipeline_executions
    for run in runs.values():
        if token and run.token == token and run.pipeline == row["PipelineName"]:
            if run.given != {item["Name"]: item["Value"] for item in request.get("PipelineParameters", [])}:
                raise AwsError("ConflictException", f"The token {token} was used with other parameters.")
            return {"PipelineExecutionArn": run.arn}
    identity = "".join(secrets.choice(_LETTERS) for _ in range(12))
    given = {item["Name"]: item["Value"] for item in request.get("PipelineParameters", [])}
    made = Execution(
        arn("pipeline", f"{row['PipelineName']}/execution/{identity}"), row["PipelineName"],
        json.loads(row["PipelineDefinition"]),
        row["RoleArn"], given, request.get("PipelineExecutionDisplayName", f"execution-{int(time.time() * 1000)}"), token or "",
        cloud.account(), cloud.region(),
    )  # fmt: skip
    runs[made.arn] = made
    made.begin()
    return {"PipelineExecutionArn": made.arn}


def describe_execution(request: Request) -> Request:
    """Describe an execution."""
    run = _execution(request)
    failed = {"FailureReason": run.failure} if run.failure else {}
    return {**run.summary(), **failed, "PipelineArn": arn("pipeline", run.pipeline), "CreationTime": run.started}


def list_executions(request: Request) -> Request:
    """List the executions of a pipeline, the newest first unless asked otherwise."""
    name = _pipeline(request["PipelineName"])["PipelineName"]
    rows = [run.summary() for run in store().pipeline_executions.values() if run.pipeline == name]
    rows.sort(key=lambda row: row["StartTime"], reverse=request.get("SortOrder", "Descending") == "Descending")
    return {"PipelineExecutionSummaries": rows[: request.get("MaxResults", 100)]}


def list_steps(request: Request) -> Request:
    """List what happened in an execution, the newest step first unless asked otherwise."""
    rows = list(_execution(request).steps.values())
    return {"PipelineExecutionSteps": rows[:: -1 if request.get("SortOrder", "Descending") == "Descending" else 1]}


def list_parameters(request: Request) -> Request:
    """List the parameters of an execution."""
    run = _execution(request)
    return {"PipelineParameters": [{"Name": name, "Value": str(value)} for name, value in run.parameters.items()]}


def stop(request: Request) -> Request:
    """Stop an execution: jobs at once, a callback when it was answered."""
    run = _execution(request)
    if run.status != "Executing":
        raise validation_error(f"Pipeline execution {run.arn} is {run.status}.")
    run.stop()
    return {"PipelineExecutionArn": run.arn}


def send_success(request: Request) -> Request:
    """Answer a callback step."""
    outputs = {row["Name"]: row["Value"] for row in request.get("OutputParameters", [])}
    return _answer(request["CallbackToken"], outputs, None)


def send_failure(request: Request) -> Request:
    """Let a callback step fail."""
    return _answer(request["CallbackToken"], {}, request.get("FailureReason", "no reason was given"))


def waiting_for(token: str) -> str | None:
    """Return the ARN of the execution that waits for `token`."""
    return next((run.arn for run in store().pipeline_executions.values() if run.waits_for(token)), None)


def _answer(token: str, outputs: dict[str, Any], problem: str | None) -> Request:
    for run in store().pipeline_executions.values():
        if run.answer(token, outputs, problem):
            return {"PipelineExecutionArn": run.arn}
    raise AwsError("ResourceNotFound", f"There is no step that waits for the token {token}.")


def _pipeline(name: str) -> dict[str, Any]:
    found = store().pipelines.get(name.rsplit("/", 1)[-1])
    if found is None:
        raise AwsError("ResourceNotFound", f"Pipeline '{arn('pipeline', name)}' does not exist.")
    return found


def _execution(request: Request) -> Execution:
    found = store().pipeline_executions.get(request["PipelineExecutionArn"])
    if found is None:
        raise AwsError("ResourceNotFound", f"Pipeline execution {request['PipelineExecutionArn']} does not exist.")
    return found


OPERATIONS = {
    "CreatePipeline": create,
    "UpdatePipeline": update,
    "DescribePipeline": describe,
    "DeletePipeline": delete,
    "ListPipelines": list_all,
    "StartPipelineExecution": start,
    "DescribePipelineExecution": describe_execution,
    "ListPipelineExecutions": list_executions,
    "ListPipelineExecutionSteps": list_steps,
    "ListPipelineParametersForExecution": list_parameters,
    "StopPipelineExecution": stop,
    "SendPipelineExecutionStepSuccess": send_success,
    "SendPipelineExecutionStepFailure": send_failure,
}
