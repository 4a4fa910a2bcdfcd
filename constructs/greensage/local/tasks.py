"""What Step Functions' tasks for jobs share: the rights of the state machine's role, and the errors by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..catalog.step_functions import unsupported
from . import chaos, faults
from . import ministack_api as cloud
from . import ministack_services as services
from .state import arn
from .wire import AwsError, check_request, operation

_NAMED = ("ThrottlingException", "ResourceLimitExceeded")
Create = Callable[[dict[str, Any]], dict[str, Any]]


def start_optimized(kind: str, create: Create, given: Mapping[str, Any], role: str, passed: str) -> dict[str, Any]:
    """Start a job by the optimized integration, which takes a list of fields, and names errors in its own way."""
    unknown = unsupported(kind, given)
    if unknown:
        raise services.TaskFailed(
            "States.Runtime",
            f'The field "{unknown[0]}" is not supported by Step Functions. (By what is known of create{kind}Job; '
            f"the integration with the SDK takes it: arn:aws:states:::aws-sdk:sagemaker:create{kind}Job)",
        )
    return start(kind, create, given, role, passed)


def start(kind: str, create: Create, given: Mapping[str, Any], role: str, passed: str) -> dict[str, Any]:
    """Start a job with every field of the API, as a step of a pipeline does."""

    def named(error: AwsError) -> str:
        return f"SageMaker.{error.code}" if error.code in _NAMED else "SageMaker.AmazonSageMakerException"

    return _start(kind, create, given, role, passed, named)


def start_by_sdk(kind: str, create: Create, given: Mapping[str, Any], role: str, passed: str) -> dict[str, Any]:
    """Start a job by the integration with the SDK."""
    return _start(kind, create, given, role, passed, lambda error: sdk_error(f"Create{kind}Job", error))


def sdk_error(name: str, error: AwsError) -> str:
    """Return what Step Functions calls an error of the SDK: by the API's own name for it if it has one."""
    shapes = {shape.name.removesuffix("Exception") for shape in operation("sagemaker", name).error_shapes}
    code = error.code.removesuffix("Exception")
    return f"SageMaker.{code}Exception" if code in shapes else "SageMaker.SageMakerException"


def _start(
    kind: str, create: Create, given: Mapping[str, Any], role: str, passed: str, named: Callable[[AwsError], str]
) -> dict[str, Any]:
    """Start a job as the state machine's role, with the role `passed`. TaskFailed when it may not, or when SageMaker refuses."""
    demand(role, f"sagemaker:Create{kind}Job", arn(f"{kind.lower()}-job", given.get(f"{kind}JobName", "")))
    demand(role, "iam:PassRole", passed, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    try:
        if chaos.throttles() or faults.take(f"Create{kind}Job", given.get(f"{kind}JobName", "")):
            raise AwsError("ThrottlingException", "Rate exceeded")
        check_request(operation("sagemaker", f"Create{kind}Job"), given)
        return create(dict(given))
    except AwsError as error:
        raise services.TaskFailed(named(error), error.message) from None


def demand(
    role: str, action: str, resource: str, context: Mapping[str, str] | None = None, *,
    error: str = "SageMaker.AccessDeniedException",
) -> None:  # fmt: skip
    """Fail the task with `error` when the role may not do `action`."""
    if not cloud.role_allows(role, action, resource, context):
        message = f"The role {role} is not authorized to perform: {action} on resource: {resource}"
        raise services.TaskFailed(error, message)
