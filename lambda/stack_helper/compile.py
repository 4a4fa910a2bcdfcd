"""Has SageMaker Neo compile a model, since CloudFormation has no such resource, and waits for the end of the job."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

# The first look soon, then ever later, up to this.
POLL_SECONDS = 10.0
# Below the function's own 15 minutes, so that a job that takes longer is stopped and said to.
LONGEST_SECONDS = 800.0
_ENDED = ("COMPLETED", "FAILED", "STOPPED")


def handle(event: dict[str, Any], sagemaker: Any, s3: Any) -> tuple[str, dict[str, str]]:
    """Compile on Create and Update; delete the compiled archive on Delete. Returns its bucket, key and file name."""
    if event["RequestType"] == "Delete":
        _delete(event["PhysicalResourceId"], s3)
        return event["PhysicalResourceId"], {}
    props = event["ResourceProperties"]
    name = _job_name(event, props)
    sagemaker.create_compilation_job(
        CompilationJobName=name,
        RoleArn=props["RoleArn"],
        InputConfig={"S3Uri": props["Input"], "Framework": props["Framework"], **_shape(props)},
        OutputConfig={"S3OutputLocation": props["Output"], "TargetDevice": props["Device"]},
        StoppingCondition={"MaxRuntimeInSeconds": int(LONGEST_SECONDS)},
    )
    bucket, _, key = _wait(name, sagemaker).removeprefix("s3://").partition("/")
    return f"s3://{bucket}/{key}", {"Key": key, "File": key.rsplit("/", 1)[-1]}


def _shape(props: dict[str, Any]) -> dict[str, str]:
    """XGBoost's models know their input."""
    return {"DataInputConfig": props["InputShape"]} if props["InputShape"] else {}


def _job_name(event: dict[str, Any], props: dict[str, Any]) -> str:
    """A job's name is used once; the request's id makes it so."""
    digest = hashlib.sha256(json.dumps([event["RequestId"], props], sort_keys=True).encode()).hexdigest()[:16]
    return f"greensage-{props['Device'].replace('_', '-')}-{digest}"


def _wait(name: str, sagemaker: Any) -> str:
    deadline, wait = time.monotonic() + LONGEST_SECONDS, 1.0
    while time.monotonic() < deadline:
        job = sagemaker.describe_compilation_job(CompilationJobName=name)
        if job["CompilationJobStatus"] == "COMPLETED":
            return job["ModelArtifacts"]["S3ModelArtifacts"]
        if job["CompilationJobStatus"] in _ENDED:
            raise RuntimeError(
                f"compilation job {name} {job['CompilationJobStatus']}: {job.get('FailureReason', 'no reason given')}"
            )
        time.sleep(min(wait, POLL_SECONDS))
        wait *= 2
    sagemaker.stop_compilation_job(CompilationJobName=name)
    raise RuntimeError(f"compilation job {name} took longer than {LONGEST_SECONDS:.0f} s and was stopped")


def _delete(physical_id: str, s3: Any) -> None:
    """What never was compiled has an id that is no archive."""
    if physical_id.startswith("s3://"):
        bucket, _, key = physical_id.removeprefix("s3://").partition("/")
        s3.delete_object(Bucket=bucket, Key=key)
