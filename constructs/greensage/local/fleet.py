"""Brings up the models behind an endpoint, moves the traffic on update, and keeps the old ones when the new ones fail."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import faults
from . import ministack_api as cloud
from . import ministack_services as services
from .clock import scaled
from .hosted import Hosted, log_writer
from .state import Endpoint, Fleet, Incoming, Store, Variant, store
from .wire import AwsError, validation_error

logger = logging.getLogger(__name__)
_POLL_SECONDS = 0.02


def create(endpoint: Endpoint) -> None:
    """Start the fleet in the background; the endpoint ends InService or Failed with the reason."""
    _in_background(endpoint, _create)


def update(endpoint: Endpoint, config_name: str, *, retain_counts: bool, deployment: Mapping[str, Any] | None) -> None:
    """Start a new fleet beside the old one and move over; if it fails, the old one goes on as if nothing had been."""
    endpoint.to("Updating")
    endpoint.last_failure = ""
    _in_background(endpoint, lambda item: _update(item, config_name, retain_counts, deployment))


def stop(endpoint: Endpoint) -> None:
    """Stop everything of an endpoint."""
    fleet = endpoint.fleet
    endpoint.fleet = Fleet()
    fleet.stop()
    endpoint.stopped.set()


def choose(endpoint: Endpoint) -> Fleet:
    """Return the fleet that the next request goes to: while an update shifts traffic, sometimes the new one."""
    incoming = endpoint.incoming
    return incoming.fleet if incoming and random.random() < incoming.share else endpoint.fleet  # noqa: S311 - traffic split


def _in_background(endpoint: Endpoint, work: Callable[[Endpoint], None]) -> None:
    def run() -> None:
        with cloud.scope(endpoint.account, endpoint.region):
            work(endpoint)

    threading.Thread(target=run, daemon=True, name=f"endpoint-{endpoint.name}").start()


def _create(endpoint: Endpoint) -> None:
    try:
        endpoint.fleet = start_fleet(endpoint, endpoint.config_name)
        endpoint.to("InService")
    except Exception as error:
        endpoint.to("Failed", _reason(error))


def _update(endpoint: Endpoint, config_name: str, retain: bool, deployment: Mapping[str, Any] | None) -> None:
    old = endpoint.fleet
    try:
        new = start_fleet(endpoint, config_name)
    except Exception as error:
        _roll_back(endpoint, _reason(error))
        return
    for name, variant in new.variants.items():
        if retain and name in old.variants:
            variant.desired = old.variants[name].desired
    fired = _shift(endpoint, new, deployment) if deployment else []
    # After the shift, because this fault is an alarm in the last moment.
    if faults.take("endpoint-update", endpoint.name):
        fired = ["a fault that was asked for"]
    if fired:
        # The traffic turns back before the new fleet stops, so no request is lost.
        endpoint.incoming = None
        endpoint.fleet = old
        new.stop()
        _roll_back(endpoint, f"The deployment was rolled back because these alarms went off: {', '.join(fired)}.")
        return
    endpoint.fleet, endpoint.incoming, endpoint.config_name = new, None, config_name
    endpoint.to("InService")
    # Last: requests that reached the old fleet are answered by it, and new ones go elsewhere already.
    old.stop()


def _roll_back(endpoint: Endpoint, reason: str) -> None:
    endpoint.last_failure = reason
    # As on AWS, where only the config's name tells a rollback from a success.
    endpoint.to("InService")


def _shift(endpoint: Endpoint, new: Fleet, deployment: Mapping[str, Any]) -> list[str]:
    """Move the traffic step by step and bake; return the alarms that stopped it, or nothing."""
    rollback = deployment.get("AutoRollbackConfiguration") or {}
    names = [row["AlarmName"] for row in rollback.get("Alarms", [])]
    for share, seconds in _steps(deployment):
        endpoint.incoming = Incoming(new, share)
        fired = _watch(names, scaled(seconds))
        if fired:
            return fired
    return []


def _steps(deployment: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield (share of the traffic at the new fleet, seconds until the next step) as AWS defines the strategies."""
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling:
        batch = rolling["MaximumBatchSize"]["Value"]
        yield from ((min(100, done + batch) / 100, rolling["WaitIntervalInSeconds"]) for done in range(0, 100, batch))
        return
    policy = deployment["BlueGreenUpdatePolicy"]
    routing, bake = policy["TrafficRoutingConfiguration"], policy.get("TerminationWaitInSeconds", 0)
    wait = routing.get("WaitIntervalInSeconds", 0)
    if routing["Type"] == "CANARY":
        yield routing["CanarySize"]["Value"] / 100, wait
    elif routing["Type"] == "LINEAR":
        step = routing["LinearStepSize"]["Value"]
        yield from ((done / 100, wait) for done in range(step, 100, step))
    yield 1.0, bake


def _watch(alarms: list[str], seconds: float) -> list[str]:
    deadline = time.monotonic() + seconds
    while True:
        fired = services.alarms_that_fire(alarms)
        if fired or time.monotonic() >= deadline:
            return fired
        time.sleep(_POLL_SECONDS)


def start_fleet(endpoint: Endpoint, config_name: str) -> Fleet:
    """Return the running variants of a config; everything is stopped again when one does not start."""
    state = store()
    config = state.configs[config_name]
    made = Fleet(capture=config.get("DataCaptureConfig"), asynchronous=config.get("AsyncInferenceConfig"))
    try:
        for row in config["ProductionVariants"]:
            made.variants[row["VariantName"]] = _start_variant(endpoint, state, row)
        for row in config.get("ShadowProductionVariants", []):
            made.shadows[row["VariantName"]] = _start_variant(endpoint, state, row)
        # All are started before the first is waited for: they come up side by side.
        for variant in (*made.variants.values(), *made.shadows.values()):
            if variant.hosted:
                seconds = variant.config.get("ContainerStartupHealthCheckTimeoutInSeconds")
                variant.hosted.wait(f"production variant {variant.name}", **({"seconds": seconds} if seconds else {}))
    except Exception:
        made.stop()
        raise
    return made


def _start_variant(endpoint: Endpoint, state: Store, row: dict[str, Any]) -> Variant:
    count = row.get("InitialInstanceCount", 1)
    if "ModelName" not in row:
        return Variant(row, None, None, count)
    if row["ModelName"] not in state.models:
        raise validation_error(f'Could not find model "{row["ModelName"]}".')
    model = state.models[row["ModelName"]]
    return Variant(row, model, start_model(endpoint, row, model), count)


def start_model(endpoint: Endpoint, row: Mapping[str, Any], model: Mapping[str, Any]) -> Hosted:
    """Return the running model of a variant."""
    group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
    log = log_writer(endpoint.account, endpoint.region, group, f"{row['VariantName']}/local", model["ExecutionRoleArn"])
    return Hosted(model, instance_type=row.get("InstanceType"), variant=row["VariantName"], log=log)


def _reason(error: Exception) -> str:
    if isinstance(error, AwsError):
        return error.message
    logger.exception("the local cloud failed", exc_info=error)
    return f"the local cloud failed: {type(error).__name__}: {error}"
