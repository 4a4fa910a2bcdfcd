"""Training jobs: on Spot with checkpoints if asked, from the channels to the model archive."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from . import faults
from . import ministack_services as services
from .jobs import Interrupted, JobRun, archive, check_job, names_with, seconds_since, shown, stop, wait
from .protocol import Request
from .state import arn, store
from .tasks import demand, start
from .wire import AwsError, validation_error

TASK_PREFIX = "arn:aws:states:::sagemaker:createTrainingJob"


def create(request: Request) -> Request:
    """Start a job."""
    rows, name = store().training_jobs, request["TrainingJobName"]
    if name in rows:
        raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}.")
    spot, stopping = request.get("EnableManagedSpotTraining"), request["StoppingCondition"]
    if spot and stopping.get("MaxWaitTimeInSeconds", 0) < stopping.get("MaxRuntimeInSeconds", 86_400):
        raise validation_error("MaxWaitTimeInSeconds must be equal to or greater than MaxRuntimeInSeconds for Spot training.")
    if not spot and "MaxWaitTimeInSeconds" in stopping:
        raise validation_error("MaxWaitTimeInSeconds is only for managed Spot training.")
    check_job(request["RoleArn"], request["AlgorithmSpecification"]["TrainingImage"])
    output = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    row = {
        **request, "TrainingJobArn": arn("training-job", name), "TrainingJobStatus": "InProgress", "SecondaryStatus": "Starting",
        "CreationTime": time.time(),
        "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{name}/output/model.tar.gz"},
    }  # fmt: skip
    rows[name] = row
    JobRun(row, "Training").begin(_run)
    return {"TrainingJobArn": row["TrainingJobArn"]}


def describe(request: Request) -> Request:
    """Describe a job."""
    return shown(_find(request))


def stop_one(request: Request) -> Request:
    """Stop a job that runs."""
    stop(_find(request), "Training")
    return {}


def list_all(request: Request) -> Request:
    """List the jobs."""
    keys = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingJobStatus")
    rows = names_with(store().training_jobs, "Training", request)
    return {"TrainingJobSummaries": [{key: row[key] for key in keys} for row in rows]}


def task(resource: str, given: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Do Step Functions' createTrainingJob as the state machine's role; with .sync, wait for the end of the job."""
    name = given.get("TrainingJobName", "")
    made = start("Training", create, given, role)
    if not resource.endswith(".sync"):
        return made
    for action in ("sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"):
        demand(role, action, arn("training-job", name))
    row = store().training_jobs[name]
    wait(row, "Training")
    if row["TrainingJobStatus"] == "Failed":
        raise services.TaskFailed("States.TaskFailed", json.dumps(shown(row), default=str))
    return shown(row)


def _find(request: Request) -> dict[str, Any]:
    name = request["TrainingJobName"]
    if name not in store().training_jobs:
        raise validation_error("Requested resource not found.")
    return store().training_jobs[name]


def _run(job: JobRun) -> None:
    row = job.row
    if row.get("EnableManagedSpotTraining") and faults.take("spot-capacity", job.name):
        row["_stop"], row["_secondary"] = True, "MaxWaitTimeExceeded"
        row["StatusMessage"] = "there was no Spot capacity within the wait"
        return
    begun = row["TrainingStartTime"] = time.time()
    for folder in ("model", "output/data", "checkpoints", "input/config"):
        job.path(folder).mkdir(parents=True, exist_ok=True)
    for channel in row.get("InputDataConfig", []):
        job.fetch(channel["DataSource"]["S3DataSource"], job.path(f"input/data/{channel['ChannelName']}"))
    parameters = {key: str(value) for key, value in row.get("HyperParameters", {}).items()}
    job.path("input/config/hyperparameters.json").write_text(json.dumps(parameters))
    algorithm = row["AlgorithmSpecification"]
    command = [*algorithm.get("ContainerEntrypoint", ["python", "-m", "server"]), *algorithm.get("ContainerArguments", ["train"])]
    _until_done(job, command)
    checkpoints = row.get("CheckpointConfig")
    if checkpoints:
        job.upload_folder(checkpoints["S3Uri"], job.path("checkpoints"))
    row["TrainingTimeInSeconds"] = row["BillableTimeInSeconds"] = seconds_since(begun)
    if not row.get("_stop"):
        target = f"{row['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        job.upload(target, "model.tar.gz", archive(job.path("model")))


def _until_done(job: JobRun, command: list[str]) -> None:
    """Run the script; when Spot takes the machine, run it again on what the checkpoints have."""
    row = job.row
    while True:
        row["SecondaryStatus"] = "Training"
        try:
            job.execute(command, row.get("Environment", {}), row["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400))
            return
        except Interrupted:
            row["SecondaryStatus"] = "Interrupted"
            rows = row.setdefault("SecondaryStatusTransitions", [])
            rows.append({"Status": "Interrupted", "StartTime": time.time(), "StatusMessage": "Training job interrupted"})
