"""SageMaker Runtime: finds the endpoint's container, loads the target model if need be, passes the request on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
import threading
import time
from typing import Any
from urllib.parse import unquote

from ..catalog import limits
from . import ministack_api as cloud
from .archives import unpack
from .containers import ContainerStopping
from .ministack_api import Answer
from .rules import artifact_bytes
from .state import Endpoint, Variant, arn, store
from .wire import AwsError, refusal

_loading = threading.Lock()
_SWAP_SECONDS = 0.01


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer POST /endpoints/NAME/invocations."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    try:
        if method != "POST" or len(parts) != 3 or parts[0] != "endpoints" or parts[2] != "invocations":
            raise AwsError("UnknownOperationException", f"The local runtime does not have {method} {path}.", 404)
        target = headers.get("x-amzn-sagemaker-target-model", "")
        context = {"sagemaker:TargetModel": target} if target else {}
        denied = cloud.authorize(
            headers, query, "sagemaker:InvokeEndpoint", arn("endpoint", parts[1]), rest=True, context=context
        )
        return denied or await asyncio.to_thread(_invoke, parts[1], headers, body)
    except AwsError as error:
        return refusal(error, rest=True)


def _invoke(name: str, headers: dict[str, str], body: bytes) -> Answer:
    """Ask the endpoint's fleet; if an update has just swapped it, ask the new one."""
    while True:
        try:
            return _invoke_once(name, headers, body)
        except ContainerStopping:
            time.sleep(_SWAP_SECONDS)


def _invoke_once(name: str, headers: dict[str, str], body: bytes) -> Answer:
    endpoint = store().endpoints.get(name)
    if endpoint is None or not endpoint.variants:
        raise AwsError("ValidationError", f"Endpoint {name} of account {cloud.account()} not found.")
    variant = _choose(endpoint, headers.get("x-amzn-sagemaker-target-variant"))
    _check_payload(variant, body)
    started = time.perf_counter()
    status, answer_headers, content = _forward(variant, headers, body)
    _record(endpoint, variant, status, time.perf_counter() - started)
    if status >= 400:
        raise _model_error(endpoint, status, content)
    return 200, {
        "Content-Type": answer_headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant.name,
    }, content  # fmt: skip


def _choose(endpoint: Endpoint, wanted: str | None) -> Variant:
    if wanted:
        if wanted not in endpoint.variants:
            raise AwsError("ValidationError", f"Variant {wanted} of endpoint {endpoint.name} not found.")
        return endpoint.variants[wanted]
    variants = list(endpoint.variants.values())
    weights = [float(item.config.get("InitialVariantWeight", 1)) for item in variants]
    return variants[0] if len(variants) == 1 else random.choices(variants, weights)[0]  # noqa: S311 - traffic split


def _check_payload(variant: Variant, body: bytes) -> None:
    serverless = "ServerlessConfig" in variant.config
    limit = limits.SERVERLESS_PAYLOAD_BYTES if serverless else limits.REALTIME_PAYLOAD_BYTES
    if len(body) > limit:
        raise AwsError("ValidationError", f"Request body is larger than {limit:,} bytes.", 413)


def _forward(variant: Variant, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    passed = {key: headers[key] for key in ("content-type", "accept") if headers.get(key)}
    passed |= {key: value for key, value in headers.items() if key.startswith("x-amzn-sagemaker-")}
    target = headers.get("x-amzn-sagemaker-target-model")
    multi_model = variant.model["PrimaryContainer"].get("Mode") == "MultiModel"
    if multi_model != bool(target):
        need = "needs" if multi_model else "does not take"
        raise AwsError("ValidationError", f"The endpoint {need} the header TargetModel.")
    path = f"/models/{_load_target(variant, target)}/invoke" if target else "/invocations"
    try:
        return variant.container.request("POST", path, body, passed)
    except TimeoutError:
        raise AwsError("ModelError", "Your invocation timed out while waiting for a response from container.", 424) from None
    except OSError as error:
        raise AwsError("ServiceUnavailable", f"The container cannot be reached: {error}", 503) from None


def _load_target(variant: Variant, target: str) -> str:
    """Return the name under which `target` is loaded; on the way load it, making room if the server asks for it."""
    name = hashlib.sha256(target.encode()).hexdigest()[:32]
    container = variant.container
    with _loading:
        if container.request("GET", f"/models/{name}")[0] == 200:
            return name
        uri = f"{variant.model['PrimaryContainer']['ModelDataUrl']}{target.lstrip('/')}"
        folder = container.model_dir / name / "model"
        try:
            unpack(artifact_bytes(variant.model["ExecutionRoleArn"], uri), folder, uri)
        except AwsError as error:
            raise AwsError("ValidationError", f"Failed to download model data ({uri}). {error.message}") from None
        request = f'{{"model_name": "{name}", "url": "{folder}"}}'.encode()
        status, _, content = container.request("POST", "/models", request)
        while status == 507 and _unload_one(variant):
            status, _, content = container.request("POST", "/models", request)
        if status not in (200, 409):
            shutil.rmtree(folder, ignore_errors=True)
            raise AwsError("ModelError", f"Failed to load model {target}: {content.decode(errors='replace')}", 424)
        return name


def _unload_one(variant: Variant) -> bool:
    models: list[dict[str, Any]] = json.loads(variant.container.request("GET", "/models")[2])["models"]
    if not models:
        return False
    return variant.container.request("DELETE", f"/models/{models[0]['modelName']}")[0] == 200


def _record(endpoint: Endpoint, variant: Variant, status: int, seconds: float) -> None:
    dimensions = {"EndpointName": endpoint.name, "VariantName": variant.name}
    points = [("Invocations", 1, "Count"), ("ModelLatency", seconds * 1e6, "Microseconds")]
    if variant.instance_type:
        points.append(("InvocationsPerInstance", 1 / max(variant.desired, 1), "Count"))
    points.append(("Invocation4XXErrors", float(400 <= status < 500), "Count"))
    points.append(("Invocation5XXErrors", float(status >= 500), "Count"))
    for name, value, unit in points:
        cloud.put_metric("AWS/SageMaker", name, value, unit, dimensions)


def _model_error(endpoint: Endpoint, status: int, content: bytes) -> AwsError:
    kind = "client error" if status < 500 else "server error"
    text = content.decode(errors="replace")
    message = (
        f'Received {kind} ({status}) from primary with message "{text}". See the log group '
        f"/aws/sagemaker/Endpoints/{endpoint.name} in account {endpoint.account} for more information."
    )
    return AwsError("ModelError", message, 424)
