"""The formulas: E, I and M of the SCI (ISO/IEC 21031), water and cost of a month, with bands.

SCI = (E x I + M) / R: E in kWh with PUE, I location-based, M = kg embodied x time reserved / lifespan x resources
reserved. Market-based figures never enter. Figures multiply, so their bands add in quadrature of logarithms; terms of
a sum add their ends. What a figure is for a type in a Region is looked up once, so a fleet costs a few microseconds a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ..catalog.figures import HOURS_PER_MONTH, coefficient, reference_type
from ..catalog.instances import instance
from ..catalog.power import power
from ..catalog.prices import hourly_price, service_price
from ..catalog.regions import region
from .band import Band
from .usage import Usage

# How many times smaller and larger a true value may be.
Spread = tuple[float, float]
PARTS = ("compute", "storage and logs", "network", "embodied")


@dataclass(frozen=True)
class Footprint:
    """A month. Every figure is a `Band`: an estimate with its lowest and highest value.

    Parameters
    ----------
    requests:
        Requests in the month.
    energy_kwh:
        Energy with the data centre's overhead (PUE), in kWh.
    operational_g, embodied_g, carbon_g:
        Carbon of the energy, of making the hardware, and of both, in gCO2e (ISO/IEC 21031, Software Carbon
        Intensity).
    water_l:
        Water at the data centre, in litres.
    cost_usd:
        In USD.
    parts:
        The carbon of PARTS, in their order, in gCO2e.
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


class Mid(NamedTuple):
    """The middle of what decisions compare."""

    carbon_g: float
    operational_g: float
    energy_kwh: float
    cost_usd: float


def estimate(usages: Iterable[Usage]) -> list[Footprint]:
    """Return a Footprint per usage. Raises CatalogError for what the catalog has no figure for."""
    return [_footprint(usage) for usage in usages]


def mid_figures(usages: Sequence[Usage]) -> list[Mid]:
    """Return the middles alone, faster: for choosing among many. Raises as `estimate` does."""
    return [_mid(usage) for usage in usages]


@dataclass(frozen=True)
class Place:
    """The figures of a Region that every usage there needs."""

    pue: float
    intensity: float
    wue: float
    factors: dict[str, Spread]
    prices: tuple[tuple[float, Spread], ...]


@dataclass(frozen=True)
class Machine:
    """Watts, embodied grams an hour and the price of an instance type in a Region, with the factors of their bands."""

    idle: float
    half: float
    full: float
    making_g_hour: float
    price: float
    watt_factor: Spread
    making_factor: Spread
    price_factor: Spread


class _Amounts(NamedTuple):
    """kWh of IT load by what draws it, and embodied grams by what was made."""

    instances: float
    busy: float
    held: float
    storage: float
    network: float
    made: float
    made_serverless: float
    made_storage: float


def _mid(usage: Usage) -> Mid:
    place, amounts = place_of(usage.region), _amounts(usage)
    energy = sum(amounts[:5]) * place.pue
    operational = energy * place.intensity
    return Mid(operational + sum(amounts[5:]), operational, energy, sum(mid for mid, _ in _costs(usage, place)))


def _footprint(usage: Usage) -> Footprint:
    place, amounts = place_of(usage.region), _amounts(usage)
    machine = machine_of(usage.instance_type, usage.region) if usage.instance_type else _NO_MACHINE
    general = general_figures()
    compute = amounts.instances + amounts.busy + amounts.held
    draws = ((amounts.instances, machine.watt_factor), (amounts.busy, general.busy), (amounts.held, general.memory))
    loads = (
        (compute, _weighted(*draws)),
        (amounts.storage, general.disk),
        (amounts.network, general.network),
    )
    energy = [_band(kwh * place.pue, factor, place.factors["pue"]) for kwh, factor in loads]
    carbon = [
        _band(kwh * place.pue * place.intensity, factor, place.factors["pue"], place.factors["intensity"])
        for kwh, factor in loads
    ]
    embodied = _total(
        _band(amounts.made, machine.making_factor),
        _band(amounts.made_serverless, general.made_serverless),
        _band(amounts.made_storage, general.made_disk),
    )
    operational, total = _total(*carbon), _total(*energy)
    # WUE is litres per kWh of IT load, so without PUE.
    wue, (down, up) = place.wue / place.pue, place.factors["wue"]
    return Footprint(
        requests=usage.requests,
        energy_kwh=total,
        operational_g=operational,
        embodied_g=embodied,
        carbon_g=operational + embodied,
        water_l=Band(total.low * wue / down, total.mid * wue, total.high * wue * up),
        cost_usd=_total(*(_band(*cost) for cost in _costs(usage, place))),
        parts=(*carbon, embodied),
    )


def _amounts(usage: Usage) -> _Amounts:
    instances = made = busy = held = made_serverless = 0.0
    if usage.instance_type is not None:
        machine = machine_of(usage.instance_type, usage.region)
        for hours, count, load in usage.levels:
            instances += hours * count * _watts(machine, load)
            made += hours * count * machine.making_g_hour
    if usage.serverless is not None:
        rates, used = general_figures(), usage.serverless
        busy = used.busy_vcpu_seconds * rates.w_per_vcpu / 3.6e6
        held = used.held_gb_seconds * rates.w_per_gb / 3.6e6
        warm = used.held_gb_seconds - used.busy_gb_seconds
        # While an environment is busy, its vCPUs carry the hardware's share; what is kept idle counts by memory.
        made_serverless = used.busy_vcpu_seconds * rates.g_per_vcpu_second + warm * rates.g_per_gb_second
    general = general_figures()
    kept = usage.stored_gb + usage.unbilled_stored_gb
    tb = (kept * general.copies + usage.logs_kept_gb * general.log_copies) / 1000
    moved = usage.network_gb + usage.unbilled_gb
    return _Amounts(
        instances / 1000, busy, held, tb * general.kwh_per_tb, moved * general.kwh_per_gb,
        made, made_serverless, tb * general.g_per_tb,
    )  # fmt: skip


def _watts(machine: Machine, load: float) -> float:
    """Straight lines between idle, 50 % and 100 %."""
    if load <= 0.5:
        return machine.idle + (machine.half - machine.idle) * load * 2
    return machine.half + (machine.full - machine.half) * (load - 0.5) * 2


def _costs(usage: Usage, place: Place) -> list[tuple[float, Spread]]:
    """USD with the factor of its band: instances, then the services in the order of SERVICES."""
    costs: list[tuple[float, Spread]] = []
    if usage.instance_type is not None and usage.levels and usage.hosted:
        machine = machine_of(usage.instance_type, usage.region)
        costs.append((usage.instance_hours * machine.price, machine.price_factor))
    billed = usage.serverless.billed_gb_seconds if usage.serverless else 0.0
    amounts = (billed, usage.network_gb, usage.stored_gb, usage.logs_gb, usage.logs_kept_gb)
    # What is not used costs nothing, even where its price is not known: NaN times zero would be NaN.
    costs += [(amount * usd, factor) for amount, (usd, factor) in zip(amounts, place.prices, strict=True) if amount]
    for name, amount in usage.services:
        price = service_price(name, usage.region)
        costs.append((amount * price.value, price.spread))
    return costs


SERVICES = ("serverless_gb_second", "data_gb", "s3_gb_month", "logs_ingest_gb", "logs_gb_month")


@cache
def place_of(name: str) -> Place:
    """Return the figures of a Region. Raises CatalogError where the catalog lacks it."""
    found = region(name)
    prices = [service_price(service, name) for service in SERVICES]
    return Place(
        found.pue.value, found.intensity.value, found.wue.value,
        {"pue": found.pue.spread, "intensity": found.intensity.spread, "wue": found.wue.spread},
        tuple((price.value, price.spread) for price in prices),
    )  # fmt: skip


@cache
def machine_of(name: str, place: str) -> Machine:
    """Return the figures of an instance type in a Region. Raises CatalogError where the catalog lacks either."""
    found, price, lifespan = power(name), hourly_price(name, place), coefficient("lifespan_hours")
    return Machine(
        found.idle_w.value, found.half_w.value, found.full_w.value, found.embodied_kg.value * 1000 / lifespan.value, price.value,
        found.half_w.spread, _quadrature(found.embodied_kg.spread, lifespan.spread), price.spread,
    )  # fmt: skip


_SURE: Spread = (1.0, 1.0)
_NO_MACHINE = Machine(0.0, 0.0, 0.0, 0.0, 0.0, _SURE, _SURE, _SURE)


@dataclass(frozen=True)
class _General:
    """Rates of disks, networks and of what serverless hosting is taken to run on, with the factors of their bands."""

    copies: float
    log_copies: float
    kwh_per_tb: float
    kwh_per_gb: float
    g_per_tb: float
    w_per_vcpu: float
    w_per_gb: float
    g_per_vcpu_second: float
    g_per_gb_second: float
    disk: Spread
    network: Spread
    made_disk: Spread
    memory: Spread
    busy: Spread
    made_serverless: Spread


@cache
def general_figures() -> _General:
    """Return the figures that do not depend on a Region or a type."""
    disk, network, lifespan, making, share, memory, per_vcpu = map(
        coefficient,
        ("hdd_wh_per_tb_hour", "network_kwh_per_gb", "lifespan_hours", "storage_kg_per_tb", "serverless_idle_memory_share",
         "memory_w_per_gb", "serverless_mb_per_vcpu"),
    )  # fmt: skip
    item, found = instance(reference_type()), power(reference_type())
    g_second = found.embodied_kg.value * 1000 / (lifespan.value * 3600)
    return _General(
        copies=coefficient("s3_replication").value, log_copies=coefficient("log_replication").value,
        kwh_per_tb=disk.value * HOURS_PER_MONTH / 1000, kwh_per_gb=network.value,
        g_per_tb=making.value * 1000 * HOURS_PER_MONTH / lifespan.value,
        w_per_vcpu=found.full_w.value / item.vcpu, w_per_gb=memory.value,
        g_per_vcpu_second=g_second / item.vcpu, g_per_gb_second=g_second / item.memory_gib * share.value,
        disk=disk.spread, network=network.spread, made_disk=_quadrature(making.spread, lifespan.spread), memory=memory.spread,
        busy=_quadrature(found.full_w.spread, per_vcpu.spread),
        made_serverless=_quadrature(found.embodied_kg.spread, lifespan.spread, share.spread),
    )  # fmt: skip


def forget_figures() -> None:
    """Drop what was looked up: for tests that put other figures in the catalog's place."""
    for looked_up in (place_of, machine_of, general_figures):
        looked_up.cache_clear()


def _band(mid: float, *spreads: Spread) -> Band:
    down, up = _quadrature(*spreads)
    return Band(mid / down, mid, mid * up)


def _quadrature(*spreads: Spread) -> Spread:
    """Factors of a product: errors that have nothing to do with each other add in quadrature of their logarithms."""
    if len(spreads) == 1:
        return spreads[0]
    down, up = (math.exp(math.hypot(*(math.log(spread[end]) for spread in spreads))) for end in (0, 1))
    return down, up


def _weighted(*parts: tuple[float, Spread]) -> Spread:
    """The factors of a sum whose parts go the same way."""
    whole = sum(amount for amount, _ in parts)
    if not whole:
        return _SURE
    low = sum(amount / down for amount, (down, _) in parts)
    return whole / low, sum(amount * up for amount, (_, up) in parts) / whole


def _total(*bands: Band) -> Band:
    low = mid = high = 0.0
    for band in bands:
        low, mid, high = low + band.low, mid + band.mid, high + band.high
    return Band(low, mid, high)
