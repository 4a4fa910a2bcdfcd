"""An estimate in one line: for the console at synthesis, and for the output of a stack."""

from __future__ import annotations

from ..footprint.band import percent_saved
from ..text import money, number
from .fleet import FleetFootprint, ModelFootprint, worse_than_baseline

_BASELINES = {
    "usual": "the usual deployment", "same-region": "the usual deployment in the same Region",
    "lift-and-shift": "the instances of your file", "current": "what runs now",
}  # fmt: skip


def synth_line(footprint: FleetFootprint, only: str | None = None) -> str:
    """Return the line that synthesis leaves in the console: the estimate of all models, or of one."""
    total, usual, what = footprint.total, footprint.baseline, f"{len(footprint.models)} models"
    if only is not None:
        total, usual, what = footprint.of(only).footprint, footprint.of(only).baseline, only
    carbon, cost = total.carbon_g.saved_against(usual.carbon_g), total.cost_usd.saved_against(usual.cost_usd)
    worse = [text for text in worse_than_baseline(footprint) if only is None or text.startswith(f"{only} ")]
    warned = "".join(f"\ngreensage: WORSE: {text}" for text in worse)
    return (
        f"greensage: {what}: about {number(total.carbon_g.mid)} gCO2e, {number(total.energy_kwh.mid)} kWh and "
        f"{money(total.cost_usd.mid)} USD a month, an estimate; {percent_saved(carbon)} carbon and {percent_saved(cost)} cost "
        f"against {_BASELINES[footprint.against.name]} (greensage plan). What would stop the deployment: greensage preflight"
        f"{f' {only}' if only else ''}{warned}"
    )


def estimate_words(model: ModelFootprint) -> str:
    """Return one model's estimate for an output of its stack."""
    now, usual = model.footprint, model.baseline
    band = f"{number(now.carbon_g.low)} to {number(now.carbon_g.high)}"
    return (
        f"{number(now.carbon_g.mid)} gCO2e ({band}), {number(now.energy_kwh.mid)} kWh, {money(now.cost_usd.mid)} USD a month; "
        f"usual: {number(usual.carbon_g.mid)} gCO2e, {money(usual.cost_usd.mid)} USD; an estimate"
    )
