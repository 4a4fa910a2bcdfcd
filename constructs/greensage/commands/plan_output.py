"""A Plan and its footprint for people (aligned text) and for programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from typing import Any, cast

from ..catalog.kinds import hosting_kind
from ..catalog.overlay import overlay_words
from ..footprint import Footprint
from ..footprint.band import Band, percent_range, percent_saved
from ..footprint.baseline import baseline_words
from ..footprint.estimate import PARTS
from ..planner import Choice, FleetFootprint, GroupPlan, ModelFootprint, ModelPlan, Plan, VariantPlan
from ..spec import Located
from ..text import bold, green, money, number, table

_FIGURES = ("kWh", "gCO2e", "USD", "CO2e", "COST")


def plan_overview(plan: Plan, footprint: FleetFootprint) -> str:
    """Return the table and what it comes to."""
    return f"{plan_table(plan, footprint)}\n\n{plan_summary(plan, footprint)}"


def plan_table(plan: Plan, footprint: FleetFootprint) -> str:
    """Return a row per model with its month against the usual deployment, and the total last."""
    header = ("MODEL", "KIND", "SILICON", "SIZE", "SCALING", "REGION", *_FIGURES)
    rows = [header, *((*_row(plan, model), *_figures(footprint.of(model.name))) for model in plan.models)]
    total = ModelFootprint("total", footprint.total, footprint.baseline, "", "", 1.0)
    count = f"{len(plan.models)} model{'s' if len(plan.models) != 1 else ''}"
    rows.append(("total", count, "", "", "", "", *_figures(total)))
    *lines, last = table(rows, right=range(6, 11)).split("\n")
    return "\n".join([*lines, bold(last)])


def plan_summary(plan: Plan, footprint: FleetFootprint) -> str:
    """Return what was saved against what, how sure that is, and what the figures leave out."""
    total, usual = footprint.total, footprint.baseline
    carbon, cost = total.carbon_g.saved_against(usual.carbon_g), total.cost_usd.saved_against(usual.cost_usd)
    lines = [
        f"A month of 30 days, estimated. Against the usual deployment ({baseline_words()}):",
        f"  carbon  {number(total.carbon_g.mid / 1000)} kg CO2e instead of {number(usual.carbon_g.mid / 1000)}: "
        f"{green(percent_saved(carbon))} (worst to best case {percent_range(carbon)})",
        f"  energy  {number(total.energy_kwh.mid)} kWh instead of {number(usual.energy_kwh.mid)}",
        f"  water   {_water(total)} instead of {_water(usual)}",
        _cost_line(total, usual, cost),
    ]
    if any(hosting_kind(model.kind).runs_on == "devices" for model in plan.models):
        lines.append("  What devices at the edge take is not counted, on either side.")
    return "\n".join([*lines, *overlay_words()])


def optimize_lines(plan: Plan) -> list[str]:
    """Return a line for each model whose file says `optimize`: what it brought, or that it has not been run."""
    lines: list[str] = []
    for model in plan.models:
        choice = next((item for item in model.choices if item.about == "optimize"), None)
        if choice is not None:
            lines.append(f"  {model.name}: {choice.value}, {choice.reason.split('; measured by')[0]}")
        elif model.spec.model.not_optimized:
            lines.append(f"  {model.name}: optimize {model.spec.model.not_optimized}")
    return ["Optimized models:", *lines] if lines else []


def _cost_line(total: Footprint, usual: Footprint, saved: Band) -> str:
    if not saved.known:
        return "  cost    unknown: for an instance type above no price is known (greensage catalog refresh fetches it)"
    words = f"{green(percent_saved(saved))} (worst to best case {percent_range(saved)})"
    return f"  cost    {money(total.cost_usd.mid)} USD instead of {money(usual.cost_usd.mid)}: {words}"


def plan_reasons(plan: Plan, only: str | None = None) -> str:
    """Return why each choice was made, what lost, and what to know; of one model with `only`."""
    return "\n\n".join("\n".join(_reasons(plan, model)) for model in plan.models if only in (None, model.name))


def plan_json(plan: Plan, footprint: FleetFootprint | None = None) -> dict[str, Any]:
    """Return the plan as plain values with string keys; of the specs only name and framework."""
    models = [_model_json(model) for model in plan.models]
    found: dict[str, Any] = {"models": models, "groups": [_group_json(group) for group in plan.groups]}
    if footprint is not None:
        for row in models:
            row["footprint"] = model_footprint_json(footprint.of(row["name"]))
        found["total"] = footprint_json(footprint.total)
        found["baseline"] = {"words": baseline_words(), **footprint_json(footprint.baseline)}
        found["saved"] = saved_json(footprint.total, footprint.baseline)
    return found


def model_footprint_json(model: ModelFootprint) -> dict[str, Any]:
    """Return one model's month beside its usual deployment's."""
    usual = {"instance_type": model.baseline_type, "region": model.baseline_region, **footprint_json(model.baseline)}
    return {**footprint_json(model.footprint), "share": model.share, "baseline": usual,
            "saved": saved_json(model.footprint, model.baseline)}  # fmt: skip


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


def _figures(model: ModelFootprint) -> tuple[str, ...]:
    now = model.footprint
    return (
        number(now.energy_kwh.mid), number(now.carbon_g.mid), money(now.cost_usd.mid),
        percent_saved(model.saved_carbon), percent_saved(model.saved_cost),
    )  # fmt: skip


def _water(footprint: Footprint) -> str:
    return f"{number(footprint.water_l.mid)} l" if footprint.water_l.known else "unknown (AWS publishes no WUE for a Region)"


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


def _row(plan: Plan, model: ModelPlan) -> tuple[str, ...]:
    host = plan.group_of(model) or model
    kind = f"{model.kind} ({model.group})" if plan.group_of(model) else model.kind
    return model.name, kind, model.silicon_label, _size(model, host), _scaling(model, host), model.region


def _size(model: ModelPlan, host: ModelPlan | GroupPlan) -> str:
    if model.component:
        return f"{model.component.memory_mb} MB of {host.instance_type}"
    return f"{model.memory_mb} MB" if model.memory_mb else str(host.instance_type or "-")


def _scaling(model: ModelPlan, host: ModelPlan | GroupPlan) -> str:
    if model.component:
        return f"{model.component.min_copies}-{model.component.max_copies} copies"
    if host.scaling:
        return f"{host.scaling.min_instances}-{host.scaling.max_instances} instances"
    row = hosting_kind(model.kind)
    if row.runs_on == "memory":
        return f"0-{model.max_concurrency} at once"
    return "per job" if row.answers == "files" else "-"


def _reasons(plan: Plan, model: ModelPlan) -> Iterator[str]:
    yield f"{model.name}:"
    for choice in plan.choices_of(model):
        yield from _choice(choice)
    for quota in model.quotas:
        yield f"  quota     {quota}"
    for note in model.notes:
        yield f"  note      {note}"


def _choice(choice: Choice) -> Iterator[str]:
    yield f"  {choice.about:<9} {choice.value}: {choice.reason}"
    for loser in choice.rejected:
        yield f"            not {loser.value}: {loser.why}"


def origin_lines(located: Located) -> list[str]:
    """Return each setting that came from elsewhere than the model file, with where; nothing where all stands in the file."""
    shared = [
        (key, value, where) for key, value, where in located.settings() if where.partition(":")[0] != located.file or "(" in where
    ]
    if not shared:
        return []
    lines = [(f"  {key}", json.dumps(value), where) for key, value, where in shared]
    return ["", "settings from elsewhere", table(lines)]
