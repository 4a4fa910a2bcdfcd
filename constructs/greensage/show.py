"""A Plan for people (aligned text) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from .planner import Choice, GroupPlan, ModelPlan, Plan, VariantPlan


def plan_table(plan: Plan) -> str:
    """Return a row per model: kind, silicon, size, scaling, Region and retention."""
    header = ("MODEL", "KIND", "SILICON", "SIZE", "SCALING", "REGION", "LOGS")
    rows = [header, *(_row(plan, model) for model in plan.models)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def plan_reasons(plan: Plan) -> str:
    """Return why each choice was made, what lost, and what to know."""
    return "\n\n".join("\n".join(_reasons(plan, model)) for model in plan.models)


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values with string keys; of the specs only name and framework."""
    return {"models": [_model_json(model) for model in plan.models], "groups": [_group_json(group) for group in plan.groups]}


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
        return [_plain(item) for item in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _group_json(group: GroupPlan) -> dict[str, Any]:
    chosen = {
        field.name: _plain(getattr(group, field.name)) for field in fields(group) if field.name not in ("lead", "containers")
    }
    return {**chosen, "members": list(group.members)}


def _row(plan: Plan, model: ModelPlan) -> tuple[str, ...]:
    host = plan.group_of(model) or model
    kind = f"{model.kind} ({model.group})" if model.group else model.kind
    days = host.logs_days if isinstance(host, GroupPlan) else model.spec.retention.logs_days
    return model.name, kind, _silicon(model), _size(model, host), _scaling(model, host), model.region, f"{days} days"


def _silicon(model: ModelPlan) -> str:
    if model.kind == "edge":
        return "devices"
    names = {"gpu": "GPU", "inf1": "Inferentia 1", "neuronx": "Neuron"}
    return names.get(model.image.processor, "Graviton" if model.image.architecture == "arm64" else "x86_64")


def _size(model: ModelPlan, host: ModelPlan | GroupPlan) -> str:
    if model.component:
        return f"{model.component.memory_mb} MB of {host.instance_type}"
    return f"{model.memory_mb} MB" if model.memory_mb else str(host.instance_type or "-")


def _scaling(model: ModelPlan, host: ModelPlan | GroupPlan) -> str:
    if model.component:
        return f"{model.component.min_copies}-{model.component.max_copies} copies"
    if host.scaling:
        return f"{host.scaling.min_instances}-{host.scaling.max_instances} instances"
    return {"serverless": f"0-{model.max_concurrency} at once", "batch": "per job"}.get(model.kind, "-")


def _reasons(plan: Plan, model: ModelPlan) -> Iterator[str]:
    yield f"{model.name}:"
    group = plan.group_of(model)
    for choice in (*model.choices, *(group.choices[1:] if group else ())):
        yield from _choice(choice)
    for quota in model.quotas:
        yield f"  quota     {quota}"
    for note in model.notes:
        yield f"  note      {note}"


def _choice(choice: Choice) -> Iterator[str]:
    yield f"  {choice.about:<9} {choice.value}: {choice.reason}"
    for loser in choice.rejected:
        yield f"            not {loser.value}: {loser.why}"
