"""A Plan and its footprint for people: aligned text that fits the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ..catalog.beside import left_out
from ..catalog.kinds import hosting_kind
from ..catalog.overlay import overlay_words
from ..catalog.prices import price_factor_words
from ..footprint import Footprint
from ..footprint.band import Band, percent_range, percent_saved
from ..planner import (
    Choice,
    FleetFootprint,
    GroupPlan,
    Ladder,
    ModelFootprint,
    ModelPlan,
    Plan,
    total_ladder,
    worse_than_baseline,
)
from ..spec import Located
from ..text import bold, fitted, green, money, number, paragraph, plural, red, signed_percent, table, terminal_width

_FIGURES = ("kWh", "gCO2e", "USD", "CO2e", "COST")
_HEADER = ("MODEL", "KIND", "SIZE", "REGION", *_FIGURES, "SILICON", "SCALING")
# What a narrow terminal does without, first to last: --wide and --json have it.
_DROPPED = (10, 9, 4, 3, 8, 2)


def plan_overview(
    plan: Plan, footprint: FleetFootprint, ladders: Mapping[str, Ladder] | None = None, *, width: int | None = None
) -> str:
    """Return the table, what it comes to, and how the saving came about."""
    parts = [plan_table(plan, footprint, width=width), plan_summary(plan, footprint, width=width)]
    if ladders:
        parts.append(ladder_text(total_ladder(ladders)))
    return "\n\n".join(parts)


def plan_table(plan: Plan, footprint: FleetFootprint, *, width: int | None = None) -> str:
    """Return a row per model with its month against the baseline, and the total last; `width`: default the terminal's."""
    rows = [_HEADER, *(_row(plan, model, footprint.of(model.name)) for model in plan.models)]
    total = ModelFootprint("total", footprint.total, footprint.baseline, "", "", 1.0)
    rows.append(("total", plural(len(plan.models), "model"), "", "", *_figures(total), "", ""))
    *lines, last = fitted(rows, width or terminal_width(), right=range(4, 9), whole=[3], drop=_DROPPED).split("\n")
    return "\n".join([*lines, bold(last)])


def plan_summary(plan: Plan, footprint: FleetFootprint, *, width: int | None = None) -> str:
    """Return what is saved against what, how sure that is, what is worse, and what the figures leave out."""
    total, usual, columns = footprint.total, footprint.baseline, width or terminal_width()
    carbon, cost = total.carbon_g.saved_against(usual.carbon_g), total.cost_usd.saved_against(usual.cost_usd)
    against = f"A month of 30 days, estimated, against {footprint.against.words}:"
    lines = [
        against,
        f"  carbon  {number(total.carbon_g.mid / 1000)} kg CO2e instead of {number(usual.carbon_g.mid / 1000)}: "
        f"{green(percent_saved(carbon))} (worst to best case {percent_range(carbon)})",
        f"  energy  {number(total.energy_kwh.mid)} kWh instead of {number(usual.energy_kwh.mid)}",
        f"  water   {_water(total)} instead of {_water(usual)}",
        _cost_line(total, usual, cost),
    ]
    lines = [paragraph(line, columns, "          " if line.startswith("  ") else "") for line in lines]
    if any(hosting_kind(model.kind).runs_on == "devices" for model in plan.models):
        lines.append("  What devices at the edge take is not counted, on either side.")
    lines += [red(paragraph(f"  WORSE: {text}", columns, "    ")) for text in worse_than_baseline(footprint)]
    lines += [*overlay_words(), *price_factor_words()]
    lines.append(
        paragraph(f"  Not counted: {'; '.join(left_out()[:3])}; and more: greensage catalog show beside", columns, "    ")
    )
    return "\n".join(lines)


def ladder_text(ladder: Ladder) -> str:
    """Return the steps from the usual deployment to the plan, with what each saves of the first rung."""
    first = ladder.rungs[0].after
    rows: list[tuple[str, ...]] = [("STEP BY STEP", "gCO2e", "", "band", "USD", "")]
    rows.append(("usual, first allowed Region", number(first.carbon_g.mid), "", "", money(first.cost_usd.mid), ""))
    for index, rung in enumerate(ladder.rungs[1:], start=1):
        after = rung.after
        rows.append((
            rung.step, number(after.carbon_g.mid), _step(ladder.share(index)), _step_band(ladder, index),
            money(after.cost_usd.mid), _step(ladder.share(index, "cost_usd")),
        ))  # fmt: skip
    return f"{table(rows, right=range(1, 6))}\nShares of the first line; a step is what it adds to those before it."


def _step(share: float) -> str:
    return "?" if share != share else signed_percent(share)


def _step_band(ladder: Ladder, index: int) -> str:
    saved, first = ladder.saved(index), ladder.rungs[0].after.carbon_g.mid
    ends = (_step(saved.low / first), _step(saved.high / first)) if first else ("=", "=")
    return "" if ends == ("=", "=") else f"{ends[0]} to {ends[1]}"


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


def plan_reasons(
    plan: Plan, only: str | None = None, footprint: FleetFootprint | None = None, *, width: int | None = None
) -> str:
    """Return why each choice was made, what lost, what stands beside the host, and what to know; of one model with `only`."""
    columns = width or terminal_width()
    shown = [model for model in plan.models if only in (None, model.name)]
    return "\n\n".join("\n".join(_reasons(plan, model, footprint, columns)) for model in shown)


def _figures(model: ModelFootprint) -> tuple[str, ...]:
    now = model.footprint
    return (
        number(now.energy_kwh.mid), number(now.carbon_g.mid), money(now.cost_usd.mid),
        percent_saved(model.saved_carbon), percent_saved(model.saved_cost),
    )  # fmt: skip


def _water(footprint: Footprint) -> str:
    return f"{number(footprint.water_l.mid)} l" if footprint.water_l.known else "unknown (AWS publishes no WUE for a Region)"


def _row(plan: Plan, model: ModelPlan, footprint: ModelFootprint) -> tuple[str, ...]:
    host = plan.group_of(model) or model
    kind = f"{model.kind} ({model.group})" if plan.group_of(model) else model.kind
    figures = _figures(footprint)
    return model.name, kind, _size(model, host), model.region, *figures, model.silicon_label, _scaling(model, host)


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


def _reasons(plan: Plan, model: ModelPlan, footprint: FleetFootprint | None, width: int) -> Iterator[str]:
    yield f"{model.name}:"
    for choice in plan.choices_of(model):
        yield from _choice(choice, width)
    for name, month in footprint.of(model.name).beside if footprint else ():
        yield _line("beside", f"{name}: {number(month.carbon_g.mid)} gCO2e and {money(month.cost_usd.mid)} USD a month", width)
    for quota in model.quotas:
        yield _line("quota", quota, width)
    for note in model.notes:
        yield _line("note", note, width)


def _choice(choice: Choice, width: int) -> Iterator[str]:
    yield _line(choice.about, f"{choice.value}: {choice.reason}", width)
    for loser in choice.rejected:
        yield _line("", f"not {loser.value}: {loser.why}", width)


def _line(about: str, text: str, width: int) -> str:
    return paragraph(f"  {about:<9} {text}", width, " " * 12)


def origin_lines(located: Located) -> list[str]:
    """Return each setting that came from elsewhere than the model file, with where; nothing where all stands in the file."""
    shared = [
        (key, value, where) for key, value, where in located.settings() if where.partition(":")[0] != located.file or "(" in where
    ]
    if not shared:
        return []
    lines = [(f"  {key}", json.dumps(value), where) for key, value, where in shared]
    return ["", "settings from elsewhere", table(lines)]
