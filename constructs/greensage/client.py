"""Calls a model by its name: finds how it is hosted through its parameter, also after that has changed; or an endpoint by its."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .core.defaults import PARAMETERS_ROOT
from .errors import GreensageError

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
    """A client for one deployed model, whatever hosts it. Edge models answer on their devices only.

    Parameters
    ----------
    model:
        The name in the model file, the `model_name` of a construct, or the name of any endpoint of the account.
    root:
        Root of greensage's SSM parameters; default /greensage.
    session:
        A boto3 session; default: boto3's own.
    wait_seconds:
        How long to wait for an asynchronous answer, a batch job, or a model at zero to wake up; default 600.

    Raises, in `predict`, GreensageError where nothing of that name is deployed or it cannot be called, TimeoutError,
    RuntimeError where the model failed, and botocore's ClientError.

    Example
    -------
        EndpointClient("churn").predict([[0.1, 0.2, ...]])
    """

    def __init__(
        self, model: str, *, root: str = PARAMETERS_ROOT, session: boto3.Session | None = None, wait_seconds: float = 600
    ) -> None:
        source: Any = session or boto3.Session()
        self._model, self._parameter = model, f"{root}/models/{model}"
        self._session: Any = source
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
        model at zero has to wake, the request is sent again until it answers. A batch model scores the body as a file.
        Raises TimeoutError after `wait_seconds`.
        """
        deadline = time.monotonic() + self._wait_seconds
        return self._persistent(lambda: self._invoke(body, content_type, accept, deadline), deadline)

    def stream(self, body: bytes, *, content_type: str, accept: str = "application/json") -> Iterator[bytes]:
        """Yield the parts of an answer as the container sends them, of a model that streams.

        Raises GreensageError for asynchronous, batch and edge models, whose answers are files; else as `invoke`.
        """
        deadline = time.monotonic() + self._wait_seconds

        def start() -> Any:
            self._find_again()
            if "asynchronous" in self._target or "batch" in self._target:
                raise GreensageError(f"{self._model} answers with files, which are no streams; use invoke")
            return self._runtime.invoke_endpoint_with_response_stream(
                EndpointName=self._target["endpoint"], Body=body, ContentType=content_type, Accept=accept, **self._chosen()
            )

        for event in self._persistent(start, deadline)["Body"]:
            if "PayloadPart" not in event:
                raise RuntimeError(f"the stream broke off: {event}")
            yield event["PayloadPart"]["Bytes"]

    def address(self) -> dict[str, Any]:
        """Return where the model is hosted: the content of its parameter, with the endpoint's name where it has one."""
        self._find_again()
        return dict(self._target)

    def _persistent(self, call: Callable[[], Any], deadline: float) -> Any:
        looked_again = False
        while True:
            try:
                return call()
            except ClientError as error:
                if _NO_CAPACITY in str(error) and time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                elif not looked_again and any(text in str(error) for text in _GONE):
                    looked_again, self._known_until = True, 0.0
                else:
                    raise

    def _find_again(self) -> None:
        if time.monotonic() > self._known_until:
            self._target = self._find()
            self._known_until = time.monotonic() + _KEEP_SECONDS

    def _chosen(self) -> dict[str, Any]:
        return {name: self._target[key] for key, name in _TARGETS.items() if key in self._target}

    def _find(self) -> dict[str, Any]:
        try:
            place = json.loads(self._parameter_value(self._parameter))
        except self._ssm.exceptions.ParameterNotFound:
            return self._endpoint_called()
        except ValueError:
            raise GreensageError(f"{self._parameter} is not greensage's; is the root of the parameters right?") from None
        if "endpointParameter" in place:
            place["endpoint"] = self._parameter_value(place["endpointParameter"])
        if "component" in place:
            raise GreensageError(f"{self._model} runs on devices and answers there: component {place['component']}")
        return place

    def _endpoint_called(self) -> dict[str, Any]:
        """An endpoint of that name, which nobody published a parameter for."""
        try:
            self._session.client("sagemaker").describe_endpoint(EndpointName=self._model)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("AccessDenied", "AccessDeniedException"):
                raise
            raise GreensageError(
                f"nothing called {self._model!r} is deployed in this account and Region: there is neither a parameter "
                f"{self._parameter} nor an endpoint of that name; greensage status lists what is there"
            ) from None
        return {"endpoint": self._model}

    def _parameter_value(self, name: str) -> str:
        return self._ssm.get_parameter(Name=name)["Parameter"]["Value"]

    def _invoke(self, body: bytes, content_type: str, accept: str, deadline: float) -> bytes:
        self._find_again()
        if "asynchronous" in self._target:
            return self._invoke_async(body, content_type, accept, deadline)
        if "batch" in self._target:
            return self._score_file(body, content_type, deadline)
        answer = self._runtime.invoke_endpoint(
            EndpointName=self._target["endpoint"], Body=body, ContentType=content_type, Accept=accept, **self._chosen()
        )
        return answer["Body"].read()

    def _score_file(self, body: bytes, content_type: str, deadline: float) -> bytes:
        """Put a file below the input prefix, have it scored, and wait for the file of answers."""
        place, name = self._target["batch"], str(uuid.uuid4())
        key = f"{place['input']}{name}"
        self._s3.put_object(Bucket=place["bucket"], Key=key, Body=body, ContentType=content_type)
        if not place.get("onArrival"):
            given = json.dumps({"input": f"s3://{place['bucket']}/{key}"})
            self._session.client("stepfunctions").start_execution(stateMachineArn=self._target["stateMachine"], input=given)
        answers = f"s3://{place['bucket']}/{place['output']}{name}.out"
        while time.monotonic() < deadline:
            if (found := self._object(answers)) is not None:
                return found
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"no answers within {self._wait_seconds:g} s; they will come to {answers}, unless the job failed")

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
