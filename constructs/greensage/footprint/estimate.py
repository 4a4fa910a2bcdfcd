"""The formulas, over many deployments at once: E, I and M of the SCI (ISO/IEC 21031), water and cost, with bands.

SCI = (E x I + M) / R: E in kWh with PUE, I location-based, M = kg embodied x time reserved / lifespan x resources
reserved. Market-based figures never enter. Figures multiply, so their bands add in quadrature of logarithms; terms of
a sum add their ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..catalog.figures import HOURS_PER_MONTH, Figure, coefficient, reference_type
from ..catalog.instances import instance
from ..catalog.power import power
from ..catalog.prices import hourly_price, service_price
from ..catalog.regions import region
from .band import Band
from .usage import Usage

Array = npt.NDArray[np.float64]
PARTS = ("compute", "storage and logs", "network", "embodied")


@dataclass(frozen=True)
class Footprint:
    """A month: energy in kWh, carbon in gCO2e (operational and embodied), water in litres, cost in USD.

    `parts` is the carbon of PARTS, in their order.
    """

    requests: float
    energy_kwh: Band
    operational_g: Band
    embodied_g: Band
    carbon_g: Band
    water_l: Band
    cost_usd: Band
    parts: tuple[Band, ...]

    @property
    def sci_g(self) -> Band | None:
        """The SCI score: gCO2e per 1,000 requests, the functional unit; None without requests."""
        return self.carbon_g * (1000 / self.requests) if self.requests else None

    def __add__(self, other: Footprint) -> Footprint:
        bands = {name: getattr(self, name) + getattr(other, name) for name in BANDS}
        parts = tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        return Footprint(requests=self.requests + other.requests, parts=parts, **bands)

    def __mul__(self, share: float) -> Footprint:
        bands = {name: getattr(self, name) * share for name in BANDS}
        return Footprint(requests=self.requests * share, parts=tuple(part * share for part in self.parts), **bands)


BANDS = ("energy_kwh", "operational_g", "embodied_g", "carbon_g", "water_l", "cost_usd")


def estimate(usages: Sequence[Usage]) -> Estimates:
    """Return the estimates of `usages`, all at once. Raises CatalogError for what the catalog has no figure for."""
    return Estimates(usages)


@dataclass(frozen=True)
class _Terms:
    """One quantity per usage (rows) with the factor of its band."""

    mid: Array
    factor: Array

    def bands(self) -> Array:
        """Low, mid and high as the last axis."""
        return np.stack([self.mid / self.factor, self.mid, self.mid * self.factor], axis=-1)

    def times(self, value: Array, factor: Array) -> _Terms:
        return _Terms(self.mid * value, _quadrature(self.factor, factor))


class Estimates:
    """Arrays of shape (number of usages, 3): low, mid, high. `rows` makes Footprints of them."""

    def __init__(self, usages: Sequence[Usage]) -> None:
        self._usages = usages
        self._pue = self._figures(lambda usage: region(usage.region).pue)
        self._intensity = self._figures(lambda usage: region(usage.region).intensity)
        self._network_gb = _column(usages, lambda usage: usage.network_gb)

    @cached_property
    def energy_kwh(self) -> Array:
        """Electricity, with PUE."""
        return self._compute.bands() + self._storage.bands() + self._network.bands()

    @cached_property
    def carbon_parts_g(self) -> Array:
        """Carbon by part: shape (parts, usages, 3)."""
        operational = [self._with_grid(terms).bands() for terms in (self._compute, self._storage, self._network)]
        return np.stack([*operational, self.embodied_g])

    @cached_property
    def operational_g(self) -> Array:
        """E x I."""
        return self.carbon_parts_g[:3].sum(axis=0)

    @cached_property
    def carbon_g(self) -> Array:
        """E x I + M."""
        return self.carbon_parts_g.sum(axis=0)

    @cached_property
    def embodied_g(self) -> Array:
        """M: emissions of making the hardware, by time and share reserved."""
        lifespan = coefficient("lifespan_hours")
        hours = _column(self._usages, lambda usage: usage.instance_hours)
        making = self._figures(lambda usage: power(usage.instance_type).embodied_kg if usage.instance_type else _NOTHING)
        instances = _Terms(hours * making[0] * 1000 / lifespan.value, _quadrature(making[1], lifespan.factor))
        return instances.bands() + self._serverless_embodied.bands() + self._storage_embodied.bands()

    @cached_property
    def water_l(self) -> Array:
        """Water for cooling: WUE is per kWh of IT load, so without PUE."""
        wue = self._figures(lambda usage: region(usage.region).wue)
        it_load = self.energy_kwh / self._pue[0][:, None]
        return it_load * np.stack([wue[0] / wue[1], wue[0], wue[0] * wue[1]], axis=-1)

    @cached_property
    def cost_usd(self) -> Array:
        """On-demand prices: instances or GB-seconds, data, S3 and logs."""
        usages = self._usages
        hours = _column(usages, lambda usage: usage.instance_hours)
        price = self._figures(lambda usage: hourly_price(usage.instance_type, usage.region) if usage.instance_type else _NOTHING)
        parts = [_Terms(np.where(hours > 0, hours * price[0], 0.0), price[1])]
        amounts: dict[str, Callable[[Usage], float]] = {
            "serverless_gb_second": lambda usage: usage.serverless.billed_gb_seconds if usage.serverless else 0.0,
            "data_gb": lambda usage: usage.network_gb,
            "s3_gb_month": lambda usage: usage.stored_gb,
            "logs_ingest_gb": lambda usage: usage.logs_gb,
            "logs_gb_month": lambda usage: usage.logs_kept_gb,
            "alarm_month": lambda usage: float(usage.alarms),
        }
        for name, amount in amounts.items():
            unit = self._figures(lambda usage, name=name: service_price(name, usage.region))
            parts.append(_Terms(_column(usages, amount) * unit[0], unit[1]))
        return sum((part.bands() for part in parts), start=np.zeros((len(usages), 3)))

    def rows(self) -> list[Footprint]:
        """Return a Footprint per usage."""
        columns = [getattr(self, name).tolist() for name in BANDS]
        parts = np.moveaxis(self.carbon_parts_g, 0, 1).tolist()
        return [
            Footprint(
                requests=usage.requests,
                parts=tuple(Band(*part) for part in parts[i]),
                **{name: Band(*column[i]) for name, column in zip(BANDS, columns, strict=True)},
            )
            for i, usage in enumerate(self._usages)
        ]

    @cached_property
    def _compute(self) -> _Terms:
        instances = self._instances
        busy, held = self._serverless
        return _plus(instances, _plus(busy, held)).times(*self._pue)

    @cached_property
    def _instances(self) -> _Terms:
        """Watts by straight lines between idle, 50 % and 100 %, times hours and instances."""
        owners = np.array([index for index, usage in enumerate(self._usages) for _ in usage.levels], dtype=np.intp)
        levels = [level for usage in self._usages for level in usage.levels]
        table = np.array([_watts(self._usages[index].instance_type) for index in owners], dtype=np.float64).reshape(-1, 4)
        busy = np.array([level.utilisation for level in levels])
        idle, half, full, factor = table.T
        watts = np.where(busy <= 0.5, idle + (half - idle) * busy * 2, half + (full - half) * (busy - 0.5) * 2)
        kwh = watts * np.array([level.hours * level.instances for level in levels]) / 1000
        mid = np.zeros(len(self._usages))
        np.add.at(mid, owners, kwh)
        factors = np.ones(len(self._usages))
        factors[owners] = factor
        return _Terms(mid, factors)

    @cached_property
    def _serverless(self) -> tuple[_Terms, _Terms]:
        name, memory = reference_type(), coefficient("memory_w_per_gb")
        full = power(name).full_w
        assumed = coefficient("serverless_mb_per_vcpu").factor
        busy = _column(self._usages, lambda usage: usage.serverless.busy_vcpu_seconds if usage.serverless else 0.0)
        held = _column(self._usages, lambda usage: usage.serverless.held_gb_seconds if usage.serverless else 0.0)
        per_vcpu = full.value / instance(name).vcpu
        factor = np.full(len(busy), float(_quadrature(full.factor, assumed)))
        return _Terms(busy * per_vcpu / 3.6e6, factor), _Terms(held * memory.value / 3.6e6, np.full(len(held), memory.factor))

    @cached_property
    def _serverless_embodied(self) -> _Terms:
        item, making, lifespan = instance(reference_type()), power(reference_type()).embodied_kg, coefficient("lifespan_hours")
        by_memory = coefficient("serverless_idle_memory_share")
        busy = _column(self._usages, lambda usage: usage.serverless.busy_vcpu_seconds if usage.serverless else 0.0)
        warm = _column(
            self._usages,
            lambda usage: usage.serverless.held_gb_seconds - usage.serverless.busy_gb_seconds if usage.serverless else 0.0,
        )
        kg = busy * making.value / item.vcpu + warm * making.value / item.memory_gib * by_memory.value
        factor = np.full(len(busy), float(_quadrature(making.factor, _quadrature(lifespan.factor, by_memory.factor))))
        return _Terms(kg * 1000 / (lifespan.value * 3600), factor)

    @cached_property
    def _storage(self) -> _Terms:
        watt = coefficient("hdd_wh_per_tb_hour")
        tb = self._replicated_tb()
        return _Terms(tb * watt.value * HOURS_PER_MONTH / 1000, np.full(len(tb), watt.factor)).times(*self._pue)

    @cached_property
    def _storage_embodied(self) -> _Terms:
        making, lifespan = coefficient("storage_kg_per_tb"), coefficient("lifespan_hours")
        tb = self._replicated_tb()
        factor = np.full(len(tb), float(_quadrature(making.factor, lifespan.factor)))
        return _Terms(tb * making.value * 1000 * HOURS_PER_MONTH / lifespan.value, factor)

    @cached_property
    def _network(self) -> _Terms:
        per_gb = coefficient("network_kwh_per_gb")
        return _Terms(self._network_gb * per_gb.value, np.full(len(self._network_gb), per_gb.factor)).times(*self._pue)

    def _replicated_tb(self) -> Array:
        objects = _column(self._usages, lambda usage: usage.stored_gb) * coefficient("s3_replication").value
        logs = _column(self._usages, lambda usage: usage.logs_kept_gb) * coefficient("log_replication").value
        return (objects + logs) / 1000

    def _with_grid(self, terms: _Terms) -> _Terms:
        return terms.times(*self._intensity)

    def _figures(self, read: Callable[[Usage], Figure]) -> tuple[Array, Array]:
        """Return the values and the factors of one figure per usage."""
        found = [read(usage) for usage in self._usages]
        return np.array([item.value for item in found]), np.array([item.factor for item in found])


_NOTHING = Figure("nothing", 0.0, "", "measured", "", "")


def _watts(instance_type: str | None) -> tuple[float, float, float, float]:
    assert instance_type is not None
    found = power(instance_type)
    return found.idle_w.value, found.half_w.value, found.full_w.value, found.idle_w.factor


def _plus(first: _Terms, second: _Terms) -> _Terms:
    """Add two terms; the factor is the mean of theirs, weighted by size, so that ends add up."""
    mid = first.mid + second.mid
    weight = np.divide(first.mid, mid, out=np.full(len(mid), 0.5), where=mid > 0)
    return _Terms(mid, first.factor * weight + second.factor * (1 - weight))


def _quadrature(first: Any, second: Any) -> Any:
    return np.exp(np.hypot(np.log(first), np.log(second)))


def _column(usages: Sequence[Usage], read: Callable[[Usage], float]) -> Array:
    return np.array([read(usage) for usage in usages], dtype=np.float64)
