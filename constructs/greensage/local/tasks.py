"""What Step Functions' tasks for jobs share: the rights of the state machine's role, and the errors by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import faults
from . import ministack_api as cloud
from . import ministack_services as services
from .state import arn
from .wire import AwsError, check_request, operation

_NAMED = ("ThrottlingException", "ResourceLimitExceeded")


def start(
    kind: str, create: Callable[[dict[str, Any]], dict[str, Any]], given: Mapping[str, Any], role: str, passed: str
) -> dict[str, Any]:  # fmt: skip
    """Start a job as the state machine's role, with the role `passed`. TaskFailed when it may not, or when SageMaker refuses."""
    demand(role, f"sagemaker:Create{kind}Job", arn(f"{kind.lower()}-job", given.get(f"{kind}JobName", "")))
    demand(role, "iam:PassRole", passed, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    if faults.take(f"Create{kind}Job", given.get(f"{kind}JobName", "")):
        raise services.TaskFailed("SageMaker.ThrottlingException", "Rate exceeded")
    try:
        check_request(operation("sagemaker", f"Create{kind}Job"), given)
        return create(dict(given))
    except AwsError as error:
        name = f"SageMaker.{error.code}" if error.code in _NAMED else "SageMaker.AmazonSageMakerException"
        raise services.TaskFailed(name, error.message) from None


def demand(role: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
    """Fail the task when the role may not do `action`."""
    if not cloud.role_allows(role, action, resource, context):
        message = f"The role {role} is not authorized to perform: {action} on resource: {resource}"
        raise services.TaskFailed("SageMaker.AccessDeniedException", message)
