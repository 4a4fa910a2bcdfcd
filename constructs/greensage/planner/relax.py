"""What a looser file would save: each constraint of the SLA relaxed by itself, planned again, and set against today."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog import traffic
from ..errors import PlanError
from ..footprint.estimate import Footprint
from .choose import Chosen, choose_all
from .context import Request

_SLOWER = 4
# Below that share a saving is not worth a sentence.
_WORTH = 0.05


@dataclass(frozen=True)
class Advice:
    """One relaxation: what to allow, what would be chosen then, and what it saves a month.

    `carbon_saved` is a share (0 to 1), `cost_saved_usd` an amount: a share of next to nothing would say nothing.
    """

    allow: str
    choice: str
    carbon_saved: float
    cost_saved_usd: float

    def __str__(self) -> str:
        return f"{self.allow}: -{self.carbon_saved:.0%} carbon, {_signed_usd(-self.cost_saved_usd)} a month ({self.choice})"


def advise(chosen: Chosen, now: Footprint) -> tuple[Advice, ...]:
    """Return the relaxations that would save against its hosting's month `now`, the most carbon first.

    Each is planned for the model alone, without what it could share with others.
    """
    found: list[Advice] = []
    carbon_g, cost_usd = now.carbon_g.mid, now.cost_usd.mid
    for allow, relaxed in _relaxations(chosen.request):
        try:
            again, problems = choose_all([relaxed], chosen.option.request.region)
        except PlanError:
            continue
        if problems:
            continue
        winner = again[0].winner
        saved = 1 - winner.carbon_g / carbon_g if carbon_g else 0.0
        if saved >= _WORTH:
            found.append(Advice(allow, winner.option.label, saved, cost_usd - winner.cost_usd))
    # The mildest relaxation stands for those that lead to the same choice.
    first = {item.choice: item for item in reversed(found)}
    return tuple(sorted(first.values(), key=lambda item: -item.carbon_saved))


def _relaxations(request: Request) -> Iterator[tuple[str, Request]]:
    spec, sla = request.spec, request.spec.sla
    if not sla.accepts_cold_starts:
        yield f"allow {traffic.COLD_START_SECONDS:g} s cold starts", _with_sla(request, cold_start_ok=True)
    if sla.latency_p95_ms is not None:
        # An hour is the most that a model file may say.
        slower = min(sla.latency_p95_ms * _SLOWER, 3_600_000)
        minutes = round(traffic.ASYNCHRONOUS_WAKE_SECONDS * 1000)
        yield f"latency {sla.latency_p95_ms:,} -> {slower:,} ms", _with_sla(request, latency_p95_ms=slower)
        if sla.latency_p95_ms < minutes:
            loose = _with_sla(request, latency_p95_ms=minutes, cold_start_ok=True)
            yield f"let callers wait {minutes / 60_000:g} minutes", loose
        yield "score files when nobody waits", _with_sla(request, latency_p95_ms=None, cold_start_ok=True)
    if sla.availability == "high":
        yield "availability: standard", _with_sla(request, availability="standard")
    if spec.hosting != "auto" and spec.group is None:
        yield "hosting: auto", request.with_spec(hosting="auto")
    if spec.silicon not in ("auto", "graviton") and not spec.model.compiled_for:
        yield "silicon: auto", request.with_spec(silicon="auto")


def _with_sla(request: Request, **changes: object) -> Request:
    return request.with_spec(sla=request.spec.sla.model_copy(update=changes))


def _signed_usd(value: float) -> str:
    if math.isnan(value):
        return "an unknown cost"
    return "the same cost" if abs(value) < 0.005 else f"{'+' if value > 0 else '-'}${abs(value):,.2f}"
