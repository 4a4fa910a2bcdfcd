"""What the page shows, as plain values: rounded to what the figures are worth, every one with the keys of its sources."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..catalog.beside import left_out
from ..catalog.regions import region
from ..footprint import Footprint
from ..footprint.band import Band
from ..footprint.estimate import PARTS
from ..planner import (
    STEP_WORDS,
    Choice,
    Chosen,
    FleetFootprint,
    Ladder,
    ModelFootprint,
    ModelPlan,
    Plan,
    Scored,
    advise,
    break_evens,
    fleet_ladder,
    sensitivities,
    total_ladder,
    worse_than_baseline,
)
from .sources import Sources

# Say something when the curves take longer than that, in seconds.
_PATIENCE = 2.0


def report_data(
    plan: Plan,
    chosen: dict[str, Chosen],
    footprint: FleetFootprint,
    *,
    title: str = "Inference footprint",
    history: Sequence[Mapping[str, Any]] = (),
    ladders: Mapping[str, Ladder] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the page's data. `say` hears of progress when it takes more than two seconds.

    `ladders` are those of the models; default: worked out as if nothing were optimized. `history` has what was measured in each
    month, the oldest first: `month`, `requests`, `g`, `kwh`, `usd` and `vcpu_hours`, and in `models` the KPI of each model,
    vCPU-hours per 1,000 inferences, None in a month without any.
    """
    ladders = ladders or fleet_ladder(plan, chosen, footprint)
    sources = Sources()
    curves = _Curves()
    models: list[dict[str, Any]] = []
    last = time.monotonic()
    for index, model in enumerate(plan.models, start=1):
        models.append(_model(plan, model, chosen[model.name], footprint.of(model.name), ladders[model.name], sources, curves))
        if time.monotonic() - last > _PATIENCE:
            say(f"{index} of {len(plan.models)} models: break-even points and advice")
            last = time.monotonic()
    return {
        "title": title,
        "date": datetime.now(UTC).date().isoformat(),
        "baseline": footprint.against.words,
        "not_counted": list(left_out()),
        "worse": list(worse_than_baseline(footprint)),
        "ladder": _ladder(total_ladder(ladders)),
        "steps": STEP_WORDS,
        "tornado": [[item.what, _short(item.low_g), _short(item.high_g)] for item in sensitivities(plan, footprint)],
        "parts": list(PARTS),
        "total": _footprint(footprint.total),
        "usual": _footprint(footprint.baseline),
        "saved": _saved(footprint.total, footprint.baseline),
        "models": models,
        "regions": _regions(plan, footprint),
        "curves": curves.rows,
        "history": [dict(row) for row in history],
        "figures": sources.rows(),
    }


def _model(
    plan: Plan,
    model: ModelPlan,
    chosen: Chosen,
    footprint: ModelFootprint,
    ladder: Ladder,
    sources: Sources,
    curves: _Curves,
) -> dict[str, Any]:
    host = plan.group_of(model) or model
    now = footprint.footprint
    size = f"{model.memory_mb:,} MB" if model.memory_mb else host.instance_type or "devices"
    sla = model.spec.sla
    return {
        "name": model.name, "kind": model.kind, "group": model.group if plan.group_of(model) else None,
        "silicon": model.silicon_label, "size": size, "region": model.region, "framework": model.spec.model.framework,
        "requests": now.requests, "pattern": model.spec.traffic.pattern, "latency": sla.latency_p95_ms,
        "cold": sla.accepts_cold_starts,
        "share": _short(footprint.share), "now": _footprint(now), "usual": _footprint(footprint.baseline),
        "usual_type": footprint.baseline_type, "usual_region": footprint.baseline_region,
        "saved": _saved(now, footprint.baseline), "reasons": [_reason(item) for item in plan.choices_of(model)],
        "notes": [*model.quotas, *model.notes], "advice": [str(item) for item in advise(chosen, footprint.host)],
        "beside": [[name, _short(item.carbon_g.mid), _short(item.cost_usd.mid)] for name, item in footprint.beside],
        "ladder": _ladder(ladder), "pareto": _pareto(chosen, footprint),
        "curve": curves.of(chosen), "sources": sources.of(model, host), "usual_sources": sources.of_usual(footprint),
    }  # fmt: skip


def _ladder(ladder: Ladder) -> list[list[Any]]:
    """Each rung: its name, gCO2e and USD after it."""
    return [[rung.step, _short(rung.after.carbon_g.mid), _short(rung.after.cost_usd.mid)] for rung in ladder.rungs]


# More would be dots upon dots.
_POINTS = 40


def _pareto(chosen: Chosen, footprint: ModelFootprint) -> list[list[Any]]:
    """What was chosen, then options of the model alone: gCO2e, USD, name, and whether no other is better in both."""
    best: dict[str, Scored] = {}
    for item in chosen.options:
        best.setdefault(f"{item.option.label}, {item.option.request.region}", item)
    own = chosen.alone or chosen.winner
    others = [(name, item) for name, item in list(best.items())[:_POINTS] if chosen.sharing or item is not own]
    keeps = [item for item in (own, *(item for _, item in others)) if item.option.keeps_sla]
    host, share = footprint.host, f", a part of it ({footprint.share:.0%})" if chosen.sharing or footprint.share < 1 else ""
    return [
        [_short(host.carbon_g.mid), _short(host.cost_usd.mid), f"chosen: {chosen.option.label}{share}", True],
        *([_short(item.carbon_g), _short(item.cost_usd), name,
           item.option.keeps_sla and not any(_dominates(other, item) for other in keeps)] for name, item in others),
    ]  # fmt: skip


def _dominates(other: Scored, item: Scored) -> bool:
    no_worse = other.carbon_g <= item.carbon_g and other.cost_usd <= item.cost_usd
    return no_worse and (other.carbon_g < item.carbon_g or other.cost_usd < item.cost_usd)


def _reason(choice: Choice) -> dict[str, Any]:
    return {
        "about": choice.about,
        "value": choice.value,
        "why": choice.reason,
        "not": [[lost.value, lost.why] for lost in choice.rejected],
    }


def _footprint(footprint: Footprint) -> dict[str, Any]:
    return {
        "kwh": _band(footprint.energy_kwh), "g": _band(footprint.carbon_g), "operational_g": _band(footprint.operational_g),
        "embodied_g": _band(footprint.embodied_g), "water": _band(footprint.water_l), "usd": _band(footprint.cost_usd),
        "sci": _band(footprint.sci_g) if footprint.sci_g else None, "parts": [_short(part.mid) for part in footprint.parts],
    }  # fmt: skip


def _saved(now: Footprint, usual: Footprint) -> dict[str, Any]:
    return {
        "carbon": _band(now.carbon_g.saved_against(usual.carbon_g)),
        "energy": _band(now.energy_kwh.saved_against(usual.energy_kwh)),
        "cost": _band(now.cost_usd.saved_against(usual.cost_usd)),
    }


def _regions(plan: Plan, footprint: FleetFootprint) -> list[dict[str, Any]]:
    """Return the Regions that the plan uses, and those that the usual deployments would."""
    names = {model.region for model in plan.models} | {item.baseline_region for item in footprint.models}
    rows: list[dict[str, Any]] = []
    for name in sorted(names):
        found = region(name)
        here = [footprint.of(model.name) for model in plan.models if model.region == name]
        usual = [item for item in footprint.models if item.baseline_region == name]
        rows.append({
            "id": name, "name": found.name, "lat": found.lat, "lon": found.lon, "intensity": found.intensity.value,
            "pue": found.pue.value, "matched": found.matched, "models": len(here), "usual_models": len(usual),
            "g": _short(sum(item.footprint.carbon_g.mid for item in here)),
            "usual_g": _short(sum(item.baseline.carbon_g.mid for item in usual)),
        })  # fmt: skip
    return rows


class _Curves:
    """The curves of all models, each once: models of equal kind share them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._known: dict[str, int | None] = {}

    def of(self, chosen: Chosen) -> int | None:
        """Return the index of the model's curve; None where the file names the hosting kind."""
        if chosen.request.spec.hosting != "auto":
            return None
        key = self._key(chosen)
        if key not in self._known:
            self._known[key] = self._add(chosen)
        return self._known[key]

    def _add(self, chosen: Chosen) -> int | None:
        found = break_evens(chosen)
        self.rows.append({
            "x": list(found.requests_per_month), "text": str(found),
            "kinds": [{"kind": item.kind, "g": [_maybe(v) for v in item.carbon_g], "usd": [_maybe(v) for v in item.cost_usd]}
                      for item in found.curves],
            "switches": [[item.requests_per_month, item.before, item.after] for item in found.switches],
        })  # fmt: skip
        return len(self.rows) - 1

    @staticmethod
    def _key(chosen: Chosen) -> str:
        """All that the curve depends on: the spec without its name, its place and how many requests it gets."""
        spec = chosen.request.spec
        kept = spec.model_dump(mode="json", exclude={"name", "tags", "group", "drift", "retention", "region"})
        kept["model"].pop("artifact")
        kept["traffic"].pop("requests_per_day")
        return json.dumps([kept, chosen.option.request.region, sorted(chosen.against)])


def _band(band: Band) -> list[float | None]:
    return [_short(band.low), _short(band.mid), _short(band.high)]


def _maybe(value: float | None) -> float | None:
    return None if value is None else _short(value, 3)


def _short(value: float, digits: int = 7) -> float | None:
    """Round to significant digits, which keeps the page small; None is unknown."""
    return None if math.isnan(value) else float(f"{value:.{digits}g}")
