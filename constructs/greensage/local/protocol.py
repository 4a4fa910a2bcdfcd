"""One JSON 1.1 request from the wire to an operation and back, checked on the way in and on the way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from . import chaos
from .ministack_api import Answer
from .wire import AwsError, answer, check_request, check_response, operation, refusal

Request = dict[str, Any]
Operations = Mapping[str, Callable[[Request], Request]]


def respond(
    service: str,
    operations: Operations,
    denied: Callable[[str, Request], Answer | None],
    headers: Mapping[str, str],
    body: bytes,
) -> Answer:
    """Return the answer to one request; `denied(operation, request)` says no to callers without the right."""
    name = headers.get("x-amz-target", "").split(".")[-1]
    try:
        model = operation(service, name)
        request = json.loads(body or b"{}")
        check_request(model, request)
        if name not in operations:
            raise AwsError("UnknownOperationException", f"The local cloud does not have {service}:{name}.")
        if chaos.throttles():
            raise AwsError("ThrottlingException", "Rate exceeded")
        refused = denied(name, request)
        if refused is not None:
            return refused
        response = chaos.as_listed(name, operations[name](request))
        check_response(model, response)
        return answer(response)
    except AwsError as error:
        return refusal(error)
    except json.JSONDecodeError:
        return refusal(AwsError("SerializationException", "The request is not JSON."))
