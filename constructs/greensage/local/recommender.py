"""Inference Recommender's jobs, as a load test of the real serving process on this machine, scaled to the types asked for.

Rights, names, samples and answers are as on AWS. What is not: no such instance is started. The id of each recommendation and the
job's description say so.
"""

from __future__ import annotations

import io
import statistics
import tarfile
import threading
import time
from collections.abc import Callable
from typing import Any

from ..catalog.instances import instance
from ..catalog.power import compute_units
from ..catalog.prices import hourly_price
from . import ministack_api as cloud
from .hosted import Hosted
from .protocol import Request
from .rules import artifact_bytes, check_role
from .state import arn, store
from .utilisation import family, usage
from .wire import AwsError, validation_error

_ID = "local-load-test"
_SAYS = "local cloud: a load test of the serving process on this machine, not on the instance types"
_ALONE_SECONDS, _TOGETHER_SECONDS, _CALLERS, _WARM = 1.0, 3.0, 4, 20
_SAMPLES_MAX = 50


def create(request: Request) -> Request:
    """Check what the job may read, and measure in the background."""
    state, name = store(), request["JobName"]
    if name in state.recommendation_jobs:
        raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}.")
    role, given = request["RoleArn"], request["InputConfig"]
    check_role(role)
    model = state.models.get(given.get("ModelName", ""))
    if model is None:
        raise validation_error(f"Could not find model {given.get('ModelName') or given.get('ModelPackageVersionArn')}.")
    container = given.get("ContainerConfig") or {}
    payload = container.get("PayloadConfig") or {}
    samples = _samples(artifact_bytes(role, payload.get("SamplePayloadUrl", "")), payload.get("SamplePayloadUrl", ""))
    named = [row["InstanceType"] for row in given.get("EndpointConfigurations", [])]
    types: list[str] = named or container.get("SupportedInstanceTypes", [])
    if not types:
        raise validation_error("The local cloud needs SupportedInstanceTypes or EndpointConfigurations.")
    now = time.time()
    row = state.recommendation_jobs[name] = {
        **request, "JobArn": arn("inference-recommendations-job", name), "Status": "IN_PROGRESS", "CreationTime": now,
        "LastModifiedTime": now, "JobDescription": _SAYS,
    }  # fmt: skip
    kind = (payload.get("SupportedContentTypes") or ["text/csv"])[0]
    account, region = state.account, state.region

    def run() -> None:
        with cloud.scope(account, region):
            _run(row, model, samples, kind, types)

    threading.Thread(target=run, daemon=True, name=f"recommendation-{name}").start()
    return {"JobArn": row["JobArn"]}


def describe(request: Request) -> Request:
    """Describe a job."""
    name = request["JobName"]
    if name not in store().recommendation_jobs:
        raise AwsError("ResourceNotFound", f"Could not find requested job with name: {name}")
    return {key: value for key, value in store().recommendation_jobs[name].items() if key not in ("Tags", "OutputConfig")}


def stop(request: Request) -> Request:
    """Stop a job: what is being measured goes on for some seconds, and its answer is thrown away."""
    describe(request)
    row = store().recommendation_jobs[request["JobName"]]
    if row["Status"] != "IN_PROGRESS":
        raise validation_error(f"The request was rejected because the job is in status {row['Status']}.")
    row["Status"] = "STOPPED"
    return {}


OPERATIONS = {
    "CreateInferenceRecommendationsJob": create, "DescribeInferenceRecommendationsJob": describe,
    "StopInferenceRecommendationsJob": stop,
}  # fmt: skip


def _run(row: dict[str, Any], model: dict[str, Any], samples: list[bytes], kind: str, types: list[str]) -> None:
    try:
        # With a type, because an image for other silicon fails on it as on AWS.
        hosted = Hosted(model, instance_type=types[0], variant="recommendation", log=lambda line: None)
        try:
            hosted.wait("recommendation")
            latency, cpu = _measured(hosted, samples, kind)
        finally:
            hosted.stop()
        found = [_row(row["JobName"], index, item, latency, cpu) for index, item in enumerate(types)]
        ended: dict[str, Any] = {"Status": "COMPLETED", "InferenceRecommendations": found}
    except Exception as error:
        ended = {"Status": "FAILED", "FailureReason": str(getattr(error, "message", error))[:1_000]}
    if row["Status"] == "IN_PROGRESS":
        row.update(ended, CompletionTime=time.time(), LastModifiedTime=time.time())


def _measured(hosted: Hosted, samples: list[bytes], kind: str) -> tuple[float, float]:
    """The p95 of one caller in seconds, and the CPU seconds of a request under load."""
    headers = {"content-type": kind, "accept": "application/json"}

    def call(index: int) -> float:
        began = time.perf_counter()
        status, _, body = hosted.invoke(samples[index % len(samples)], headers)
        if status >= 400:
            raise validation_error(f"The container answered the sample with {status}: {body[:300].decode(errors='replace')}")
        return time.perf_counter() - began

    for index in range(_WARM):
        call(index)
    alone, end = [call(0)], time.perf_counter() + _ALONE_SECONDS
    while time.perf_counter() < end:
        alone.append(call(len(alone)))
    before = _cpu(hosted)
    asked = _together(call)
    p95 = statistics.quantiles(alone, n=20)[-1] if len(alone) > 1 else alone[0]
    # The clock of /proc has hundredths of seconds; a little more than nothing keeps the division.
    return p95, max(_cpu(hosted) - before, 0.01) / asked


def _together(call: Callable[[int], float]) -> int:
    """Several callers at once for some seconds; how many requests were answered. Raises what a caller met."""
    until, counts, failures = time.perf_counter() + _TOGETHER_SECONDS, [0] * _CALLERS, list[Exception]()

    def load(caller: int) -> None:
        try:
            while time.perf_counter() < until:
                call(counts[caller])
                counts[caller] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=load, args=(caller,), daemon=True) for caller in range(_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return max(1, sum(counts))


def _cpu(hosted: Hosted) -> float:
    return sum(usage(pid)[0] for root in hosted.pids for pid in family(root))


def _row(job: str, index: int, name: str, latency: float, cpu: float) -> dict[str, Any]:
    """One type: this machine's processor is taken to be an m5 vCPU."""
    rate, price = compute_units(name) / cpu, hourly_price(name, cloud.region()).value
    per_core = compute_units(name) / instance(name).vcpu
    return {
        "RecommendationId": f"{job}/{_ID}-{index}",
        "Metrics": {
            "CostPerHour": price, "CostPerInference": price / 3600 / rate, "MaxInvocations": max(1, int(rate * 60)),
            "ModelLatency": max(1, round(latency * 1000 / per_core)),
        },
        "EndpointConfiguration": {
            "EndpointName": f"{job[:40]}-{index}", "VariantName": "AllTraffic", "InstanceType": name, "InitialInstanceCount": 1,
        },
        "ModelConfiguration": {},
    }  # fmt: skip


def _samples(content: bytes, uri: str) -> list[bytes]:
    """The bodies in a payload archive: each file is one request."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            files = [item for item in archive.getmembers()[:_SAMPLES_MAX] if item.isfile()]
            found = [file.read() for item in files if (file := archive.extractfile(item)) is not None]
    except (tarfile.TarError, OSError, EOFError):
        raise validation_error(f"The sample payload {uri} is no gzip compressed tar archive.") from None
    if not found:
        raise validation_error(f"The sample payload {uri} holds no file.")
    return found
