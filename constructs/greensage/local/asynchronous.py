"""Asynchronous endpoints: a queue per endpoint, payloads and answers in S3, topics that are told, zero when idle."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..catalog import limits
from . import ministack_api as cloud
from . import ministack_services as services
from .fleet import start_model
from .ministack_api import Answer
from .outcomes import record
from .state import Endpoint, Variant
from .wire import AwsError

_IDLE_SECONDS = 0.02
_IN_PROGRESS: dict[int, threading.Thread] = {}


def accept(endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> Answer:
    """Queue one request, whose payload lies in S3, and say where the answer will be."""
    location = headers.get("x-amzn-sagemaker-inputlocation")
    if not location:
        raise AwsError("ValidationError", "InputLocation is required.")
    output = (endpoint.fleet.asynchronous or {})["OutputConfig"]
    identity = headers.get("x-amzn-sagemaker-inference-id") or str(uuid.uuid4())
    name = headers.get("x-amzn-sagemaker-filename") or f"{identity}.out"
    request = {
        "id": identity,
        "input": location,
        "output": f"{output['S3OutputPath'].rstrip('/')}/{name}",
        "failure": f"{output.get('S3FailurePath', output['S3OutputPath']).rstrip('/')}/{identity}-error.out",
        "headers": {
            "content-type": headers.get("x-amzn-sagemaker-content-type", ""),
            "accept": headers.get("x-amzn-sagemaker-accept", ""),
        },
    }
    endpoint.queue.append(request)
    return 202, {
        "Content-Type": "application/json",
        "x-amzn-sagemaker-outputlocation": request["output"],
        "x-amzn-sagemaker-failurelocation": request["failure"],
    }, json.dumps({"InferenceId": identity}).encode()  # fmt: skip


def work(endpoint: Endpoint) -> None:
    """Called again and again: start or stop the model as the count says, work the queue off, publish the backlog."""
    variant = next(iter(endpoint.variants.values()), None)
    if variant is None or endpoint.fleet.asynchronous is None:
        return
    busy = _IN_PROGRESS.get(id(endpoint))
    # One thread for each endpoint: the next tick comes while a long request is still answered.
    if busy is None or not busy.is_alive():
        _IN_PROGRESS[id(endpoint)] = thread = threading.Thread(target=_drain, args=(endpoint, variant), daemon=True)
        thread.start()
    _publish_backlog(endpoint, variant)


def _publish_backlog(endpoint: Endpoint, variant: Variant) -> None:
    waiting, dimensions = len(endpoint.queue), {"EndpointName": endpoint.name}
    rows = {"ApproximateBacklogSize": float(waiting), "HasBacklogWithoutCapacity": float(bool(waiting) and not variant.desired)}
    # At zero instances AWS publishes no value, so target tracking alone never wakes the endpoint.
    if variant.desired:
        rows["ApproximateBacklogSizePerInstance"] = waiting / variant.desired
    for name, value in rows.items():
        services.put_metric("AWS/SageMaker", name, value, "Count", dimensions)


def _drain(endpoint: Endpoint, variant: Variant) -> None:
    with cloud.scope(endpoint.account, endpoint.region):
        if variant.desired == 0:
            _to_zero(variant)
            return
        if variant.hosted is None and variant.model is not None:
            variant.hosted = start_model(endpoint, variant.config, variant.model)
            variant.hosted.wait(f"production variant {variant.name}")
        # Once an update has swapped the fleet, the rest of the queue is for the new variant.
        while endpoint.queue and variant.desired and endpoint.fleet.variants.get(variant.name) is variant:
            _answer(endpoint, variant, endpoint.queue.popleft())
        time.sleep(_IDLE_SECONDS)


def _to_zero(variant: Variant) -> None:
    hosted, variant.hosted = variant.hosted, None
    if hosted:
        hosted.stop()


def _answer(endpoint: Endpoint, variant: Variant, request: dict[str, Any]) -> None:
    assert variant.hosted is not None
    role, started = variant.hosted.role, time.perf_counter()
    try:
        body = _read(role, request["input"])
        status, answered, content = variant.hosted.invoke(body, request["headers"], timeout=limits.ASYNC_TIMEOUT_SECONDS)
    except AwsError as error:
        status, answered, content = 500, {}, error.message.encode()
    record(endpoint.name, variant, status, time.perf_counter() - started)
    good = status < 400
    target = request["output"] if good else request["failure"]
    _write(role, target, content, answered.get("content-type", "text/plain"))
    _notify(endpoint, role, request, good, content)


def _read(role: str, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not cloud.role_allows(role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
        raise AwsError("ClientError", f"The execution role may not read {uri}.")
    content = cloud.s3_object(bucket, key)
    if content is None:
        raise AwsError("ClientError", f"There is no object {uri}.")
    return content


def _write(role: str, uri: str, content: bytes, media: str) -> None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if cloud.role_allows(role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"):
        services.put_object(bucket, key, content, media)


def _notify(endpoint: Endpoint, role: str, request: dict[str, Any], good: bool, content: bytes) -> None:
    topics = ((endpoint.fleet.asynchronous or {})["OutputConfig"]).get("NotificationConfig") or {}
    topic = topics.get("SuccessTopic" if good else "ErrorTopic")
    if not topic or not cloud.role_allows(role, "sns:Publish", topic):
        return
    outcome = (
        {"responseParameters": {"outputLocation": request["output"]}}
        if good
        else {"failureReason": content.decode(errors="replace")}
    )
    message = {
        "inferenceId": request["id"], "invocationStatus": "Completed" if good else "Failed",
        "requestParameters": {"inputLocation": request["input"], "endpointName": endpoint.name}, **outcome,
    }  # fmt: skip
    services.publish(topic, message)
