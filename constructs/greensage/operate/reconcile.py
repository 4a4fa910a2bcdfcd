"""Sets what was planned beside what was seen, and says in words where the plan was wrong. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from ..footprint import Footprint
from ..footprint.demand import demand_of
from ..planner import FleetFootprint, Plan
from ..text import number
from .live import LiveHost, month_factor
from .observed import Machines

_CLOSE = 0.1
_SOME = 1.5
_LITTLE = 0.05


@dataclass(frozen=True)
class Reconciled:
    """One endpoint: its month as planned (None where the plan no longer has its models) and as observed, and what differs."""

    live: LiveHost
    planned: Footprint | None
    differences: tuple[str, ...]


def reconcile(plan: Plan, footprint: FleetFootprint, live: Sequence[LiveHost]) -> list[Reconciled]:
    """Return each endpoint with its plan."""
    return [_one(plan, footprint, item) for item in live]


def _one(plan: Plan, footprint: FleetFootprint, live: LiveHost) -> Reconciled:
    models = [model for model in plan.models if model.name in live.observed.host.models]
    if not models:
        return Reconciled(live, None, ("the plan does not have its models any more",))
    planned = reduce(add, (footprint.of(model.name).footprint for model in models))
    found = [
        _requests(live, planned.requests),
        _peak(live, sum(demand_of(model.spec).peak for model in models)),
        *_machines(live, plan),
    ]
    found += _busy(live)
    return Reconciled(live, planned, tuple(item for item in found if item))


def _requests(live: LiveHost, planned: float) -> str:
    seen = live.observed.traffic.requests * month_factor(live.observed)
    if _near(seen, planned):
        return ""
    return f"requests a month: {number(seen)} and not {number(planned)}{_times(seen, planned)}"


def _peak(live: LiveHost, planned: float) -> str:
    seen = live.observed.traffic.peak
    if not seen or _near(seen, planned):
        return ""
    return f"busiest minute: {number(seen)} requests a second and not {number(planned)}{_times(seen, planned)}"


def _machines(live: LiveHost, plan: Plan) -> list[str]:
    """Another instance type than planned is a deployment that is behind, or was changed by hand."""
    wanted = {model.instance_type for model in plan.models if model.name in live.observed.host.models}
    wanted |= {group.instance_type for group in plan.groups if set(group.members) & set(live.observed.host.models)}
    running = {item.variant.instance_type for item in live.observed.machines}
    if running & wanted or not wanted - {None}:
        return []
    names = (" and ".join(sorted(name or "memory" for name in group)) for group in (running, wanted - {None}))
    return ["runs on {} and not on {}: deployed before the plan changed, or changed by hand".format(*names)]


def _busy(live: LiveHost) -> list[str]:
    found: list[str] = []
    for item in live.observed.machines:
        if item.variant.instance_type is None:
            continue
        if not item.counted:
            found.append(
                f"{item.variant.name}: no CPU metric was published; counted as {item.variant.instances} idle all the time"
            )
        elif item.cpu is not None and item.cpu < _LITTLE:
            found.append(f"{item.variant.name}: {_used(item)}")
    return found


def _used(item: Machines) -> str:
    peaks = {"CPU": item.cpu_peak, "memory": item.memory_peak, "disk": item.disk_peak}
    known = ", ".join(f"{100 * share:.0f}% of {name}" for name, share in peaks.items() if share is not None)
    return f"{100 * (item.cpu or 0.0):.1f}% of its CPU was used{f'; at most {known}' if known else ''}"


def _near(seen: float, planned: float) -> bool:
    return abs(seen - planned) <= _CLOSE * max(planned, 1e-9)


def _times(seen: float, planned: float) -> str:
    if not planned or not seen:
        return ""
    ratio = seen / planned
    return f" ({number(ratio, 2)} x)" if ratio >= _SOME or ratio <= 1 / _SOME else f" ({ratio - 1:+.0%})"
