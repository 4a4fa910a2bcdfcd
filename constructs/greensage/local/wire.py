"""Requests and responses checked against botocore's service models: types, required, ranges, enums and patterns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel

from .ministack_api import Answer


class AwsError(Exception):
    """An error as the service would answer it: code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def validation_error(message: str) -> AwsError:
    """Return SageMaker's and Auto Scaling's error for a request that makes no sense."""
    return AwsError("ValidationException", message)


@cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of `service`; reading SageMaker's takes most of a second."""
    return botocore.session.get_session().get_service_model(service)


def operation(service: str, name: str) -> OperationModel:
    """Return the model of one operation; AwsError for a name the API does not have."""
    model = service_model(service)
    names: Any = model.operation_names
    if name not in names:
        raise AwsError("UnknownOperationException", f"{service} has no operation {name}")
    return model.operation_model(name)


def check_request(model: OperationModel, request: Mapping[str, Any]) -> None:
    """Raise AWS's validation error with everything that `request` gets wrong."""
    if model.input_shape is None:
        return
    found = list(_violations(model.input_shape, request, ""))
    if found:
        plural = "s" if len(found) > 1 else ""
        raise validation_error(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def check_response(model: OperationModel, response: Mapping[str, Any]) -> None:
    """Raise AssertionError when we answer what the API cannot: a bug of ours, seen by the tests."""
    found = list(_violations(model.output_shape, response, "")) if model.output_shape else []
    if found:
        raise AssertionError(f"{model.name} answers what the API has not: {'; '.join(found)}")


def coerce(shape: Any, value: Any) -> Any:
    """Return `value`, which CloudFormation may have turned into text, with the types of `shape`."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {key: coerce(shape.members[key], item) if key in shape.members else item for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [coerce(shape.member, item) for item in value]
    if isinstance(value, str):
        if shape.type_name in ("integer", "long"):
            return int(value)
        if shape.type_name in ("float", "double"):
            return float(value)
        if shape.type_name == "boolean":
            return value.lower() == "true"
    return value


def answer(content: Mapping[str, Any]) -> Answer:
    """Return a JSON 1.1 answer."""
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


def refusal(error: AwsError, *, rest: bool = False) -> Answer:
    """Return `error` in the service's protocol."""
    headers = {"Content-Type": "application/json" if rest else "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
    # The two protocols spell the member differently, and SDKs read the message from it.
    key = "Message" if rest else "message"
    return error.status, headers, json.dumps({"__type": error.code, key: error.message}).encode()


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    expected = _PYTHON_TYPES.get(kind)
    # In Python True is an integer; on the wire it is none.
    wrong_bool = kind != "boolean" and isinstance(value, bool)
    if expected and (wrong_bool or not isinstance(value, expected)):
        yield _violation(value, path, f"Member must be of type {kind}")
        return
    yield from _constraints(shape, value, path)
    content: Any = value
    if kind == "structure":
        yield from _structure_violations(shape, content, path)
    elif kind == "list":
        for index, item in enumerate(content):
            # AWS counts members from 1 in these messages.
            yield from _violations(shape.member, item, f"{path}.{index + 1}.member")
    elif kind == "map":
        for key, item in content.items():
            yield from _violations(shape.value, item, f"{path}.{key}")


def _structure_violations(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield _violation("null", f"{path}.{_camel(name)}", "Member must not be null")
    for key, item in value.items():
        if key not in shape.members:
            yield f"Unknown parameter '{f'{path}.{key}'.lstrip('.')}'"
        else:
            yield from _violations(shape.members[key], item, f"{path}.{_camel(key)}")


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "long": (int,), "float": (int, float), "double": (int, float),
    "boolean": (bool,), "structure": (dict,), "list": (list,), "map": (dict,),
}  # fmt: skip


def _constraints(shape: Any, value: Any, path: str) -> Iterator[str]:
    rules: dict[str, Any] = shape.metadata
    if rules.get("enum") and value not in rules["enum"]:
        yield _violation(value, path, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]")
    pattern = _pattern(rules.get("pattern", "")) if shape.type_name == "string" else None
    if pattern is not None and not pattern.search(value):
        yield _violation(value, path, f"Member must satisfy regular expression pattern: {rules['pattern']}")
    size = value if isinstance(value, (int, float)) else len(value)
    what = "value" if isinstance(value, (int, float)) else "length"
    if "min" in rules and size < rules["min"]:
        yield _violation(value, path, f"Member must have {what} greater than or equal to {rules['min']}")
    if "max" in rules and size > rules["max"]:
        yield _violation(value, path, f"Member must have {what} less than or equal to {rules['max']}")


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """Some patterns are Java's (classes such as \\p{L}) and mean nothing to `re`; those are not checked."""
    try:
        return re.compile(f"^(?:{text})$") if text else None
    except re.error:
        return None


def _violation(value: Any, path: str, rule: str) -> str:
    return f"Value '{value}' at '{path.lstrip('.')}' failed to satisfy constraint: {rule}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
