"""Which hosting kind: from the SLA and the traffic, among real-time, multi-model and serverless."""

from __future__ import annotations

from ..catalog import limits, traffic
from .context import Request
from .refusals import why_not
from .types import Choice, Kind, Rejected


def choose_kind(request: Request) -> tuple[Kind, Choice]:
    """Return the kind and why. A kind in the spec is taken as it is; its options are checked elsewhere."""
    hosting = request.spec.hosting
    if hosting != "auto":
        return hosting.kind, Choice("kind", hosting.kind, "hosting in the spec")
    losses = {
        "serverless": why_not(request, "serverless") or _against_serverless(request),
        "multi-model": _against_multi_model(request) or why_not(request, "multi-model"),
    }
    if request.spec.group is not None and losses["multi-model"] is None:
        reason = f"files of group {request.spec.group} share one endpoint, and a cold load is acceptable"
        others = (
            Rejected("serverless", "the group asks to share an endpoint"),
            Rejected("real-time", "an endpoint of its own, mostly idle"),
        )
        return "multi-model", Choice("kind", "multi-model", reason, others)
    if losses["serverless"] is None:
        reason = f"{request.requests_per_month:,} requests a month, {request.spec.traffic.pattern}; zero when idle"
        return "serverless", Choice("kind", "serverless", reason, _lost(request, losses, "serverless"))
    return "real-time", Choice("kind", "real-time", _why_real_time(request), _lost(request, losses, "real-time"))


def _against_serverless(request: Request) -> str | None:
    spec = request.spec
    needed = traffic.memory_mb(spec.model.framework, request.size_mb)
    if not spec.sla.cold_start_ok:
        return "sla.cold_start_ok is false"
    if needed > limits.SERVERLESS_MEMORY_MB[-1]:
        return f"needs about {needed:,.0f} MB, serverless ends at {limits.SERVERLESS_MEMORY_MB[-1]:,}"
    if spec.silicon == "graviton":
        return "silicon: graviton in the spec, and no source says that serverless runs on it"
    if spec.model.image_architecture == "arm64":
        return "the image is built for arm64"
    if request.requests_per_month > traffic.SERVERLESS_MAX_REQUESTS_PER_MONTH:
        return (
            f"{request.requests_per_month:,} requests a month keep an instance busy "
            f"(assumed break-even {traffic.SERVERLESS_MAX_REQUESTS_PER_MONTH:,})"
        )
    return None


def _against_multi_model(request: Request) -> str | None:
    if request.spec.group is None:
        return "no group in the spec"
    if request.waits:
        return "a model that is not loaded yet answers late, and sla.cold_start_ok is false"
    return None


def _why_real_time(request: Request) -> str:
    sla = request.spec.sla
    wait = f"p95 of {sla.latency_p95_ms} ms" if sla.latency_p95_ms else "answers at once"
    cold = "" if sla.cold_start_ok else " without cold starts"
    return f"{wait}{cold} at {request.spec.traffic.requests_per_day:,} requests a day"


def _lost(request: Request, losses: dict[str, str | None], winner: str) -> tuple[Rejected, ...]:
    rejected = [Rejected(kind, why) for kind, why in losses.items() if why and kind != winner]
    if winner == "serverless":
        rejected.append(Rejected("real-time", "an instance that idles most of the time"))
    return tuple(rejected)
