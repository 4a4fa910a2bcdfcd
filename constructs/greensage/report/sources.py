"""Collects every figure that a fleet's numbers come from, once each, with quality, band, source and date."""

from __future__ import annotations

from typing import Any

from ..catalog import traffic
from ..catalog.figures import Figure, coefficient, reference_type
from ..catalog.kinds import hosting_kind
from ..catalog.power import power, speed
from ..catalog.prices import hourly_price, service_price
from ..catalog.regions import region
from ..planner import GroupPlan, ModelFootprint, ModelPlan

_ALWAYS = ("hdd_wh_per_tb_hour", "network_kwh_per_gb", "lifespan_hours", "storage_kg_per_tb")
_SERVERLESS = ("memory_w_per_gb", "serverless_mb_per_vcpu", "serverless_idle_memory_share")
_SERVICES = ("data_gb", "s3_gb_month", "logs_ingest_gb", "logs_gb_month", "alarm_month", "dashboard_month", "codebuild_minute")


class Sources:
    """The figures behind all models; `of` returns keys into `rows`."""

    def __init__(self) -> None:
        self._figures: dict[str, Figure] = {}

    def of(self, model: ModelPlan, host: ModelPlan | GroupPlan) -> dict[str, list[str]]:
        """Return the keys by what they feed: energy, carbon, water and cost."""
        if hosting_kind(model.kind).runs_on == "memory":
            figures = [coefficient(name) for name in _SERVERLESS]
            prices = [service_price("serverless_gb_second", model.region)]
            return self._keys(model.region, reference_type(), figures, prices)
        return self._keys(model.region, host.instance_type, [], [])

    def of_usual(self, footprint: ModelFootprint) -> dict[str, list[str]]:
        """Return the keys behind what the model is compared with."""
        return self._keys(footprint.baseline_region, footprint.baseline_type or None, [], [])

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the figures by key."""
        rows = {key: _row(figure) for key, figure in self._figures.items()}
        rows["load"] = {
            "name": "load of one request, traffic by the hour", "value": None, "unit": "", "low": None, "high": None,
            "quality": "assumed", "source": traffic.SOURCE, "date": "",
        }  # fmt: skip
        return rows

    def _keys(self, place: str, item: str | None, more: list[Figure], prices: list[Figure]) -> dict[str, list[str]]:
        found = region(place)
        energy, making, money = [*more], [coefficient(name) for name in _ALWAYS], [*prices]
        if item is not None:
            figures = power(item)
            energy += [figures.idle_w, figures.half_w, figures.full_w, speed(item)]
            making.append(figures.embodied_kg)
            # Serverless is billed by GB-seconds: its reference type has watts here, but no price.
            money += [] if prices else [hourly_price(item, place)]
        money += [service_price(name, place) for name in _SERVICES]
        return {
            "energy": ["load", *map(self._add, [*energy, found.pue])],
            "carbon": [*map(self._add, [found.intensity, *making])],
            "water": [self._add(found.wue)],
            "cost": [*map(self._add, money)],
        }

    def _add(self, figure: Figure) -> str:
        key = figure.name
        known = self._figures.setdefault(key, figure)
        if known == figure:
            return key
        # One name with two values: both are listed, told apart by the value.
        key = f"{figure.name} at {figure.value:g}"
        self._figures.setdefault(key, figure)
        return key


def _row(figure: Figure) -> dict[str, Any]:
    known = figure.known
    return {
        "name": figure.name, "value": float(f"{figure.value:.5g}") if known else None, "unit": figure.unit,
        "low": float(f"{figure.low:.3g}") if known else None,
        "high": float(f"{figure.high:.3g}") if known else None,
        "quality": figure.quality, "source": figure.source, "date": figure.date,
    }  # fmt: skip
