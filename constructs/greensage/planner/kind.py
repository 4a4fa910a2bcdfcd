"""Which hosting kinds a model may have: what AWS offers, what the SLA leaves, and how a shared endpoint fits."""

from __future__ import annotations

from ..catalog import limits, traffic
from ..catalog.kinds import HostingKind, Kind, hosting_kind, hosting_kinds, kind_that_shares
from ..footprint.demand import container_mb
from ..spec import ModelSpec, hosting_of
from .context import Request
from .refusals import why_not


def legal_kinds(request: Request) -> dict[Kind, str | None]:
    """Return the kinds to choose among, each with the reason against it, or None where it is legal."""
    hosting, group = request.spec.hosting, request.spec.group
    if hosting != "auto":
        return {hosting.kind: None}
    together = kind_that_shares("server")
    alone = tuple(sorted((row.name for row in hosting_kinds().values() if row.auto), key=_by_what_it_takes))
    against: dict[Kind, str | None] = {kind: why_not_kind(request, kind) for kind in alone}
    if group is None:
        against[together] = "no group in the spec, and no other model that it could share with at a gain"
        return against
    shared = why_not_kind(request, together)
    if shared is None:
        return {**dict.fromkeys(alone, "the group asks to share an endpoint"), together: None}
    return {**against, together: shared}


def why_not_kind(request: Request, kind: Kind) -> str | None:
    """Return the first reason against `kind` for this model: AWS, the SLA or the size; None where it is legal."""
    return why_not(with_kind(request, kind), kind) or _against(request, kind)


def with_kind(request: Request, kind: Kind) -> Request:
    """Return the request as if its file asked for `kind` with the default options; unchanged where the file asks itself."""
    row = hosting_kind(kind)
    if request.spec.hosting != "auto" or not (row.auto or row.shares):
        return request
    return request.with_spec(hosting=hosting_of(kind, **row.auto_options))


def _against(request: Request, kind: Kind) -> str | None:
    row = hosting_kind(kind)
    return _too_late(request, row) or _too_cold(request, row) or _too_much_for_memory(request, row) or _too_large(request, row)


def _too_late(request: Request, row: HostingKind) -> str | None:
    """Answers that come later than somebody waits for."""
    waits = _somebody_waits(request.spec)
    if row.answers == "files":
        return f"{waits}; a {row.name} job answers when it ends" if waits else None
    if row.answers != "queued":
        return None
    wake, p95 = traffic.ASYNCHRONOUS_WAKE_SECONDS, request.spec.sla.latency_p95_ms
    if p95 is not None and p95 >= wake * 1000 and not request.waits:
        return None
    return f"{waits}; an instance takes about {wake / 60:.0f} minutes to wake (assumed)" if waits else None


def _somebody_waits(spec: ModelSpec) -> str | None:
    if spec.sla.latency_p95_ms is not None:
        return f"sla.latency_p95_ms is {spec.sla.latency_p95_ms:,}"
    return None if spec.sla.cold_start_ok else "sla.cold_start_ok is false, so somebody waits"


def _too_cold(request: Request, row: HostingKind) -> str | None:
    if row.runs_on == "memory" and not request.spec.sla.cold_start_ok:
        return "sla.cold_start_ok is false"
    if row.shares == "server" and request.waits:
        return "a model that is not loaded yet answers late, and sla.cold_start_ok is false"
    return None


def _too_much_for_memory(request: Request, row: HostingKind) -> str | None:
    """What hosting by memory cannot hold or run."""
    if row.runs_on != "memory":
        return None
    spec, needed = request.spec, container_mb(request.spec.model)
    if needed > limits.SERVERLESS_MEMORY_MB[-1]:
        return f"needs about {needed:,.0f} MB, {row.name} ends at {limits.SERVERLESS_MEMORY_MB[-1]:,}"
    if spec.silicon not in ("auto", "x86"):
        return f"silicon: {spec.silicon} in the spec, and no source says that {row.name} runs on it"
    return "the image is built for arm64" if spec.model.image_architecture == "arm64" else None


def _too_large(request: Request, row: HostingKind) -> str | None:
    payload = (request.spec.traffic.payload_kb or 0) * 1000
    if row.payload is None or payload <= limits.bytes_of(row.payload):
        return None
    return f"traffic.payload_kb is {payload / 1000:,.0f}, and a request ends at {limits.bytes_of(row.payload) / 1000:,.0f} kB"


def _by_what_it_takes(kind: Kind) -> int:
    """Kinds at which nobody waits come first, so that they are named first."""
    row = hosting_kind(kind)
    return ("files", "queued", "at-once").index(row.answers) * 2 + (row.runs_on == "instances")
