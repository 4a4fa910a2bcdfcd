"""SageMaker Neo's jobs, as a stand-in: rights, names and places as on AWS, but the archive comes out as it went in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import ministack_api as cloud
from . import ministack_services as services
from .protocol import Request
from .rules import artifact_bytes, check_role
from .state import arn, store
from .tasks import demand
from .wire import AwsError, check_request, operation, validation_error

# How long a job is under way here.
_SECONDS = 0.5
TASK_PREFIX = "arn:aws:states:::aws-sdk:sagemaker:"


def create(request: Request) -> Request:
    """Read the archive and write it where the compiled one would lie, both as the role; nothing is compiled here."""
    state, name = store(), request["CompilationJobName"]
    if name in state.compilation_jobs:
        raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}.")
    role, source, output = request["RoleArn"], request["InputConfig"]["S3Uri"], request["OutputConfig"]
    check_role(role)
    content = artifact_bytes(role, source)
    stem = source.rsplit("/", 1)[-1].removesuffix(".tar.gz")
    target = f"{output['S3OutputLocation'].rstrip('/')}/{stem}-{output['TargetDevice']}.tar.gz"
    bucket, _, key = target.removeprefix("s3://").partition("/")
    if not cloud.role_allows(role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"):
        raise validation_error(f"The role {role} may not write {target}.")
    services.put_object(bucket, key, content, "application/gzip")
    now = time.time()
    state.compilation_jobs[name] = {
        "CompilationJobName": name, "CompilationJobArn": arn("compilation-job", name), "CompilationJobStatus": "INPROGRESS",
        # The API requires it in every answer, reason or not.
        "StoppingCondition": request["StoppingCondition"], "CreationTime": now, "LastModifiedTime": now, "FailureReason": "",
        "ModelArtifacts": {"S3ModelArtifacts": target}, "RoleArn": role, "InputConfig": request["InputConfig"],
        "OutputConfig": output,
    }  # fmt: skip
    return {"CompilationJobArn": state.compilation_jobs[name]["CompilationJobArn"]}


def describe(request: Request) -> Request:
    """Describe a job."""
    name = request["CompilationJobName"]
    if name not in store().compilation_jobs:
        raise validation_error(f"Could not find requested job with name: {name}")
    row = store().compilation_jobs[name]
    if row["CompilationJobStatus"] == "INPROGRESS" and time.time() - row["CreationTime"] > _SECONDS:
        row["CompilationJobStatus"] = "COMPLETED"
    return row


def task(resource: str, given: Mapping[str, Any], role: str) -> Request:
    """Do Step Functions' tasks of the SDK as the state machine's role. TaskFailed when it may not, or when Neo refuses."""
    action = resource.rsplit(":", 1)[-1]
    name = f"{action[0].upper()}{action[1:]}"
    if name not in _TASKS:
        raise services.TaskFailed("States.Runtime", f"the local cloud does not know the task {resource}")
    demand(role, f"sagemaker:{name}", arn("compilation-job", given.get("CompilationJobName", "")))
    if "RoleArn" in given:
        demand(role, "iam:PassRole", given["RoleArn"], {"iam:PassedToService": "sagemaker.amazonaws.com"})
    try:
        check_request(operation("sagemaker", name), given)
        return _TASKS[name](dict(given))
    except AwsError as error:
        raise services.TaskFailed(f"SageMaker.{error.code.removesuffix('Exception')}Exception", error.message) from None


def stop(request: Request) -> Request:
    """Stop a job; here they end by themselves at once."""
    describe(request)
    return {}


_TASKS = {"CreateCompilationJob": create, "DescribeCompilationJob": describe, "StopCompilationJob": stop}
