"""Which hosting kinds a model may have: what AWS offers, what the SLA leaves, and how a shared endpoint fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..catalog import limits, traffic
from ..catalog.kinds import HostingKind, Kind, hosting_kind, hosting_kinds, kind_that_shares
from ..errors import PlanError
from ..footprint.demand import container_mb
from ..spec import BatchHosting, ServerlessHosting, hosting_of
from .context import Request
from .refusals import why_not

# What nobody should ask of answers that lie in S3 before they are fetched.
_QUEUE_MS = 10_000


@dataclass(frozen=True)
class Objection:
    """What speaks against a kind: the key of the file that it contradicts, and the way out.

    A `certain` one is AWS's limit or the kind's nature, and refused where the file names the kind. Others rest on an
    assumption: they rule a kind out where it is open, and are a warning where the file names it.
    """

    reason: str
    path: str
    hint: str
    certain: bool = True


def legal_kinds(request: Request) -> dict[Kind, str | None]:
    """Return the kinds to choose among, each with the reason against it, or None where it is legal."""
    hosting, group = request.spec.hosting, request.spec.group
    if hosting != "auto":
        return {hosting.kind: None}
    together = request.together or kind_that_shares("server")
    alone = tuple(sorted((row.name for row in hosting_kinds().values() if row.auto), key=_by_what_it_takes))
    against: dict[Kind, str | None] = {kind: why_not_kind(request, kind) for kind in alone}
    if group is None:
        against[together] = "no group in the spec, and no other model that it could share with at a gain"
        return against
    shared = why_not_kind(request, together)
    if shared is None:
        return {**dict.fromkeys(alone, "the group asks to share an endpoint"), together: None}
    return {**against, together: shared}


def with_group_kinds(requests: list[Request]) -> list[Request]:
    """Return the requests with the kind that each group shares: one server, or a container each where a member needs that.

    Only of members whose files leave the hosting open.
    """
    groups: dict[str, list[Request]] = {}
    for request in requests:
        if request.spec.group is not None and request.spec.hosting == "auto":
            groups.setdefault(request.spec.group, []).append(request)
    server, containers = kind_that_shares("server"), kind_that_shares("containers")
    kinds: dict[str, Kind] = {}
    for name, members in groups.items():
        one_server = all(why_not_kind(member, server) is None for member in members)
        apart = all(why_not_kind(member, containers) is None for member in members)
        few, many = (limits.count(end) for end in hosting_kind(containers).members or ("CONTAINERS_MIN", "CONTAINERS_MAX"))
        if not one_server and apart and few <= len(members) <= many:
            kinds[name] = containers
    return [
        replace(item, together=kinds[item.spec.group]) if item.spec.hosting == "auto" and item.spec.group in kinds else item
        for item in requests
    ]


def why_not_kind(request: Request, kind: Kind) -> str | None:
    """Return the first reason against `kind` for this model: AWS, the SLA or the size; None where it is legal."""
    asked = with_kind(request, kind)
    if refused := why_not(asked, kind):
        return refused
    first = next(_objections(asked, kind), None)
    # Where the file names the kind, its size and the capability matrix say what it cannot hold.
    return first.reason if first else _too_much_for_memory(asked, hosting_kind(kind))


def check_named(request: Request) -> tuple[str, ...]:
    """Return warnings where the kind that the file names fits the rest of it badly; PlanError where it cannot."""
    if request.spec.hosting == "auto":
        return ()
    kind = request.spec.hosting.kind
    found = list(_objections(request, kind))
    problems = [
        request.located.problem(tuple(item.path.split(".")), f"hosting: {kind} cannot keep it: {item.reason}", hint=item.hint)
        for item in found
        if item.certain
    ]
    if problems:
        raise PlanError(problems)
    return tuple(f"hosting: {kind}: {item.reason}; {item.hint}" for item in found)


def with_kind(request: Request, kind: Kind) -> Request:
    """Return the request as if its file asked for `kind` with the default options; unchanged where the file asks itself."""
    row = hosting_kind(kind)
    if request.spec.hosting != "auto" or not (row.auto or row.shares):
        return request
    return request.with_spec(hosting=hosting_of(kind, **row.auto_options))


def _objections(request: Request, kind: Kind) -> Iterator[Objection]:
    row = hosting_kind(kind)
    return (found for look in (_too_late, _too_cold, _too_few, _too_large) if (found := look(request, row)))


def _too_late(request: Request, row: HostingKind) -> Objection | None:
    """Answers that come later than somebody waits for."""
    waits = _who_waits(request)
    if waits is None or row.answers not in ("files", "queued"):
        return None
    words, path = waits
    if row.answers == "files":
        reason = f"{words}; a {row.name} job answers when it ends"
        return Objection(reason, path, f"hosting: real-time, or {path} left out")
    if getattr(request.spec.hosting, "min_instances", None):
        if (request.spec.sla.latency_p95_ms or math.inf) >= _QUEUE_MS:
            return None
        reason = f"{words}; even awake, answers go through a queue and S3, which takes seconds (assumed), and are fetched"
        return Objection(reason, path, "hosting: real-time for whoever waits", certain=False)
    wake, p95 = traffic.ASYNCHRONOUS_WAKE_SECONDS, request.spec.sla.latency_p95_ms
    if p95 is not None and p95 >= wake * 1000 and not request.waits:
        return None
    reason = f"{words}; an instance takes about {wake / 60:.0f} minutes to wake (assumed)"
    return Objection(reason, path, "hosting.min_instances: 1 keeps one awake", certain=False)


def _who_waits(request: Request) -> tuple[str, str] | None:
    sla = request.spec.sla
    if sla.latency_p95_ms is not None:
        return f"sla.latency_p95_ms is {sla.latency_p95_ms:,}", "sla.latency_p95_ms"
    return None if sla.accepts_cold_starts else ("sla.cold_start_ok is false, so somebody waits", "sla.cold_start_ok")


def _too_cold(request: Request, row: HostingKind) -> Objection | None:
    """First answers that are late, or fail, where the file does not accept that."""
    sla, hosting, path = request.spec.sla, request.spec.hosting, "sla.cold_start_ok"
    if sla.accepts_cold_starts:
        return None
    silent = sla.cold_start_ok is None
    if row.runs_on == "memory" and not (isinstance(hosting, ServerlessHosting) and hosting.provisioned_concurrency):
        warm = "hosting.provisioned_concurrency: 1 keeps an environment warm"
        if not silent:
            return Objection("sla.cold_start_ok is false", path, warm)
        cold = (
            f"a cold start takes about {traffic.COLD_START_SECONDS:g} s (assumed), more than the p95 of {sla.latency_p95_ms:,} ms"
        )
        return Objection(f"{cold}, and sla.cold_start_ok does not accept it", path, f"{path}: true, or {warm}", certain=False)
    if row.shares == "copies" and getattr(hosting, "min_copies", 1) == 0 and not silent:
        return Objection("with min_copies: 0 requests fail while a copy wakes, and sla.cold_start_ok is false", path,
                         "hosting.min_copies: 1")  # fmt: skip
    if row.shares == "server" and not silent:
        late = "a model that is not loaded yet answers late, and sla.cold_start_ok is false"
        return Objection(late, path, "hosting: multi-container, where each model is always loaded", certain=False)
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


def _too_few(request: Request, row: HostingKind) -> Objection | None:
    """Fewer instances than the availability asks for, where the file names them or the kind sleeps."""
    kept, named = request.spec.sla.instances_kept, getattr(request.spec.hosting, "min_instances", None)
    if kept == 1 or row.runs_on != "instances" or row.answers == "files":
        return None
    if named is not None and named < kept:
        reason = f"sla.availability: high keeps {kept} instances, and hosting.min_instances is {named}"
        return Objection(
            reason, "hosting.min_instances", f"hosting.min_instances: {kept}, or availability: standard", certain=False
        )
    if row.answers == "queued" and named is None and request.located.content.get("hosting", "auto") != "auto":
        reason = f"sla.availability: high asks for {kept} instances, and none runs while the queue is empty"
        return Objection(reason, "sla.availability", f"hosting.min_instances: {kept}", certain=False)
    return None


def _too_large(request: Request, row: HostingKind) -> Objection | None:
    payload, hosting = (request.spec.traffic.payload_kb or 0) * 1000, request.spec.hosting
    if isinstance(hosting, BatchHosting) and "max_payload_mb" in hosting.model_fields_set:
        most_mb = hosting.max_payload_mb
        if payload > most_mb * 1_048_576:
            reason = f"traffic.payload_kb is {payload / 1000:,.0f}, and hosting.max_payload_mb is {most_mb}"
            return Objection(reason, "hosting.max_payload_mb", f"hosting.max_payload_mb: {math.ceil(payload / 1_048_576)}")
    if row.payload is None or payload <= limits.bytes_of(row.payload):
        return None
    most, source = limits.bytes_of(row.payload) / 1000, limits.source_of(row.payload)
    reason = f"traffic.payload_kb is {payload / 1000:,.0f}, and a request ends at {most:,.0f} kB ({source})"
    larger = [other.name for other in hosting_kinds().values() if _takes(other, payload) and other.shares is None]
    hint = f"hosting: {' or '.join(larger)}" if larger else "references to objects in S3 instead of the objects themselves"
    return Objection(reason, "traffic.payload_kb", hint)


def _takes(row: HostingKind, payload: float) -> bool:
    return row.payload is not None and payload <= limits.bytes_of(row.payload)


def _by_what_it_takes(kind: Kind) -> int:
    """Kinds at which nobody waits come first, so that they are named first."""
    row = hosting_kind(kind)
    return ("files", "queued", "at-once").index(row.answers) * 2 + (row.runs_on == "instances")
