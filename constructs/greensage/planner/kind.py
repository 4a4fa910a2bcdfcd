"""Which hosting kinds a model may have: what AWS offers, what the SLA leaves, and how a shared endpoint fits."""

from __future__ import annotations

from ..catalog import limits, traffic
from ..footprint.demand import container_mb
from ..spec import (
    AsynchronousHosting,
    BatchHosting,
    InferenceComponentHosting,
    ModelSpec,
    MultiContainerHosting,
    MultiModelHosting,
    RealTimeHosting,
    ServerlessHosting,
)
from .context import Request
from .refusals import why_not
from .types import Kind

# What `hosting: auto` chooses among for a model alone; shared endpoints come in where that saves (see sharing.py).
ALONE: tuple[Kind, ...] = ("batch", "asynchronous", "serverless", "real-time")
_DEFAULTS = {
    "real-time": lambda: RealTimeHosting(kind="real-time"),
    "serverless": lambda: ServerlessHosting(kind="serverless"),
    "asynchronous": lambda: AsynchronousHosting(kind="asynchronous"),
    "batch": lambda: BatchHosting(kind="batch"),
    "multi-model": lambda: MultiModelHosting(kind="multi-model"),
    "multi-container": lambda: MultiContainerHosting(kind="multi-container"),
    "inference-components": lambda: InferenceComponentHosting(kind="inference-components", min_copies=1),
}


def legal_kinds(request: Request) -> dict[Kind, str | None]:
    """Return the kinds to choose among, each with the reason against it, or None where it is legal."""
    hosting, group = request.spec.hosting, request.spec.group
    if hosting != "auto":
        return {hosting.kind: None}
    against: dict[Kind, str | None] = {kind: why_not_kind(request, kind) for kind in ALONE}
    if group is None:
        against["multi-model"] = "no group in the spec, and no other model that it could share with at a gain"
        return against
    shared = why_not_kind(request, "multi-model")
    if shared is None:
        return {**dict.fromkeys(ALONE, "the group asks to share an endpoint"), "multi-model": None}
    return {**against, "multi-model": shared}


def why_not_kind(request: Request, kind: Kind) -> str | None:
    """Return the first reason against `kind` for this model: AWS, the SLA or the size; None where it is legal."""
    return why_not(with_kind(request, kind), kind) or _against(request, kind)


def with_kind(request: Request, kind: Kind) -> Request:
    """Return the request as if its file asked for `kind` with the default options; unchanged where the file asks itself."""
    if request.spec.hosting != "auto" or kind not in _DEFAULTS:
        return request
    return request.with_spec(hosting=_DEFAULTS[kind]())


def _against(request: Request, kind: Kind) -> str | None:
    checks = {
        "batch": _against_batch, "asynchronous": _against_asynchronous, "serverless": _against_serverless,
        "real-time": _against_real_time, "multi-model": _against_multi_model,
    }  # fmt: skip
    return checks[kind](request) if kind in checks else None


def _somebody_waits(spec: ModelSpec) -> str | None:
    if spec.sla.latency_p95_ms is not None:
        return f"sla.latency_p95_ms is {spec.sla.latency_p95_ms:,}"
    return None if spec.sla.cold_start_ok else "sla.cold_start_ok is false, so somebody waits"


def _against_batch(request: Request) -> str | None:
    waits = _somebody_waits(request.spec)
    return f"{waits}; a batch job answers when it ends" if waits else None


def _against_asynchronous(request: Request) -> str | None:
    wake = traffic.ASYNCHRONOUS_WAKE_SECONDS
    p95 = request.spec.sla.latency_p95_ms
    if p95 is not None and p95 >= wake * 1000 and not request.waits:
        return None
    waits = _somebody_waits(request.spec)
    return f"{waits}; an instance takes about {wake / 60:.0f} minutes to wake (assumed)" if waits else None


def _against_serverless(request: Request) -> str | None:
    spec = request.spec
    needed = container_mb(spec.model)
    if not spec.sla.cold_start_ok:
        return "sla.cold_start_ok is false"
    if needed > limits.SERVERLESS_MEMORY_MB[-1]:
        return f"needs about {needed:,.0f} MB, serverless ends at {limits.SERVERLESS_MEMORY_MB[-1]:,}"
    if spec.silicon not in ("auto", "x86"):
        return f"silicon: {spec.silicon} in the spec, and no source says that serverless runs on it"
    if spec.model.image_architecture == "arm64":
        return "the image is built for arm64"
    return _too_large(request, limits.SERVERLESS_PAYLOAD_BYTES)


def _against_real_time(request: Request) -> str | None:
    return _too_large(request, limits.REALTIME_PAYLOAD_BYTES)


def _too_large(request: Request, limit: int) -> str | None:
    payload = (request.spec.traffic.payload_kb or 0) * 1000
    return (
        f"traffic.payload_kb is {payload / 1000:,.0f}, and a request ends at {limit / 1000:,.0f} kB" if payload > limit else None
    )


def _against_multi_model(request: Request) -> str | None:
    if request.waits:
        return "a model that is not loaded yet answers late, and sla.cold_start_ok is false"
    return None
