"""Training jobs: on Spot with checkpoints if asked, from the channels to the model archive."""

from __future__ import annotations

import json
import time

from . import faults
from .job_kinds import JobKind
from .jobs import Interrupted, JobRun, archive, check_job, seconds_since
from .protocol import Request
from .wire import validation_error


def create(request: Request) -> Request:
    """Start a job."""
    spot, stopping = request.get("EnableManagedSpotTraining"), request["StoppingCondition"]
    # AWS's default of MaxRuntimeInSeconds is one day.
    if spot and stopping.get("MaxWaitTimeInSeconds", 0) < stopping.get("MaxRuntimeInSeconds", 86_400):
        raise validation_error("MaxWaitTimeInSeconds must be equal to or greater than MaxRuntimeInSeconds for Spot training.")
    if not spot and "MaxWaitTimeInSeconds" in stopping:
        raise validation_error("MaxWaitTimeInSeconds is only for managed Spot training.")
    check_job(request["RoleArn"], request["AlgorithmSpecification"]["TrainingImage"])
    output = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output"
    made = {"S3ModelArtifacts": f"{output}/model.tar.gz"}
    row = JOBS.add(request, SecondaryStatus="Starting", ModelArtifacts=made)
    JobRun(row, "Training").begin(_run)
    return {"TrainingJobArn": row["TrainingJobArn"]}


JOBS = JobKind("Training", create, good=("Completed", "Stopped"), missing="Requested resource not found.")


def _run(job: JobRun) -> None:
    row = job.row
    if row.get("EnableManagedSpotTraining") and faults.take("spot-capacity", job.name):
        # AWS ends such a job as Stopped, not as Failed.
        row["_stop"], row["_secondary"] = True, "MaxWaitTimeExceeded"
        said = {"Status": "MaxWaitTimeExceeded", "StartTime": time.time(), "StatusMessage": "no Spot capacity within the wait"}
        row.setdefault("SecondaryStatusTransitions", []).append(said)
        return
    begun = row["TrainingStartTime"] = time.time()
    for folder in ("model", "output/data", "checkpoints", "input/config"):
        job.path(folder).mkdir(parents=True, exist_ok=True)
    for channel in row.get("InputDataConfig", []):
        job.fetch(channel["DataSource"]["S3DataSource"], job.path(f"input/data/{channel['ChannelName']}"))
    # SageMaker passes every hyperparameter as text.
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
