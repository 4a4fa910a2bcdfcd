"""What was measured of GPUs: watts by load, and joules for 1,000 answers by model, precision and batch (data/gpu.json)."""

from __future__ import annotations

from ._data import load
from .figures import Figure, figure


def measured_devices() -> tuple[str, ...]:
    """Return the devices, as people call them."""
    return tuple(name.removeprefix("NVIDIA_") for name in load("gpu")["devices"])


def device_figures(name: str) -> list[Figure]:
    """Return all that was measured of a device."""
    data = load("gpu")
    device = data["devices"][f"NVIDIA_{name}"]
    made: list[Figure] = []
    for words, key in (("idle, nothing loaded", "idle_w"), ("idle with a model loaded", "loaded_idle_w")):
        made.append(figure(f"{name} {words}", device[key], "W", "measured", data["source"], data["date"]))
    for model, precision, batch, load_share, per_second, watts, joule in device["runs"]:
        at = "" if load_share == 1 else f" at {load_share:.0%} load"
        words = f"{name} {model}, {precision}, batches of {batch}{at}"
        note = f"{data['source']}; {per_second:,.0f} answers a second at {watts:g} W"
        made.append(figure(words, joule, "J per 1,000 answers", "measured", note, data["date"]))
    return made


def batch_saving() -> tuple[float, float]:
    """Return how many times less energy an answer took in batches of 32 than alone: the least and the most that was measured."""
    found: list[float] = []
    for device in load("gpu")["devices"].values():
        rows = {(model, precision, batch): joule for model, precision, batch, share, _, _, joule in device["runs"] if share == 1}
        found += [joule / rows[model, precision, 32] for (model, precision, batch), joule in rows.items() if batch == 1]
    return min(found), max(found)
