"""SageMaker Neo's jobs, as a stand-in: rights, names and places as on AWS, but the archive comes out as it went in."""

from __future__ import annotations

import time

from . import ministack_api as cloud
from . import ministack_services as services
from .protocol import Request
from .rules import artifact_bytes, check_role
from .state import arn, store
from .wire import AwsError, validation_error

# How long a job is under way here.
_SECONDS = 0.5


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


def stop(request: Request) -> Request:
    """Stop a job; here they end by themselves at once."""
    describe(request)
    return {}


OPERATIONS = {"CreateCompilationJob": create, "DescribeCompilationJob": describe, "StopCompilationJob": stop}
