"""A Plan for people (aligned text) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from .planner import Choice, GroupPlan, ModelPlan, Plan


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
    return {"models": [_model_json(model) for model in plan.models], "groups": [asdict(group) for group in plan.groups]}


def _model_json(model: ModelPlan) -> dict[str, Any]:
    chosen = {
        field.name: getattr(model, field.name)
        for field in fields(model)
        if field.name not in ("spec", "choices", "image", "scaling")
    }
    return {
        "name": model.name,
        "framework": model.spec.model.framework,
        **chosen,
        "image": asdict(model.image),
        "scaling": asdict(model.scaling) if model.scaling else None,
        "choices": [asdict(choice) for choice in model.choices],
    }


def _row(plan: Plan, model: ModelPlan) -> tuple[str, ...]:
    host: ModelPlan | GroupPlan = plan.group(model.group) if model.group else model
    kind = f"{model.kind} ({model.group})" if model.group else model.kind
    size = f"{model.memory_mb} MB" if model.memory_mb else str(host.instance_type)
    scaling = (
        f"{host.scaling.min_instances}-{host.scaling.max_instances} instances"
        if host.scaling
        else f"0-{model.max_concurrency} at once"
    )
    silicon = "Graviton" if model.image.architecture == "arm64" else "x86_64"
    days = host.logs_days if isinstance(host, GroupPlan) else model.spec.retention.logs_days
    return model.name, kind, silicon, size, scaling, model.region, f"{days} days"


def _reasons(plan: Plan, model: ModelPlan) -> Iterator[str]:
    yield f"{model.name}:"
    choices = [*model.choices, *(plan.group(model.group).choices[1:] if model.group else ())]
    for choice in choices:
        yield from _choice(choice)
    for note in model.notes:
        yield f"  note      {note}"


def _choice(choice: Choice) -> Iterator[str]:
    yield f"  {choice.about:<9} {choice.value}: {choice.reason}"
    for loser in choice.rejected:
        yield f"            not {loser.value}: {loser.why}"
