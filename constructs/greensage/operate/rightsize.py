"""Proposes what the planner would have chosen, had it known what was seen: the same decisions, with measured demand. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..catalog import traffic
from ..catalog.kinds import Kind, hosting_kind
from ..catalog.power import compute_units
from ..errors import GreensageError
from ..footprint import Footprint
from ..footprint.demand import cpu_seconds
from ..planner import FleetFootprint, ModelPlan, Plan, fleet_footprint, plan
from ..spec import Located, ModelSpec
from .live import LiveHost, share_of
from .observed import Observed, Traffic

Path_ = tuple[str | int, ...]
State = Literal["change", "keep", "not enough data"]
# Room above the busiest minute that was seen: the next one may be busier.
PEAK_HEADROOM = 1.25
MIN_SAVED = 0.1  # less is within the noise of a week
# With fewer requests an hour most of the CPU time is the server's own, and says nothing of a request.
_REQUESTS_AN_HOUR_TO_MEASURE, _CPU_TO_MEASURE = 1_000, 0.02
_ACTIVE, _ALL_DAY, _SOME_HOURS, _BURST = 0.1, 16, 6, 5.0
_SECONDS_A_DAY, _DAYS_FOR_A_PATTERN, _DAYS_OF_ALL_KINDS = 86_400, 3, 8


@dataclass(frozen=True)
class Seen:
    """What a model was asked in the window, in the words of its file's `traffic`; None is what nobody can tell."""

    requests_per_day: int
    peak: float
    cpu_ms: float | None
    p95_ms: float | None
    pattern: str | None
    hours: float
    estimated_share: bool = False


@dataclass(frozen=True)
class Proposal:
    """What to do with one model: the keys of its file to change, what that saves a month, and what may go wrong.

    `now` is what runs, at the rate of the window; `then` what would run for the same demand. Both are None without data.
    """

    model: str
    state: State
    reason: str
    risk: str = ""
    changes: tuple[tuple[Path_, Any], ...] = ()
    runs: str = ""
    proposed: str = ""
    now: Footprint | None = None
    then: Footprint | None = None
    seen: Seen | None = None


def propose(
    specs: Sequence[tuple[ModelSpec, Located]], current: Plan, live: Sequence[LiveHost], *,
    default_region: str | None = None, min_history_hours: float = 72, names: Sequence[str] = (),
) -> list[Proposal]:  # fmt: skip
    """Return a proposal for each model (of `names`, if any are given), in the order of the plan.

    A model whose endpoint is younger than `min_history_hours`, or that nothing was measured of, is "not enough data".
    Raises GreensageError for what the planner refuses as the files stand.
    """
    hosts = {name: host for host in live for name in host.observed.host.models}
    planned = {model.name: model.spec.traffic.requests_per_day for model in current.models}
    seen = {name: _seen(planned, host.observed, name) for name, host in hosts.items()}
    known = {name: row for name, row in seen.items() if row.hours >= min_history_hours}
    observed = [(_as_seen(spec, known.get(spec.name)), located) for spec, located in specs]
    best = plan([(_free(spec, located, default_region), located) for spec, located in observed], default_region=default_region)
    footprints = fleet_footprint(best)
    wanted = set(names) or {spec.name for spec, _ in specs}
    return [
        _proposal(model, best, footprints, hosts.get(model.name), known.get(model.name), min_history_hours)
        for model in current.models
        if model.name in wanted
    ]


def _seen(planned: Mapping[str, int], observed: Observed, name: str) -> Seen:
    """A component's requests are its own; what shares a server is told apart by the plan's shares."""
    own = dict(observed.components).get(name)
    traffic_, share = own or observed.traffic, 1.0
    if own is None and len(observed.host.models) > 1:
        total = sum(planned.get(item, 0) for item in observed.host.models)
        share = planned.get(name, 0) / total if total else 1 / len(observed.host.models)
    days = observed.window.seconds / _SECONDS_A_DAY
    return Seen(
        requests_per_day=round(traffic_.requests * share / days), peak=traffic_.peak * share,
        cpu_ms=_cpu_ms(observed) if len(observed.host.models) == 1 else None, p95_ms=traffic_.p95_ms,
        pattern=_pattern(traffic_) if days >= _DAYS_FOR_A_PATTERN else None, hours=observed.hours, estimated_share=share != 1.0,
    )  # fmt: skip


def _cpu_ms(observed: Observed) -> float | None:
    """CPU time of a request on one m5 vCPU, where there were enough requests to tell it from the server's own."""
    work = 0.0
    for item in observed.machines:
        if item.variant.instance_type is None or item.cpu is None or item.cpu < _CPU_TO_MEASURE:
            return None
        work += item.cpu * item.instance_hours * 3600 * compute_units(item.variant.instance_type)
    hours = sum(item.instance_hours for item in observed.machines)
    if not hours or observed.traffic.requests < hours * _REQUESTS_AN_HOUR_TO_MEASURE:
        return None
    return work / observed.traffic.requests * 1000


def _pattern(seen: Traffic) -> str:
    """The pattern of the catalog that fits the hours in which requests came."""
    busiest = max(seen.hours)
    active = [hour for hour, rate in enumerate(seen.hours) if busiest and rate >= busiest * _ACTIVE]
    mean = sum(seen.hours) / len(seen.hours)
    if len(active) >= _ALL_DAY:
        return "bursty" if seen.peak >= mean * _BURST else "steady"
    for name in ("nightly", "office-hours"):
        row = traffic.pattern(name)
        first = row.first_hour or 0
        if active and all(first <= hour < first + row.hours for hour in active):
            return name
    return "intermittent" if len(active) <= _SOME_HOURS else "bursty"


def _as_seen(spec: ModelSpec, seen: Seen | None) -> ModelSpec:
    changes = dict(_traffic_changes(spec, seen)) if seen else {}
    if not changes:
        return spec
    return spec.model_copy(
        update={"traffic": spec.traffic.model_copy(update={str(path[-1]): value for path, value in changes.items()})}
    )


def _traffic_changes(spec: ModelSpec, seen: Seen) -> list[tuple[Path_, Any]]:
    """The keys of `traffic` that the file has otherwise than it was; what is within a tenth is left alone."""
    wanted: dict[str, Any] = {"requests_per_day": seen.requests_per_day}
    if seen.pattern:
        wanted["pattern"] = seen.pattern
    if seen.peak:
        wanted["peak_requests_per_second"] = _rounded(seen.peak * PEAK_HEADROOM)
    if seen.cpu_ms:
        wanted["cpu_ms_per_request"] = _rounded(seen.cpu_ms)
    found: list[tuple[Path_, Any]] = []
    for key, value in wanted.items():
        stated = getattr(spec.traffic, key)
        estimated = cpu_seconds(spec) * 1000 if key == "cpu_ms_per_request" and stated is None else stated
        close = isinstance(value, int | float) and estimated and abs(value - estimated) <= MIN_SAVED * estimated
        if not close and value != stated:
            found.append((("traffic", key), value))
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _free(spec: ModelSpec, located: Located, default_region: str | None) -> ModelSpec:
    """The spec without the hosting, or else the instance type, that its file insists on, where callers notice nothing.

    Who calls an endpoint and waits cannot drop files for a job instead: the way of answering stays.
    """
    if spec.hosting == "auto":
        return spec
    freed = [spec.model_copy(update={"hosting": "auto"})]
    if getattr(spec.hosting, "instance_type", None):
        freed.append(spec.model_copy(update={"hosting": spec.hosting.model_copy(update={"instance_type": None})}))
    for free in freed:
        try:
            found = plan([(free, located)], default_region=default_region).models[0].kind
        except GreensageError:
            continue
        if _same_way(found, spec.hosting.kind):
            return free
    return spec


def _same_way(kind: Kind, other: Kind) -> bool:
    return hosting_kind(kind).answers == hosting_kind(other).answers


def _proposal(
    model: ModelPlan, best: Plan, footprints: FleetFootprint, live: LiveHost | None, seen: Seen | None, min_history_hours: float
) -> Proposal:
    name = model.name
    if live is None:
        what = hosting_kind(model.kind)
        why = "runs on devices" if what.runs_on == "devices" else "has no endpoint that is deployed"
        return Proposal(name, "not enough data", why)
    if seen is None:
        return Proposal(name, "not enough data", f"{live.observed.hours:.1f} hours of history; {min_history_hours:g} are wanted")
    then = next(item for item in best.models if item.name == name)
    now = live.month * share_of(name, live, footprints)
    after = footprints.of(name).footprint
    changes = [*_traffic_changes(model.spec, seen), *_hosting_changes(model, then)]
    missed = model.spec.sla.latency_p95_ms is not None and seen.p95_ms is not None and seen.p95_ms > model.spec.sla.latency_p95_ms
    saved = 1 - after.carbon_g.mid / now.carbon_g.mid if now.carbon_g.mid else 0.0
    row = {"runs": words_of_host(live.observed), "proposed": words_of(then, best), "now": now, "then": after, "seen": seen}
    if missed:
        why = f"the p95 was {seen.p95_ms:,.0f} ms where {model.spec.sla.latency_p95_ms} are wanted"
        if saved > 0:
            return Proposal(
                name, "keep", f"{why}: less would miss it by more; raise sla.latency_p95_ms or optimize the model", **row
            )
        return Proposal(name, "change", why, "more is deployed, not less", tuple(changes), **row)
    if not _same_way(then.kind, model.kind):
        why = f"{then.kind} would take less, but answers in another way: name it in the file if callers can do with that"
        return Proposal(name, "keep", why, **row)
    if saved < MIN_SAVED:
        return Proposal(name, "keep", "what runs fits what was seen", **row)
    return Proposal(name, "change", _why(seen), _risk(live, then, seen), tuple(changes), **row)


def _hosting_changes(model: ModelPlan, then: ModelPlan) -> list[tuple[Path_, Any]]:
    if model.spec.hosting == "auto" or (then.kind == model.kind and then.instance_type == model.instance_type):
        return []
    if then.kind != model.kind:
        return [(("hosting",), "auto")]
    return [(("hosting", "instance_type"), then.instance_type)]


def _why(seen: Seen) -> str:
    if not seen.requests_per_day:
        return f"nobody called it in {_length(seen.hours)}"
    shared = ", its part of a shared endpoint by the plan" if seen.estimated_share else ""
    return f"{seen.requests_per_day:,} requests a day, {_rounded(seen.peak):g} a second at most{shared}, in {_length(seen.hours)}"


def _length(hours: float) -> str:
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"


def _risk(live: LiveHost, then: ModelPlan, seen: Seen) -> str:
    """What may go wrong: a cold start that was not there before, or a window that is no good witness."""
    kept_warm = all(item.variant.instance_type and item.variant.instances for item in live.observed.machines)
    risks: list[str] = []
    if hosting_kind(then.kind).runs_on == "memory" and kept_warm:
        risks.append(f"a first answer after idle time takes about {traffic.COLD_START_SECONDS:g} s")
    elif then.scaling and then.scaling.min_instances == 0 and kept_warm:
        risks.append("the first request after idle time waits for an instance")
    if seen.hours < _DAYS_OF_ALL_KINDS * 24:
        risks.append(f"{_length(seen.hours)} may not show the busiest day")
    return "; ".join(risks) or "low"


def words_of(model: ModelPlan, whole: Plan) -> str:
    """Return what a plan would run, in a few words: real-time, 1 to 2 x ml.c7g.large."""
    group = whole.group_of(model)
    scaling, size = (group.scaling, group.instance_type) if group else (model.scaling, model.instance_type)
    if size is None:
        return f"{model.kind}, {model.memory_mb} MB" if model.memory_mb else model.kind
    if scaling is None:
        return f"{model.kind}, {size}"
    low, high = scaling.min_instances, scaling.max_instances
    count = f"{low}" if low == high else f"{low} to {high}"
    return f"{model.kind}{f' ({group.name})' if group else ''}, {count} x {size}"


def words_of_host(observed: Observed) -> str:
    """Return what ran, in a few words: 1.0 x ml.c7g.large."""
    rows: list[str] = []
    for item in observed.machines:
        if item.variant.instance_type is None:
            rows.append(f"{item.variant.memory_mb} MB by the request")
        else:
            rows.append(f"{item.instance_hours / observed.hours:.1f} x {item.variant.instance_type}")
    return " + ".join(rows)


def totals(proposals: Sequence[Proposal]) -> Mapping[str, float]:
    """Return the kWh, gCO2e and USD a month that the changes save together."""
    changed = [item for item in proposals if item.state == "change" and item.now and item.then]
    pairs = [(item.now, item.then) for item in changed if item.now and item.then]
    names = ("energy_kwh", "carbon_g", "cost_usd")
    return {name: sum(getattr(now, name).mid - getattr(then, name).mid for now, then in pairs) for name in names}
