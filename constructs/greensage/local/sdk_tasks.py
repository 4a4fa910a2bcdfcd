"""Step Functions' tasks of the SDK for SageMaker: done as the state machine's role, with the errors by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import compilation, processing, recommender, training, transform
from . import ministack_services as services
from .protocol import Request
from .state import arn
from .tasks import demand, sdk_error, start_by_sdk
from .wire import AwsError, check_request, operation

PREFIX = "arn:aws:states:::aws-sdk:sagemaker:"
_JOBS = (transform.JOBS, training.JOBS, processing.JOBS)
# Each operation with the kind of its resource and the member that names it.
_TASKS = {
    **{name: (run, "compilation-job", "CompilationJobName") for name, run in compilation.OPERATIONS.items()},
    **{name: (run, "inference-recommendations-job", "JobName") for name, run in recommender.OPERATIONS.items()},
    **{
        name: (run, f"{jobs.kind.lower()}-job", f"{jobs.kind}JobName")
        for jobs in _JOBS
        for name, run in jobs.operations().items()
        if not name.startswith("List")
    },
}


def task(resource: str, given: Mapping[str, Any], role: str) -> Request:
    """Do one task. TaskFailed when the role may not, or when SageMaker refuses."""
    action = resource.rsplit(":", 1)[-1]
    name = f"{action[0].upper()}{action[1:]}"
    if name not in _TASKS:
        raise services.TaskFailed("States.Runtime", f"the local cloud does not know the task {resource}")
    run, kind, member = _TASKS[name]
    started = next((jobs for jobs in _JOBS if name == f"Create{jobs.kind}Job"), None)
    if started is not None:
        if name == "CreateTransformJob":
            demand(role, "sagemaker:CreateTransformJob", arn("model", given.get("ModelName", "")))
        return start_by_sdk(started.kind, started.create, given, role, started.passed(given))
    demand(role, f"sagemaker:{name}", arn(kind, given.get(member, "")))
    if "RoleArn" in given:
        demand(role, "iam:PassRole", given["RoleArn"], {"iam:PassedToService": "sagemaker.amazonaws.com"})
    try:
        check_request(operation("sagemaker", name), given)
        return run(dict(given))
    except AwsError as error:
        raise services.TaskFailed(sdk_error(name, error), error.message) from None
