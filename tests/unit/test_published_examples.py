"""The formulas against worked examples that nobody here wrote: figures in, published results out.

Their own watts, PUE and grid factors are fed in, because the catalog's come from another model and must not match.

- CCF: cloud-carbon-footprint/cloud-carbon-footprint b7a049c (2024-03-25, Apache-2.0), packages/core/src/*/__tests__.
- Endava: Green-Software-Foundation/sci-guide 370e4ef (2023-11-02), use-case-submissions, "Fraud Detection API": numbers cited.
- Impact Framework: Green-Software-Foundation/if 0829a39 (2025-07-25, MIT), manifests/outputs/pipelines/teads-curve.yaml.
"""

from __future__ import annotations

import math
import sys

import pytest

from greensage.catalog.figures import Figure
from greensage.catalog.power import Power
from greensage.catalog.regions import Region
from greensage.footprint import Level, Serverless, Usage, estimate
from greensage.footprint.estimate import forget_figures

TENTH_OF_A_MILLIONTH = 1e-7


def figure(value: float, quality: str = "measured") -> Figure:
    return Figure("published", value, "", quality, "see the module", "")


@pytest.fixture
def published(monkeypatch):
    """Put published figures where the catalog's would be read."""
    module = sys.modules[estimate.__module__]
    monkeypatch.setattr(module, "hourly_price", lambda name, place: figure(0.0))
    monkeypatch.setattr(module, "service_price", lambda name, place: figure(0.0))
    originals = {"coefficient": module.coefficient}

    forget_figures()

    def _put(*, watts=(0.0, 0.0, 0.0), embodied_kg=0.0, pue=1.0, grams=0.0, **coefficients: float) -> None:
        forget_figures()
        idle, half, full = watts
        monkeypatch.setattr(module, "power", lambda name: Power(figure(idle), figure(half), figure(full), figure(embodied_kg)))
        place = Region("r", "R", "XX", 0, 0, figure(grams), figure(pue), figure(0), False, "")
        monkeypatch.setattr(module, "region", lambda name: place)
        monkeypatch.setattr(
            module,
            "coefficient",
            lambda name: figure(coefficients[name]) if name in coefficients else originals["coefficient"](name),
        )

    yield _put
    monkeypatch.undo()
    forget_figures()


def straight(idle: float, full: float, vcpu: int = 1) -> tuple[float, float, float]:
    """Watts of CCF's straight line between idle and full."""
    return idle * vcpu, (idle + full) / 2 * vcpu, full * vcpu


def one(usage: Usage):
    (row,) = estimate([usage])
    return row


def instances(hours: float, count: float, utilisation: float, requests: float = 0.0) -> Usage:
    return Usage("r", requests, "ml.m5.large", (Level(hours, count, utilisation),))


def test_ccf_compute(published):
    published(watts=straight(0.71, 3.46), pue=1.135, grams=415.755)
    row = one(instances(1, 2, 0.01))  # "replication 2": the same vCPU-hour twice
    assert row.energy_kwh.mid == pytest.approx(0.001674125, rel=TENTH_OF_A_MILLIONTH)
    assert row.operational_g.mid == pytest.approx(6.960258e-7 * 1e6, rel=1e-6)


def test_ccf_embodied(published):
    published(embodied_kg=1795.7 / 96)
    assert one(instances(24, 1, 0.5)).embodied_g.mid == pytest.approx(1.2811786529680366e-5 * 1e6, rel=TENTH_OF_A_MILLIONTH)


def test_ccf_storage(published):
    published(pue=1.135, grams=415.755)
    month_of_one_tb_hour = Usage("r", 0, stored_gb=1000 / 720 / 6)
    row = one(month_of_one_tb_hour)
    assert row.energy_kwh.mid == pytest.approx(0.00073775, rel=TENTH_OF_A_MILLIONTH)
    assert row.operational_g.mid == pytest.approx(3.0672325e-7 * 1e6, rel=1e-6)


def test_ccf_network(published):
    published(pue=1.135, grams=415.755)
    row = one(Usage("r", 0, network_gb=1e7))
    assert row.energy_kwh.mid == pytest.approx(11350, rel=TENTH_OF_A_MILLIONTH)
    assert row.operational_g.mid == pytest.approx(4.71881925e6, rel=1e-6)


def test_ccf_memory(published):
    published(pue=1.135, grams=415.755)
    row = one(Usage("r", 0, serverless=Serverless(0.0, 80 * 3600, 0.0, 0.0)))
    assert row.energy_kwh.mid == pytest.approx(0.0355936, rel=TENTH_OF_A_MILLIONTH)
    assert row.operational_g.mid == pytest.approx(1.4798217e-5 * 1e6, rel=1e-6)


@pytest.mark.parametrize("utilisation, kwh", [(0.5, 0.001875), (1.0, 0.00255)])
def test_impact_framework_teads_curve(published, utilisation, kwh):
    # TDP 100 W, factors 0.12 idle, 0.75 at 50 % and 1.02 at 100 %, 2 of 8 vCPUs, 360 s.
    published(watts=(12 / 4, 75 / 4, 102 / 4))
    assert one(instances(360 / 3600, 1, utilisation)).energy_kwh.mid == pytest.approx(kwh, rel=TENTH_OF_A_MILLIONTH)


# By type (vCPU, decimal GB, kg of the platform, vCPUs of the platform, how many)
ENDAVA = {
    "m5.xlarge": (4, 17.179869184, 1610.4, 96, 2), "c5.4xlarge": (16, 34.359738368, 1344.1, 96, 3),
    "m5.4xlarge": (16, 68.719476736, 1610.4, 96, 3), "m5.2xlarge": (8, 34.359738368, 1610.4, 96, 3),
    "m5.large": (2, 8.589934592, 1610.4, 96, 3), "r5.4xlarge": (16, 137.438953472, 2142.9, 96, 3),
    "t3a.large": (2, 8.589934592, 1610.4, 8, 13), "r5.2xlarge": (8, 68.719476736, 2142.9, 96, 6),
    "t3a.xlarge": (4, 17.179869184, 1610.4, 8, 1),
}  # fmt: skip


def endava(published, name: str, requests: float = 0.0):
    vcpu, gb, platform_kg, platform_vcpu, count = ENDAVA[name]
    memory = gb * 0.392
    watts = tuple(value + memory for value in straight(0.74, 3.5, vcpu))
    published(watts=watts, embodied_kg=platform_kg * vcpu / platform_vcpu, pue=1.135, grams=473, lifespan_hours=26280)
    return one(instances(24, count, 0.16, requests))


def test_endava_energy_of_one_instance(published):
    # Printed: 0.128747136 kWh of CPU and 0.18344801753628673 of memory, for one m5.xlarge.
    assert endava(published, "m5.xlarge").energy_kwh.mid / 2 == pytest.approx(0.128747136 + 0.18344801753628673, rel=1e-9)


def test_endava_fleet_sci(published):
    # Printed: 23.5 kWh and 9403.287671 g embodied a day, 20,549 g for 1,728,000 calls. Their 23.5 is rounded, so 0.5 %.
    rows = [endava(published, name) for name in ENDAVA]
    assert sum(row.energy_kwh.mid for row in rows) == pytest.approx(23.5, rel=0.005)
    assert sum(row.embodied_g.mid for row in rows) == pytest.approx(9403.287671, rel=1e-9)
    total = sum(row.carbon_g.mid for row in rows)
    assert total == pytest.approx(20549, rel=0.005)
    assert total / 1_728_000 == pytest.approx(0.01189, rel=0.005)


def test_the_sci_score_is_per_thousand_requests(published):
    row = endava(published, "m5.large", requests=1_728_000)
    assert row.sci_g is not None and row.sci_g.mid == pytest.approx(row.carbon_g.mid / 1_728)


def test_what_nobody_publishes_stays_unknown_and_is_no_zero(published, monkeypatch):
    published(watts=(1, 2, 3))
    module = sys.modules[estimate.__module__]
    dry = Region("r", "R", "XX", 0, 0, figure(100), figure(1.1), figure(math.nan, "missing"), False, "")
    monkeypatch.setattr(module, "region", lambda name: dry)
    forget_figures()
    row = one(instances(10, 1, 0.5))
    assert math.isnan(row.water_l.mid) and not row.water_l.known
    assert row.carbon_g.mid > 0
    assert math.isnan((row + row).water_l.mid)
