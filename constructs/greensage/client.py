"""Calls a model by its name: finds the endpoint through its parameter, also after the endpoint was replaced."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

_PARAMETER_ROOT = "/greensage"
_KEEP_SECONDS = 60.0
_GONE = ("not found", "Failed to download model data")


class EndpointClient:
    """A client for one deployed model.

    Parameters
    ----------
    model:
        The name in the model file.
    root:
        Root of greensage's SSM parameters, if yours is not the default.
    session:
        A boto3 session; default: boto3's own.

    Example
    -------
        EndpointClient("churn").predict([[0.1, 0.2, ...]])
    """

    def __init__(self, model: str, *, root: str = _PARAMETER_ROOT, session: boto3.Session | None = None) -> None:
        source = session or boto3.Session()
        self._parameter = f"{root}/models/{model}"
        self._ssm = source.client("ssm")
        self._runtime = source.client("sagemaker-runtime")
        self._target: dict[str, str] = {}
        self._known_until = 0.0

    def predict(self, rows: list[list[float]]) -> Any:
        """Return the predictions for `rows`, a list per row of scores or class probabilities."""
        body = self.invoke(json.dumps({"instances": rows}).encode(), content_type="application/json")
        return json.loads(body)["predictions"]

    def invoke(self, body: bytes, *, content_type: str, accept: str = "application/json") -> bytes:
        """Return the raw answer to a raw request.

        When endpoint or archive are gone, because a deployment replaced them, the parameters are read again, once.
        """
        try:
            return self._invoke(body, content_type, accept)
        except ClientError as error:
            if not any(text in str(error) for text in _GONE):
                raise
            self._known_until = 0.0
            return self._invoke(body, content_type, accept)

    def _find(self) -> dict[str, str]:
        place = json.loads(self._parameter_value(self._parameter))
        if "endpointParameter" in place:
            place["endpoint"] = self._parameter_value(place["endpointParameter"])
        return place

    def _parameter_value(self, name: str) -> str:
        return self._ssm.get_parameter(Name=name)["Parameter"]["Value"]

    def _invoke(self, body: bytes, content_type: str, accept: str) -> bytes:
        if time.monotonic() > self._known_until:
            self._target = self._find()
            self._known_until = time.monotonic() + _KEEP_SECONDS
        shared = {"TargetModel": self._target["targetModel"]} if "targetModel" in self._target else {}
        answer = self._runtime.invoke_endpoint(
            EndpointName=self._target["endpoint"], Body=body, ContentType=content_type, Accept=accept, **shared
        )
        return answer["Body"].read()
