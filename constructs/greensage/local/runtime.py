"""SageMaker Runtime: finds who answers, passes the request on, counts it, and copies it where that is wanted."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote

from ..catalog import limits
from . import asynchronous, capture, components, fleet
from . import ministack_api as cloud
from .containers import ContainerStopping
from .event_stream import payload_parts
from .ministack_api import Answer
from .outcomes import model_error, record
from .state import Endpoint, Fleet, Variant, arn, store
from .wire import AwsError, refusal

_SWAP_SECONDS = 0.01
# The container here answers at once; its answer is cut so that a client sees what it has to put together.
_PART_BYTES = 1_024
_STREAM = "invocations-response-stream"
_ACTIONS = {
    "invocations": "sagemaker:InvokeEndpoint",
    "async-invocations": "sagemaker:InvokeEndpointAsync",
    _STREAM: "sagemaker:InvokeEndpointWithResponseStream",
}
_CONTEXT = {
    "x-amzn-sagemaker-target-model": "sagemaker:TargetModel",
    "x-amzn-sagemaker-target-container-hostname": "sagemaker:TargetContainerHostname",
}


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer POST /endpoints/NAME/invocations, /invocations-response-stream and /async-invocations."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    try:
        if method != "POST" or len(parts) != 3 or parts[0] != "endpoints" or parts[2] not in _ACTIONS:
            raise AwsError("UnknownOperationException", f"The local runtime does not have {method} {path}.", 404)
        denied = _authorize(parts[1], _ACTIONS[parts[2]], headers, query)
        if denied:
            return denied
        work: Callable[..., Answer] = {"invocations": _invoke, _STREAM: _stream}.get(parts[2], _enqueue)
        # Models take their time; on the event loop they would stop every other service.
        return await asyncio.to_thread(work, parts[1], headers, body)
    except AwsError as error:
        return refusal(error, rest=True)


def _authorize(name: str, action: str, headers: dict[str, str], query: dict[str, list[str]]) -> Answer | None:
    context = {key: headers[header] for header, key in _CONTEXT.items() if headers.get(header)}
    denied = cloud.authorize(headers, query, action, arn("endpoint", name), rest=True, context=context)
    component = headers.get("x-amzn-sagemaker-inference-component")
    if denied is None and component:
        denied = cloud.authorize(headers, query, action, arn("inference-component", component), rest=True)
    return denied


def _endpoint(name: str) -> Endpoint:
    endpoint = store().endpoints.get(name)
    if endpoint is None or not endpoint.variants:
        raise AwsError("ValidationError", f"Endpoint {name} of account {cloud.account()} not found.")
    return endpoint


def _enqueue(name: str, headers: dict[str, str], body: bytes) -> Answer:
    endpoint = _endpoint(name)
    if endpoint.fleet.asynchronous is None:
        raise AwsError("ValidationError", f"Endpoint {name} is not asynchronous; use InvokeEndpoint.")
    return asynchronous.accept(endpoint, headers, body)


def _invoke(name: str, headers: dict[str, str], body: bytes) -> Answer:
    """Ask the endpoint's fleet; if an update has just swapped it, ask the new one."""
    while True:
        try:
            return _invoke_once(name, headers, body)
        except ContainerStopping:
            time.sleep(_SWAP_SECONDS)


def _stream(name: str, headers: dict[str, str], body: bytes) -> Answer:
    status, answered, content = _invoke(name, headers, body)
    kept = {"x-Amzn-Invoked-Production-Variant": answered.get("x-Amzn-Invoked-Production-Variant", "")}
    headers = {"Content-Type": "application/vnd.amazon.eventstream", "X-Amzn-SageMaker-Content-Type": answered["Content-Type"]}
    return status, headers | kept, payload_parts(content, _PART_BYTES)


def _invoke_once(name: str, headers: dict[str, str], body: bytes) -> Answer:
    endpoint = _endpoint(name)
    if endpoint.fleet.asynchronous is not None:
        raise AwsError("ValidationError", f"Endpoint {name} is asynchronous; use InvokeEndpointAsync.")
    passed = _passed(headers)
    component = headers.get("x-amzn-sagemaker-inference-component")
    if component or any(variant.model is None for variant in endpoint.variants.values()):
        return components.invoke(endpoint, component, passed, body)
    chosen = fleet.choose(endpoint)
    variant = _choose(endpoint, chosen, headers.get("x-amzn-sagemaker-target-variant"))
    _check_payload(variant, body)
    assert variant.hosted is not None
    started = time.perf_counter()
    status, answered, content = variant.hosted.invoke(body, passed)
    record(endpoint.name, variant, status, time.perf_counter() - started)
    _shadow(endpoint, chosen, variant, passed, body)
    if status >= 400:
        raise model_error(endpoint, status, content)
    capture.keep(endpoint, chosen, variant, passed, body, answered, content)
    return 200, {
        "Content-Type": answered.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }, content  # fmt: skip


def _passed(headers: dict[str, str]) -> dict[str, str]:
    passed = {key: headers[key] for key in ("content-type", "accept") if headers.get(key)}
    return passed | {key: value for key, value in headers.items() if key.startswith("x-amzn-sagemaker-")}


def _choose(endpoint: Endpoint, chosen: Fleet, wanted: str | None) -> Variant:
    if wanted:
        if wanted not in chosen.variants:
            raise AwsError("ValidationError", f"Variant {wanted} of endpoint {endpoint.name} not found.")
        return chosen.variants[wanted]
    variants = list(chosen.variants.values())
    weights = [float(item.config.get("InitialVariantWeight", 1)) for item in variants]
    return variants[0] if len(variants) == 1 else random.choices(variants, weights)[0]  # noqa: S311 - traffic split


def _check_payload(variant: Variant, body: bytes) -> None:
    serverless = "ServerlessConfig" in variant.config
    limit = limits.SERVERLESS_PAYLOAD_BYTES if serverless else limits.REALTIME_PAYLOAD_BYTES
    if len(body) > limit:
        raise AwsError("ValidationError", f"Request body is larger than {limit:,} bytes.", 413)


def _shadow(endpoint: Endpoint, chosen: Fleet, main: Variant, headers: dict[str, str], body: bytes) -> None:
    """Copy some requests to the shadow variant; nobody waits for its answer, which is counted and thrown away."""
    for shadow in chosen.shadows.values():
        # Weights are relative: a shadow of half the main variant's weight gets half of its requests.
        share = shadow.config.get("InitialVariantWeight", 1) / main.config.get("InitialVariantWeight", 1)
        if random.random() < share:  # noqa: S311 - a sample
            threading.Thread(target=_ask_shadow, args=(endpoint, shadow, headers, body), daemon=True).start()


def _ask_shadow(endpoint: Endpoint, shadow: Variant, headers: dict[str, str], body: bytes) -> None:
    assert shadow.hosted is not None
    started = time.perf_counter()
    try:
        status, _, _ = shadow.hosted.invoke(body, headers)
    except (AwsError, ContainerStopping):
        status = 500
    with cloud.scope(endpoint.account, endpoint.region):
        record(endpoint.name, shadow, status, time.perf_counter() - started)
