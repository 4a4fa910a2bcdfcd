"""Brings up the containers behind an endpoint, swaps them on update, and keeps the old ones when the new ones fail."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..catalog import limits
from . import ministack_api as cloud
from .archives import unpack
from .containers import Container, ContainerFailed
from .images import find_image
from .rules import artifact_bytes, check_architecture, check_image_access
from .state import Endpoint, Store, Variant, store
from .wire import AwsError, validation_error

logger = logging.getLogger(__name__)
FAMILIES_OF_THE_SERVER = "xgboost, lightgbm, sklearn and onnx"


def create(endpoint: Endpoint) -> None:
    """Start the fleet in the background; the endpoint ends InService or Failed with the reason."""
    _in_background(endpoint, _create)


def update(endpoint: Endpoint, config_name: str, *, retain_counts: bool) -> None:
    """Start a new fleet beside the old one and swap; if it fails, the old one goes on as if nothing had been."""
    endpoint.to("Updating")
    endpoint.last_failure = ""
    _in_background(endpoint, lambda item: _update(item, config_name, retain_counts))


def stop(endpoint: Endpoint) -> None:
    """Stop all containers of an endpoint and delete their files."""
    _stop_all(list(endpoint.variants.values()))
    endpoint.variants = {}
    endpoint.stopped.set()


def _in_background(endpoint: Endpoint, work: Callable[[Endpoint], None]) -> None:
    def run() -> None:
        with cloud.scope(endpoint.account, endpoint.region):
            work(endpoint)

    threading.Thread(target=run, daemon=True, name=f"endpoint-{endpoint.name}").start()


def _create(endpoint: Endpoint) -> None:
    try:
        endpoint.variants = _start_fleet(endpoint, endpoint.config_name)
        endpoint.to("InService")
    except Exception as error:
        endpoint.to("Failed", _reason(error))


def _update(endpoint: Endpoint, config_name: str, retain_counts: bool) -> None:
    old = endpoint.variants
    try:
        new = _start_fleet(endpoint, config_name)
    except Exception as error:
        endpoint.last_failure = _reason(error)
        endpoint.to("InService")
        return
    for name, variant in new.items():
        if retain_counts and name in old:
            variant.desired = old[name].desired
    endpoint.variants, endpoint.config_name = new, config_name
    endpoint.to("InService")
    _stop_all(list(old.values()))


def _start_fleet(endpoint: Endpoint, config_name: str) -> dict[str, Variant]:
    state = store()
    started: dict[str, Variant] = {}
    try:
        for row in state.configs[config_name]["ProductionVariants"]:
            started[row["VariantName"]] = _start_variant(endpoint, state, row)
        for variant in started.values():
            _wait(variant)
    except Exception:
        _stop_all(list(started.values()))
        raise
    return started


def _start_variant(endpoint: Endpoint, state: Store, row: dict[str, Any]) -> Variant:
    if row["ModelName"] not in state.models:
        raise validation_error(f'Could not find model "{row["ModelName"]}".')
    model = state.models[row["ModelName"]]
    definition, role = model["PrimaryContainer"], model["ExecutionRoleArn"]
    image = find_image(definition["Image"])
    check_image_access(role, image)
    check_architecture(image, row)
    if not image.served:
        raise validation_error(f"The local cloud cannot run {image.uri}: its server loads {FAMILIES_OF_THE_SERVER}.")
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    multi_model = definition.get("Mode") == "MultiModel"
    if not multi_model and "ModelDataUrl" in definition:
        unpack(artifact_bytes(role, definition["ModelDataUrl"]), folder, definition["ModelDataUrl"])
    log = _log_writer(endpoint, row["VariantName"], role)
    container = Container(folder, definition.get("Environment", {}), multi_model=multi_model, on_line=log)
    log(f"started {image.uri} as process {container.pid}")
    return Variant(row, model, container, row.get("InitialInstanceCount", 1))


def _wait(variant: Variant) -> None:
    seconds = variant.config.get("ContainerStartupHealthCheckTimeoutInSeconds", limits.STARTUP_TIMEOUT_SECONDS)
    try:
        variant.container.wait_until_healthy(seconds)
    except ContainerFailed as error:
        raise validation_error(
            f"The primary container for production variant {variant.name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. {error}"
        ) from None


def _stop_all(variants: list[Variant]) -> None:
    for variant in variants:
        variant.container.stop()
        shutil.rmtree(variant.container.model_dir, ignore_errors=True)


def _log_writer(endpoint: Endpoint, variant: str, role: str) -> Callable[[str], None]:
    """Write as the execution role does: into the endpoint's own log group, if its policy lets it."""
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    arn = f"arn:aws:logs:{endpoint.region}:{endpoint.account}:log-group:{group}"

    def write(line: str) -> None:
        with cloud.scope(endpoint.account, endpoint.region):
            if not cloud.role_allows(role, "logs:PutLogEvents", f"{arn}:log-stream:{variant}/local"):
                return
            may_create = cloud.role_allows(role, "logs:CreateLogGroup", arn)
            cloud.put_logs(group, f"{variant}/local", [line], may_create_group=may_create)

    return write


def _reason(error: Exception) -> str:
    if isinstance(error, AwsError):
        return error.message
    logger.exception("the local cloud failed", exc_info=error)
    return f"the local cloud failed: {type(error).__name__}: {error}"
