"""Processing jobs: inputs on a private root, a command, outputs to S3. Model Monitor's container has a stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ..catalog import drift
from . import ministack_services as services
from .jobs import JobRun, check_job, names_with, shown, stop, wait
from .protocol import Request
from .state import arn, store
from .tasks import demand, start
from .wire import AwsError, validation_error

TASK_PREFIX = "arn:aws:states:::sagemaker:createProcessingJob"


def create(request: Request) -> Request:
    """Start a job."""
    rows, name = store().processing_jobs, request["ProcessingJobName"]
    if name in rows:
        raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}.")
    check_job(request["RoleArn"], request["AppSpecification"]["ImageUri"])
    row = {
        **request, "ProcessingJobArn": arn("processing-job", name), "ProcessingJobStatus": "InProgress",
        "CreationTime": time.time(),
    }  # fmt: skip
    rows[name] = row
    JobRun(row, "Processing").begin(_run)
    return {"ProcessingJobArn": row["ProcessingJobArn"]}


def describe(request: Request) -> Request:
    """Describe a job."""
    return shown(_find(request))


def stop_one(request: Request) -> Request:
    """Stop a job that runs."""
    stop(_find(request), "Processing")
    return {}


def list_all(request: Request) -> Request:
    """List the jobs."""
    keys = ("ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingJobStatus")
    rows = names_with(store().processing_jobs, "Processing", request)
    return {"ProcessingJobSummaries": [{key: row[key] for key in keys} for row in rows]}


def task(resource: str, given: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Do Step Functions' createProcessingJob as the state machine's role; with .sync, wait for the end of the job."""
    name = given.get("ProcessingJobName", "")
    made = start("Processing", create, given, role)
    if not resource.endswith(".sync"):
        return made
    for action in ("sagemaker:DescribeProcessingJob", "sagemaker:StopProcessingJob"):
        demand(role, action, arn("processing-job", name))
    row = store().processing_jobs[name]
    wait(row, "Processing")
    if row["ProcessingJobStatus"] != "Completed":
        raise services.TaskFailed("States.TaskFailed", json.dumps(shown(row), default=str))
    return shown(row)


def _find(request: Request) -> dict[str, Any]:
    name = request["ProcessingJobName"]
    if name not in store().processing_jobs:
        raise validation_error(f"Could not find processing job {name}.")
    return store().processing_jobs[name]


def _run(job: JobRun) -> None:
    row = job.row
    row["ProcessingStartTime"] = time.time()
    for item in row.get("ProcessingInputs", []):
        job.fetch(item["S3Input"], job.path(item["S3Input"]["LocalPath"]))
    application = row["AppSpecification"]
    command = [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
    if drift.analyzer_repository() in application["ImageUri"]:
        command = ["python", "-m", "greensage.local.analyzer"]
    limit = row.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
    job.execute(command, row.get("Environment", {}), limit)
    for output in (row.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        job.upload_folder(output["S3Output"]["S3Uri"], job.path(output["S3Output"]["LocalPath"]))
