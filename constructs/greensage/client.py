"""Calls a model by its name: finds how it is hosted through its parameter, also after that has changed."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .core.defaults import PARAMETERS_ROOT

_KEEP_SECONDS = 60.0
_POLL_SECONDS = 0.2
# By their texts: SageMaker's one code for all of them, ValidationError, says too little.
_GONE = (
    "not found", "Failed to download model data", "There is no container with the hostname", "Could not find", "NoSuchBucket",
)  # fmt: skip
_NO_CAPACITY = "no capacity"
_TARGETS = {
    "targetModel": "TargetModel", "targetContainer": "TargetContainerHostname", "inferenceComponent": "InferenceComponentName",
}  # fmt: skip


class EndpointClient:
    """A client for one deployed model, whatever endpoint hosts it. Batch and edge models have no endpoint.

    Parameters
    ----------
    model:
        The name in the model file.
    root:
        Root of greensage's SSM parameters; default /greensage.
    session:
        A boto3 session; default: boto3's own.
    wait_seconds:
        How long to wait for an asynchronous answer, or for a model at zero to wake up; default 600.

    Raises, in `predict`, ValueError for a model without an endpoint, TimeoutError, RuntimeError where the model failed, and
    botocore's ClientError.

    Example
    -------
        EndpointClient("churn").predict([[0.1, 0.2, ...]])
    """

    def __init__(
        self, model: str, *, root: str = PARAMETERS_ROOT, session: boto3.Session | None = None, wait_seconds: float = 600
    ) -> None:
        source: Any = session or boto3.Session()
        self._parameter = f"{root}/models/{model}"
        self._ssm: Any = source.client("ssm")
        self._runtime: Any = source.client("sagemaker-runtime")
        self._s3: Any = source.client("s3")
        self._wait_seconds = wait_seconds
        self._target: dict[str, Any] = {}
        self._known_until = 0.0

    def predict(self, rows: list[list[float]]) -> Any:
        """Return the predictions for `rows`, a list per row of scores or class probabilities."""
        body = self.invoke(json.dumps({"instances": rows}).encode(), content_type="application/json")
        return json.loads(body)["predictions"]

    def invoke(self, body: bytes, *, content_type: str, accept: str = "application/json") -> bytes:
        """Return the raw answer to a raw request.

        When what answered is gone, because a deployment replaced it, the parameters are read again, once. When a
        model at zero has to wake, the request is sent again until it answers. Raises TimeoutError after `wait_seconds`.
        """
        deadline = time.monotonic() + self._wait_seconds
        looked_again = False
        while True:
            try:
                return self._invoke(body, content_type, accept, deadline)
            except ClientError as error:
                if _NO_CAPACITY in str(error) and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                elif not looked_again and any(text in str(error) for text in _GONE):
                    looked_again, self._known_until = True, 0.0
                else:
                    raise

    def _find(self) -> dict[str, Any]:
        place = json.loads(self._parameter_value(self._parameter))
        if "endpointParameter" in place:
            place["endpoint"] = self._parameter_value(place["endpointParameter"])
        if "endpoint" not in place:
            kind = "batch: put files below its input prefix" if "batch" in place else "edge: it answers on the devices"
            raise ValueError(f"the model has no endpoint; it is hosted as {kind} ({json.dumps(place)})")
        return place

    def _parameter_value(self, name: str) -> str:
        return self._ssm.get_parameter(Name=name)["Parameter"]["Value"]

    def _invoke(self, body: bytes, content_type: str, accept: str, deadline: float) -> bytes:
        if time.monotonic() > self._known_until:
            self._target = self._find()
            self._known_until = time.monotonic() + _KEEP_SECONDS
        if "asynchronous" in self._target:
            return self._invoke_async(body, content_type, accept, deadline)
        target = {name: self._target[key] for key, name in _TARGETS.items() if key in self._target}
        answer = self._runtime.invoke_endpoint(
            EndpointName=self._target["endpoint"], Body=body, ContentType=content_type, Accept=accept, **target
        )
        return answer["Body"].read()

    def _invoke_async(self, body: bytes, content_type: str, accept: str, deadline: float) -> bytes:
        place = self._target["asynchronous"]
        key = f"{place['input']}{uuid.uuid4()}"
        self._s3.put_object(Bucket=place["bucket"], Key=key, Body=body, ContentType=content_type)
        sent = self._runtime.invoke_endpoint_async(
            EndpointName=self._target["endpoint"], InputLocation=f"s3://{place['bucket']}/{key}", ContentType=content_type,
            Accept=accept,
        )  # fmt: skip
        while time.monotonic() < deadline:
            answer = self._object(sent["OutputLocation"])
            if answer is not None:
                return answer
            failure = self._object(sent["FailureLocation"])
            if failure is not None:
                raise RuntimeError(f"the asynchronous request failed: {failure.decode(errors='replace')}")
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"no answer within {self._wait_seconds:g} s; it will come to {sent['OutputLocation']}")

    def _object(self, uri: str) -> bytes | None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        except ClientError as error:
            # Without the right to list, S3 says "denied" of what is not there yet.
            if error.response.get("Error", {}).get("Code") in ("AccessDenied", "403"):
                return None
            raise
