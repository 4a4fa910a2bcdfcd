"""As much of AWS as the loop's functions use, in memory: what they ask for is checked against botocore's own models."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

_SESSION = botocore.session.get_session()
_MODELS: dict[str, Any] = {}


def checked(service: str, operation: str, given: dict[str, Any]) -> None:
    """Raise what botocore would for a request that the service does not have."""
    model = _MODELS.setdefault(service, _SESSION.get_service_model(service))
    problems = ParamValidator().validate(given, model.operation_model(operation).input_shape)
    assert not problems.has_errors(), problems.generate_report()


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Operation")


class S3:
    """One bucket's objects, with ETags and conditional writes."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, datetime]] = {}
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.before_write = None  # called once before the next write: someone else's

    def put_object(self, **given: Any) -> None:
        checked("s3", "PutObject", given)
        if self.before_write:
            first, self.before_write = self.before_write, None
            first()
        tag = self.objects[given["Key"]][1] if given["Key"] in self.objects else None
        if ("IfMatch" in given and tag != given["IfMatch"]) or (given.get("IfNoneMatch") and tag is not None):
            raise refused("PreconditionFailed")
        body = given["Body"]
        self.objects[given["Key"]] = (body, f'"{hash(body)}"', self.now)

    def get_object(self, **given: Any) -> dict[str, Any]:
        checked("s3", "GetObject", given)
        if given["Key"] not in self.objects:
            raise refused("NoSuchKey")
        body, tag, _ = self.objects[given["Key"]]
        return {"Body": Body(body), "ETag": tag}

    def delete_object(self, **given: Any) -> None:
        checked("s3", "DeleteObject", given)
        self.objects.pop(given["Key"], None)

    def get_paginator(self, operation: str) -> S3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **given: Any) -> list[dict[str, Any]]:
        checked("s3", "ListObjectsV2", given)
        rows = [
            {"Key": key, "Size": len(body), "LastModified": written}
            for key, (body, _, written) in self.objects.items()
            if key.startswith(given["Prefix"])
        ]
        return [{"Contents": [row]} for row in rows] or [{}]


class Body(io.BytesIO):
    def iter_lines(self, **_: int) -> list[bytes]:
        return self.getvalue().splitlines()


class Recorder:
    """Remembers what it was told, by operation."""

    def __init__(self, service: str, **answers: Any) -> None:
        self.service, self.answers = service, answers
        self.told: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.capitalize() for part in name.split("_"))

        def call(**given: Any) -> Any:
            checked(self.service, operation, given)
            self.told.append((name, given))
            answer = self.answers.get(name, {})
            if isinstance(answer, Exception):
                raise answer
            return answer(**given) if callable(answer) else answer

        return call

    def asked(self, name: str) -> list[dict[str, Any]]:
        return [given for told, given in self.told if told == name]


def figures(cloudwatch: Recorder) -> dict[str, float]:
    """Values by metric's name, whatever call they came by."""
    rows = [row for given in cloudwatch.asked("put_metric_data") for row in given["MetricData"]]
    assert all(given["Namespace"] == "greensage/Test" for given in cloudwatch.asked("put_metric_data"))
    assert all(row["Dimensions"] == [{"Name": "Model", "Value": "churn"}] for row in rows)
    return {row["MetricName"]: row["Value"] for row in rows}
