"""Two names by which the state machines know what to try again and what not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

THROTTLED = (
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
    "SlowDown", "ServiceUnavailable", "ServiceUnavailableException", "InternalServerError", "InternalServiceError",
    "InternalFailure", "InternalError",
    "KMSThrottlingException", "ServiceException", "PreconditionFailed", "ConditionalRequestConflict",
)  # fmt: skip
Work = TypeVar("Work", bound=Callable[..., Any])


class Transient(Exception):
    """May succeed when it is tried again."""


class Busy(Exception):
    """Cannot be done while something else is under way, which will end."""


class Permanent(Exception):
    """Will fail again."""


def with_error_class(work: Work) -> Work:
    """Turn errors of AWS's services into `Transient` or `Permanent`."""

    @wraps(work)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return work(*arguments, **options)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise (Transient if code in THROTTLED or "in-progress" in str(error) else Permanent)(str(error)) from error
        except (ConnectionError, HTTPClientError) as error:
            raise Transient(str(error)) from error

    return wrapped  # type: ignore[return-value]
