"""What an instance, or a second of serverless hosting, takes in a Region: for metric math over live metrics."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog.figures import coefficient
from .estimate import general_figures, machine_of, place_of


@dataclass(frozen=True)
class Rates:
    """What an instance of a type takes in a Region, for metric math over live metrics. The middles of estimates.

    Watts when idle, at half and at full load of all vCPUs, without the data centre's overhead `pue`; grams per kWh with it;
    grams an hour for making the hardware.
    """

    idle_w: float
    half_w: float
    full_w: float
    pue: float
    g_per_kwh: float
    embodied_g_hour: float


def rates_of(instance_type: str, region: str) -> Rates:
    """Return the rates of `instance_type` in `region`. Raises CatalogError where the catalog lacks either."""
    machine, place = machine_of(instance_type, region), place_of(region)
    return Rates(machine.idle, machine.half, machine.full, place.pue, place.intensity, machine.making_g_hour)


def serverless_rates(memory_mb: int, region: str) -> tuple[float, float]:
    """Return kWh (with overhead) and gCO2e of a second in which serverless hosting answers. Raises as `rates_of` does."""
    place, rates, gb = place_of(region), general_figures(), memory_mb / 1024
    vcpu = memory_mb / coefficient("serverless_mb_per_vcpu").value
    kwh = (vcpu * rates.w_per_vcpu + gb * rates.w_per_gb) / 3.6e6 * place.pue
    return kwh, kwh * place.intensity + vcpu * rates.g_per_vcpu_second
