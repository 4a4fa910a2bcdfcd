"""What a change of the model files does to carbon, energy, water and cost, and whether that breaks a budget."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import GreensageError
from ..footprint import Footprint
from ..planner import PLATFORM, FleetFootprint, ModelFootprint, ModelPlan, Plan

_METRICS = {"carbon": "carbon_g", "energy": "energy_kwh", "water": "water_l", "cost": "cost_usd"}
_UNITS = {"carbon": {"g": 1.0, "kg": 1000.0}, "energy": {"kwh": 1.0, "wh": 0.001}, "water": {"l": 1.0}, "cost": {"usd": 1.0}}
_BUDGET = re.compile(r"^\s*(\w+)\s*([+-]?)\s*(\d+(?:\.\d+)?)\s*(%|\w+)?\s*$")


@dataclass(frozen=True)
class Side:
    """One state of the model files: a name for it, its plan and its footprint."""

    name: str
    plan: Plan
    footprint: FleetFootprint


@dataclass(frozen=True)
class Change:
    """One model before and after; None where it is new or gone. `what` names what is decided differently."""

    name: str
    before: Footprint | None
    after: Footprint | None
    what: str


@dataclass(frozen=True)
class Budget:
    """How much a metric may grow: by a percentage, or by an amount in the unit of its footprint."""

    text: str
    metric: str
    amount: float
    percent: bool

    def exceeded(self, before: Footprint, after: Footprint) -> bool:
        """Return whether the growth is above the budget. What is unknown on either side is: it cannot be shown to keep it."""
        old, new = (getattr(side, _METRICS[self.metric]).mid for side in (before, after))
        limit = old * (1 + self.amount / 100) if self.percent else old + self.amount
        # Half a millionth of room for the order of summing.
        # Put as a negation, so that NaN on either side counts as exceeded.
        return not new <= limit * (1 + 5e-7) + 1e-12


def parse_budget(text: str) -> Budget:
    """Return the budget that `text` says, for instance `carbon +5%` or `cost +10 usd`. GreensageError if it says none."""
    match = _BUDGET.match(text)
    metric = match[1].lower() if match else ""
    if match is None or metric not in _METRICS:
        raise GreensageError(
            f"--fail-if {text!r} is no budget; write for instance 'carbon +5%' or 'cost +10 usd' ({', '.join(_METRICS)})"
        )
    sign, amount, unit = -1.0 if match[2] == "-" else 1.0, float(match[3]), (match[4] or "").lower()
    if unit == "%":
        return Budget(text, metric, sign * amount, percent=True)
    factors = _UNITS[metric]
    if unit and unit not in factors:
        raise GreensageError(f"--fail-if {text!r}: {metric} is in {' or '.join(factors)}, or %")
    return Budget(text, metric, sign * amount * (factors[unit] if unit else 1.0), percent=False)


def changes(before: Side, after: Side) -> tuple[Change, ...]:
    """Return the models that differ in what is decided or in their month, in the order of their names."""
    old = {model.name: model for model in before.plan.models}
    new = {model.name: model for model in after.plan.models}
    found = (_change(name, old.get(name), new.get(name), before, after) for name in sorted({*old, *new}))
    return tuple(change for change in found if change is not None)


def _change(name: str, old: ModelPlan | None, new: ModelPlan | None, before: Side, after: Side) -> Change | None:
    was = before.footprint.of(name).footprint if old else None
    now = after.footprint.of(name).footprint if new else None
    if old is None:
        return Change(name, None, now, f"new: {_decided(after.plan, new)}")
    if new is None:
        return Change(name, was, None, "gone")
    first, second = _decided(before.plan, old), _decided(after.plan, new)
    if first != second:
        return Change(name, was, now, f"{first} -> {second}")
    # As text, because what is unknown (NaN) equals nothing, not even itself.
    same = repr(_own(before.footprint.of(name))) == repr(_own(after.footprint.of(name)))
    return None if same else Change(name, was, now, "same hosting, other use")


def _own(model: ModelFootprint) -> tuple[object, ...]:
    """All but the part of the platform, which changes for everybody when one model comes or goes."""
    return model.host, tuple(item for item in model.beside if item[0] != PLATFORM)


def _decided(plan: Plan, model: ModelPlan | None) -> str:
    assert model is not None
    host = plan.group_of(model) or model
    size = f"{model.memory_mb} MB" if model.memory_mb else host.instance_type or "devices"
    shared = f" shared by {len(host.members)}" if not isinstance(host, ModelPlan) else ""
    return f"{model.kind}{shared} on {size} in {model.region}"
