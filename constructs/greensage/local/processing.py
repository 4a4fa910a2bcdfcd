"""Processing jobs: inputs on a private root, a command, outputs to S3. Model Monitor's container has a stand-in."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..catalog import drift
from ..catalog.images import is_neuron
from .job_kinds import JobKind
from .jobs import JobRun, check_job
from .protocol import Request


def create(request: Request) -> Request:
    """Start a job."""
    check_job(request["RoleArn"], request["AppSpecification"]["ImageUri"])
    row = JOBS.add(request)
    JobRun(row, "Processing").begin(_run)
    return {"ProcessingJobArn": row["ProcessingJobArn"]}


JOBS = JobKind("Processing", create, missing="Could not find processing job {}.")


def _run(job: JobRun) -> None:
    row = job.row
    row["ProcessingStartTime"] = time.time()
    for item in row.get("ProcessingInputs", []):
        job.fetch(item["S3Input"], job.path(item["S3Input"]["LocalPath"]))
    application = row["AppSpecification"]
    command = [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
    if drift.analyzer_repository() in application["ImageUri"]:
        command = ["python", "-m", "greensage.local.analyzer"]
    environment = row.get("Environment", {})
    if is_neuron(application["ImageUri"]):
        # The compiler is not here; a module of its name traces without compiling, so that all around it runs.
        stand_in = str(Path(__file__).with_name("neuron"))
        environment = {**environment, "PYTHONPATH": os.pathsep.join([environment.get("PYTHONPATH", ""), stand_in])}
    limit = row.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
    job.execute(command, environment, limit)
    for output in (row.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        job.upload_folder(output["S3Output"]["S3Uri"], job.path(output["S3Output"]["LocalPath"]))
