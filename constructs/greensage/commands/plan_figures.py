"""The figures and assumptions behind a plan's JSON: with them and its usages anybody can work the footprint out again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..catalog import traffic
from ..catalog.figures import Figure, coefficient, figure_json, reference_type
from ..catalog.instances import instance
from ..catalog.power import compute_units, power, speed
from ..catalog.prices import hourly_price, service_price
from ..catalog.regions import region
from ..footprint.estimate import SERVICES

_COEFFICIENTS = (
    "hdd_wh_per_tb_hour", "network_kwh_per_gb", "lifespan_hours", "storage_kg_per_tb", "s3_replication", "log_replication",
    "memory_w_per_gb", "serverless_mb_per_vcpu", "serverless_idle_memory_share", "serverless_provisioned_share",
)  # fmt: skip
_ASSUMED = (
    "TARGET_UTILISATION", "OVERHEAD_MS", "COLD_START_SECONDS", "SERVERLESS_LINGER_SECONDS", "ASYNCHRONOUS_WAKE_SECONDS",
    "ASYNCHRONOUS_LINGER_SECONDS", "COMPONENT_LINGER_SECONDS", "BATCH_START_SECONDS", "BATCH_UTILISATION",
)  # fmt: skip


def figures_behind(usages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return `figures` by name, `types` with their size and speed, and `assumptions`, for these usages as JSON."""
    figures: dict[str, Figure] = {name: coefficient(name) for name in _COEFFICIENTS}
    types = {reference_type()}
    for usage in usages:
        place, item = region(usage["region"]), usage["instance_type"]
        figures |= {f"{usage['region']} {name}": getattr(place, name) for name in ("intensity", "pue", "wue")}
        for name in (*SERVICES, *usage["services"]):
            figures[f"{name} in {usage['region']}"] = service_price(name, usage["region"])
        if item is not None:
            types.add(item)
            figures[f"{item} price in {usage['region']}"] = hourly_price(item, usage["region"])
    for item in types:
        found = power(item)
        figures |= {f"{item} {name}": getattr(found, name) for name in ("idle_w", "half_w", "full_w", "embodied_kg")}
        figures[f"{item} speed"] = speed(item)
    return {
        "figures": {name: figure_json(item) for name, item in sorted(figures.items())},
        "types": {name: _type(name) for name in sorted(types)},
        "assumptions": {
            **{name.lower(): getattr(traffic, name) for name in _ASSUMED}, "serverless_reference_type": reference_type(),
        },
    }  # fmt: skip


def _type(name: str) -> dict[str, Any]:
    item = instance(name)
    return {"vcpu": item.vcpu, "memory_gib": item.memory_gib, "accelerators": item.accelerators, "units": compute_units(name)}
