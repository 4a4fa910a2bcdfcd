"""A Plan and its footprint for programs: JSON with a version and a schema, and all that the figures can be worked out from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from ..catalog.beside import left_out
from ..catalog.kinds import hosting_kind
from ..footprint import Footprint, Usage
from ..footprint.demand import clock_of, container_mb, demand_of, jobs_per_day
from ..footprint.estimate import PARTS
from ..planner import (
    FleetFootprint,
    GroupPlan,
    Ladder,
    ModelFootprint,
    ModelPlan,
    Plan,
    VariantPlan,
    total_ladder,
    worse_than_baseline,
)
from ..planner.beside import beside_of, shared_beside
from ..planner.fleet import memory_in
from ..planner.usage import group_usage, traffic_shares, usage_of
from .plan_figures import figures_behind

# Raised with every change that a program could stumble over.
SCHEMA_VERSION = 2
SCHEMA = Path(__file__).with_name("plan.schema.json")


def plan_json(plan: Plan, footprint: FleetFootprint | None = None, ladders: Mapping[str, Ladder] | None = None) -> dict[str, Any]:
    """Return the plan as plain values with string keys; of the specs only name and framework."""
    models = [_model_json(model) for model in plan.models]
    found: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION, "models": models, "groups": [_group_json(group) for group in plan.groups]
    }  # fmt: skip
    if footprint is None:
        return found
    beside = shared_beside(plan)
    for row, model in zip(models, plan.models, strict=True):
        row["footprint"] = model_footprint_json(footprint.of(model.name))
        row |= _inputs(plan, model, footprint, (*beside_of(model), *beside[model.name]))
        if ladders:
            row["ladder"] = ladder_json(ladders[model.name])
    specs = {model.name: model.spec for model in plan.models}
    for row, group in zip(found["groups"], plan.groups, strict=True):
        row["usage"] = usage_json(group_usage(group, [specs[name] for name in group.members]))
    found["total"] = footprint_json(footprint.total)
    found["baseline"] = {
        "name": footprint.against.name, "words": footprint.against.words, **footprint_json(footprint.baseline)
    }  # fmt: skip
    found["saved"] = saved_json(footprint.total, footprint.baseline)
    if ladders:
        found["ladder"] = ladder_json(total_ladder(ladders))
    found["worse"] = list(worse_than_baseline(footprint))
    found["not_counted"] = list(left_out())
    found |= figures_behind(_usages(models, found["groups"]))
    return found


def _inputs(plan: Plan, model: ModelPlan, footprint: FleetFootprint, beside: Sequence[tuple[str, Usage]]) -> dict[str, Any]:
    """What the model's figures follow from: its demand, and the usages of its host, of what stands beside and of the baseline."""
    demand, group, hosting = demand_of(model.spec), plan.group_of(model), model.spec.hosting
    row: dict[str, Any] = {
        "demand": {
            **asdict(demand), "hours": [asdict(item) for item in demand.hours],
            "clock": [list(hour) for hour in clock_of(model.spec.traffic)], "jobs_per_day": jobs_per_day(model.spec),
            "shares": list(traffic_shares(model.spec)), "warm": getattr(hosting, "provisioned_concurrency", None) or 0,
            "memory_mb": memory_in(group, model.spec) if group else container_mb(model.spec.model),
            "most_instances": getattr(hosting, "max_instances", None),
        },
        "beside": [{"name": name, "usage": usage_json(usage)} for name, usage in beside],
    }  # fmt: skip
    if group is None:
        row["usage"] = usage_json(usage_of(model))
    if hosting_kind(model.kind).runs_on != "devices":
        row["baseline_usage"] = usage_json(footprint.against.of(model.spec, model.kind, model.region).usage)
    return row


def _usages(models: list[dict[str, Any]], groups: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in (*models, *groups):
        yield from (row[key] for key in ("usage", "baseline_usage") if key in row)
        yield from (item["usage"] for item in row.get("beside", ()))


def model_footprint_json(model: ModelFootprint) -> dict[str, Any]:
    """Return one model's month, with what it takes beside its host, and what it is compared with."""
    usual = {"instance_type": model.baseline_type, "region": model.baseline_region, **footprint_json(model.baseline)}
    return {
        **footprint_json(model.footprint), "share": model.share, "host": footprint_json(model.host),
        "beside": [{"name": name, **footprint_json(item)} for name, item in model.beside], "baseline": usual,
        "saved": saved_json(model.footprint, model.baseline),
    }  # fmt: skip


def ladder_json(ladder: Ladder) -> list[dict[str, Any]]:
    """Return the rungs: the month after each step, and what the step alone saves (shares are of the first rung)."""
    rows: list[dict[str, Any]] = []
    for index, rung in enumerate(ladder.rungs):
        row: dict[str, Any] = {
            "step": rung.step, "carbon_g": rung.after.carbon_g.to_json(), "cost_usd": rung.after.cost_usd.to_json()
        }  # fmt: skip
        if index:
            row |= {
                "saved_carbon_g": ladder.saved(index).to_json(), "saved_cost_usd": ladder.saved(index, "cost_usd").to_json(),
                "share_of_carbon": ladder.share(index), "share_of_cost": _known(ladder.share(index, "cost_usd")),
            }  # fmt: skip
        rows.append(row)
    return rows


def _known(value: float) -> float | None:
    return value if value == value else None


def footprint_json(footprint: Footprint) -> dict[str, Any]:
    """Return a footprint with bands as low, mid and high; null is unknown."""
    names = ("energy_kwh", "carbon_g", "operational_g", "embodied_g", "water_l", "cost_usd")
    sci = footprint.sci_g
    return {
        "requests": footprint.requests,
        **{name: getattr(footprint, name).to_json() for name in names},
        "sci_g_per_1000": sci.to_json() if sci else None,
        "carbon_parts_g": {name: part.to_json() for name, part in zip(PARTS, footprint.parts, strict=True)},
    }


def saved_json(now: Footprint, usual: Footprint) -> dict[str, Any]:
    """Return the shares (0 to 1) of carbon and cost that are saved."""
    return {
        "carbon": now.carbon_g.saved_against(usual.carbon_g).to_json(),
        "cost": now.cost_usd.saved_against(usual.cost_usd).to_json(),
    }


def _model_json(model: ModelPlan) -> dict[str, Any]:
    chosen = {
        field.name: _plain(getattr(model, field.name)) for field in fields(model) if field.name not in ("spec", "containers")
    }
    return {"name": model.name, "framework": model.spec.model.framework, **chosen}


def _plain(value: Any) -> Any:
    """Return dataclasses as mappings; a container's source is its artifact's place, which says enough."""
    if isinstance(value, VariantPlan):
        return {"name": value.container.name, "weight": value.weight, "image": asdict(value.container.image)}
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[Any, ...]", value)]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _group_json(group: GroupPlan) -> dict[str, Any]:
    chosen = {
        field.name: _plain(getattr(group, field.name)) for field in fields(group) if field.name not in ("lead", "containers")
    }
    return {**chosen, "members": list(group.members)}


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return a usage: what a month runs, keeps and moves, from which its footprint follows."""
    row = asdict(usage)
    row["levels"] = [dict(zip(("hours", "instances", "utilisation"), level, strict=True)) for level in usage.levels]
    row["services"] = dict(usage.services)
    return row


def schema_text() -> str:
    """Return the JSON Schema of `plan --json`."""
    return json.dumps(json.loads(SCHEMA.read_text(encoding="utf-8")), indent=1) + "\n"
