"""Batch transform: a job starts the model, sends it the files of an input, writes the answers and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog.instances import batch_types
from . import ministack_api as cloud
from . import ministack_services as services
from .hosted import Hosted, log_writer
from .job_kinds import JobKind
from .protocol import Request
from .rules import check_role
from .state import Store, arn, store
from .tasks import demand
from .wire import AwsError, validation_error

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_MEGABYTE = 1_000_000


def create(request: Request) -> Request:
    """Start a job."""
    state = store()
    if request["ModelName"] not in state.models:
        raise validation_error(f'Could not find model "{request["ModelName"]}".')
    kind = request["TransformResources"]["InstanceType"]
    if kind not in batch_types():
        raise validation_error(f"{kind} is not an instance type of batch transform.")
    row = JOBS.add(request)
    account, region = cloud.account(), cloud.region()

    def run() -> None:
        with cloud.scope(account, region):
            _run(state, row)

    threading.Thread(target=run, daemon=True, name=f"transform-{row['TransformJobName']}").start()
    return {"TransformJobArn": row["TransformJobArn"]}


def task(resource: str, given: Mapping[str, Any], role: str) -> Request:
    """Do Step Functions' createTransformJob; it needs the right to use the model too."""
    demand(role, "sagemaker:CreateTransformJob", arn("model", given.get("ModelName", "")))
    return JOBS.task(resource, given, role)


def _models_role(given: Mapping[str, Any]) -> str:
    return store().models.get(given.get("ModelName", ""), {}).get("ExecutionRoleArn", "")


JOBS = JobKind("Transform", create, passed=_models_role)


def _run(state: Store, row: dict[str, Any]) -> None:
    hosted = None
    row["TransformStartTime"] = time.time()
    try:
        hosted = _start(state, row)
        _transform(row, hosted)
        row["TransformJobStatus"] = "Stopped" if row.get("_stop") else "Completed"
    except AwsError as error:
        row["TransformJobStatus"], row["FailureReason"] = "Failed", error.message
    except Exception as error:
        row["TransformJobStatus"], row["FailureReason"] = "Failed", f"{type(error).__name__}: {error}"
    finally:
        row["TransformEndTime"] = time.time()
        if hosted:
            hosted.stop()


def _start(state: Store, row: dict[str, Any]) -> Hosted:
    model = state.models[row["ModelName"]]
    role = model["ExecutionRoleArn"]
    check_role(role)
    environment = {"SAGEMAKER_BATCH": "true", **row.get("Environment", {})}
    # SageMaker sets these only where the request does.
    for key, name in (
        ("MaxPayloadInMB", "SAGEMAKER_MAX_PAYLOAD_IN_MB"),
        ("MaxConcurrentTransforms", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"),
    ):
        if key in row:
            environment[name] = str(row[key])
    log = log_writer(cloud.account(), cloud.region(), LOG_GROUP, f"{row['TransformJobName']}/local", role)
    kind = row["TransformResources"]["InstanceType"]
    hosted = Hosted(model, instance_type=kind, variant=row["TransformJobName"], log=log, environment=environment)
    hosted.wait(f"transform job {row['TransformJobName']}")
    return hosted


def _transform(row: dict[str, Any], hosted: Hosted) -> None:
    source = row["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    _allow(hosted.role, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
    keys = [key for key in cloud.s3_keys(bucket, prefix) or [] if not key.endswith("/")]
    if not keys:
        raise validation_error(f"No S3 objects found under S3 URL {source}.")
    for key in keys:
        if row.get("_stop"):
            return
        # What lies in folders below the prefix comes out in the same folders.
        inside = key[len(prefix) :] if prefix.endswith("/") else key.rsplit("/", 1)[-1]
        _one_file(row, hosted, bucket, key, inside)


def _one_file(row: dict[str, Any], hosted: Hosted, bucket: str, key: str, inside: str) -> None:
    _allow(hosted.role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    content = cloud.s3_object(bucket, key) or b""
    output = row["TransformOutput"]
    headers = {"content-type": row["TransformInput"].get("ContentType", ""), "accept": output.get("Accept", "")}
    answers = []
    for body in _batches(content, row):
        status, _, answer = hosted.invoke(body, headers)
        if status >= 400:
            text = answer.decode(errors="replace")
            raise AwsError("AlgorithmError", f"ClientError: See job logs for more information: {key} got {status}: {text}")
        answers.append(answer if output.get("AssembleWith") != "Line" or answer.endswith(b"\n") else answer + b"\n")
    target, _, folder = output["S3OutputPath"].removeprefix("s3://").partition("/")
    name = f"{folder.rstrip('/')}/{inside}.out".lstrip("/")
    _allow(hosted.role, "s3:PutObject", f"arn:aws:s3:::{target}/{name}")
    services.put_object(target, name, b"".join(answers), headers["accept"] or "application/octet-stream")


def _batches(content: bytes, row: dict[str, Any]) -> Iterator[bytes]:
    """Yield what goes into one request: the whole file, one line, or as many lines as fit the payload."""
    if row["TransformInput"].get("SplitType", "None") != "Line":
        yield content
        return
    # For SingleRecord no second line ever fits, so each goes alone.
    limit = (row.get("MaxPayloadInMB", 6) if row.get("BatchStrategy", "MultiRecord") == "MultiRecord" else 0) * _MEGABYTE
    batch = b""
    for line in content.splitlines(keepends=True):
        if batch and len(batch) + len(line) > limit:
            yield batch
            batch = b""
        batch += line
    if batch:
        yield batch


def _allow(role: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
    if not cloud.role_allows(role, action, resource, context):
        raise validation_error(f"The role {role} may not {action} on {resource}.")
