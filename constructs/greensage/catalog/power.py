"""Watts and embodied emissions of instance types, and how fast their cores are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import CatalogError
from ._data import load
from .ec2 import bare_type
from .figures import Figure, figure, quality_factor
from .instances import instance


@dataclass(frozen=True)
class Power:
    """What an instance draws at 0, 50 and 100 % of its CPU (or accelerator), and what its making emitted."""

    idle_w: Figure
    half_w: Figure
    full_w: Figure
    embodied_kg: Figure


@cache
def power(name: str) -> Power:
    """Return the power figures of an instance type. Raises CatalogError where there are none."""
    data, row = _row(name)
    if row is None:
        raise CatalogError(f"the watts of {name} are not in the catalog, so no footprint can be stated for it")
    source, date = data["sources"][row["source"]], data["date"]
    idle, half, full = (
        figure(f"{name} at {share} %", row[key], "W", row["quality"], source, date, _ends(data, row, index))
        for index, (share, key) in enumerate(((0, "w_idle"), (50, "w_50"), (100, "w_100")))
    )
    embodied = figure(
        f"{name} embodied", row["embodied_kg"], "kg CO2e", row["embodied_quality"], data["sources"][row["embodied_source"]], date
    )
    return Power(idle, half, full, embodied)


def _ends(data: dict[str, Any], row: dict[str, Any], index: int) -> tuple[float, ...]:
    """How far the watts may lie beyond their quality: by a boundary that is not the others', or an estimated node."""
    watts: float = row[("w_idle", "w_50", "w_100")[index]]
    if "node_w" in row:
        node: float = row["node_w"][index]
        assumed, known = quality_factor("assumed"), quality_factor(row["quality"])
        return ((watts - node) / known + node / assumed, (watts - node) * known + node * assumed)
    if row["source"] == data.get("boundary", {}).get("source"):
        factor = math.exp(math.hypot(math.log(quality_factor(row["quality"])), math.log(data["boundary"]["factor"])))
        return (watts / factor, watts * factor)
    return ()


def _row(name: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """EC2 types without a hosting type of that name have a table of their own; databases run on EC2 types."""
    bare = bare_type(name)
    data = load("power")
    row = data["types"].get(f"ml.{bare}")
    if row is not None or name.startswith("ml."):
        return data, row
    other = load("ec2")
    found = other["types"].get(bare, {})
    return other, found if "w_idle" in found else None


@cache
def speed(name: str) -> Figure:
    """Return the throughput of one vCPU of `name`, or of its accelerator in vCPUs, relative to one vCPU of m5."""
    data = load("speed")
    row = data["families"].get(bare_type(name).split(".")[0]) or data["other"]
    return figure(f"{name} speed", row["relative"], "x an m5 vCPU", row["quality"], row["source"], data["date"])


def batch_gain(image_family: str) -> float:
    """Return how many times more a GPU answers in a container that batches requests by itself; 1 for others."""
    return float(load("speed")["batching"]["families"].get(image_family, 1.0))


@cache
def compute_units(name: str) -> float:
    """Return how many m5 vCPUs' worth of work `name` does at full load."""
    item = instance(name)
    return speed(name).value * (item.accelerators if item.accelerator else item.vcpu)
