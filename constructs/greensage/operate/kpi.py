"""The proxy metrics of each model per month: what was provisioned for a unit of work, and whether that gets better. Pure.

Well-Architected Framework, sustainability pillar, "Evaluate specific improvements": the proxy metric is what was provisioned,
the business metric what it was for, and the KPI is the first divided by the second (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from typing import Any

from ..catalog.figures import HOURS_PER_MONTH, coefficient
from ..catalog.instances import instance
from ..errors import GreensageError
from ..planner import FleetFootprint
from ..text import number
from .live import LiveHost, share_of

UNIT = 1_000  # inferences: the business unit
_SAME = 0.01


@dataclass(frozen=True)
class Kpi:
    """One model in one month on one endpoint: amounts of the `hours` that were observed, not of a whole month.

    Parameters
    ----------
    hours:
        Of the month that CloudWatch had.
    vcpu_hours:
        The proxy metric: what was provisioned; of serverless hosting what ran.
    instance_hours, idle_hours:
        On the bill, and of them those in which no request came.
    cpu:
        Mean use of the instances' CPU as a share, weighted by instance-hours; None where nothing was published.
    models:
        Behind the endpoint.
    """

    month: str
    model: str
    region: str
    endpoint: str
    hours: float
    requests: float
    energy_kwh: float
    carbon_g: float
    carbon_low_g: float
    carbon_high_g: float
    cost_usd: float
    vcpu_hours: float
    instance_hours: float
    idle_hours: float
    cpu: float | None
    models: int

    def per_unit(self, amount: float) -> float | None:
        """Return `amount` per 1,000 inferences; None where there was none."""
        return amount * UNIT / self.requests if self.requests else None

    @property
    def kpi(self) -> float | None:
        """vCPU-hours per 1,000 inferences."""
        return self.per_unit(self.vcpu_hours)


_NAMES = tuple(field.name for field in fields(Kpi))
_SUMMED = ("hours", "requests", "energy_kwh", "carbon_g", "carbon_low_g", "carbon_high_g", "cost_usd", "vcpu_hours",
           "instance_hours", "idle_hours")  # fmt: skip


def kpis_of(live: Iterable[LiveHost], footprints: FleetFootprint, month: str) -> list[Kpi]:
    """Return a row for each model of each host, whose windows lie in `month` (2026-11). What is shared is divided as planned."""
    return [_row(host, footprints, month, name) for host in live for name in host.observed.host.models]


def _row(live: LiveHost, footprints: FleetFootprint, month: str, name: str) -> Kpi:
    seen, share = live.observed, share_of(name, live, footprints)
    own = dict(seen.components).get(name)
    took = live.month * (share * seen.hours / HOURS_PER_MONTH)
    hours = sum(item.instance_hours for item in seen.machines if item.variant.instance_type) * share
    vcpu = sum(item.instance_hours * instance(item.variant.instance_type).vcpu for item in seen.machines
               if item.variant.instance_type) + _serverless(live)  # fmt: skip
    busy = [(item.instance_hours, item.cpu) for item in seen.machines if item.cpu is not None]
    weight = sum(length for length, _ in busy)
    return Kpi(
        month, name, seen.host.region, seen.host.endpoint, seen.hours, own.requests if own else seen.traffic.requests * share,
        took.energy_kwh.mid, took.carbon_g.mid, took.carbon_g.low, took.carbon_g.high, took.cost_usd.mid, vcpu * share, hours,
        hours * (own or seen.traffic).idle, sum(length * used for length, used in busy) / weight if weight else None,
        len(seen.host.models),
    )  # fmt: skip


def _serverless(live: LiveHost) -> float:
    """vCPU-hours of what answered without instances: by the time that requests took."""
    sizes = [item.variant.memory_mb for item in live.observed.machines if item.variant.memory_mb]
    if not sizes:
        return 0.0
    seconds = live.observed.traffic.requests * (live.observed.traffic.mean_seconds or 0.0) + live.observed.setup_seconds
    return seconds / 3600 * sizes[0] / coefficient("serverless_mb_per_vcpu").value


def merged(known: Iterable[Kpi], new: Iterable[Kpi]) -> list[Kpi]:
    """Return the rows of a month's table with `new` ones in it: a later look at the same endpoint replaces an earlier one."""
    rows = {(row.month, row.model, row.region, row.endpoint): row for row in known}
    for row in new:
        key = (row.month, row.model, row.region, row.endpoint)
        before = rows.get(key)
        # CloudWatch forgets: a look that has less of the month than an earlier one is the worse one.
        if before is None or row.hours >= before.hours or row.requests > before.requests:
            rows[key] = row
    return [rows[key] for key in sorted(rows)]


def by_model(rows: Iterable[Kpi]) -> dict[str, list[Kpi]]:
    """Return the months of each model, the oldest first, with its endpoints of a month added up."""
    found: dict[tuple[str, str], list[Kpi]] = {}
    for row in rows:
        found.setdefault((row.model, row.month), []).append(row)
    months: dict[str, list[Kpi]] = {}
    for (model, _), parts in sorted(found.items()):
        months.setdefault(model, []).append(reduce(_added, parts))
    return months


def _added(first: Kpi, second: Kpi) -> Kpi:
    busy = [(row.instance_hours, row.cpu) for row in (first, second) if row.cpu is not None]
    weight = sum(hours for hours, _ in busy)
    return replace(
        second, cpu=sum(hours * (cpu or 0.0) for hours, cpu in busy) / weight if weight else None,
        models=max(first.models, second.models), **{name: getattr(first, name) + getattr(second, name) for name in _SUMMED},
    )  # fmt: skip


def months_of(rows: Iterable[Kpi]) -> list[Kpi]:
    """Return the whole fleet in each month, the oldest first."""
    found: dict[str, list[Kpi]] = {}
    for row in rows:
        found.setdefault(row.month, []).append(row)
    return [replace(reduce(_added, parts), model="", endpoint="", region="") for _, parts in sorted(found.items())]


def change(months: Sequence[Kpi]) -> float | None:
    """Return by what share the KPI of the last month differs from that of the one before it that has one; -0.3 is better."""
    known = [row.kpi for row in months if row.kpi is not None]
    return known[-1] / known[-2] - 1 if len(known) > 1 and known[-2] and months[-1].kpi is not None else None


def to_json(row: Kpi) -> dict[str, Any]:
    """Return a row as it stands in the table."""
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in asdict(row).items()}


def from_json(row: Mapping[str, Any], where: str) -> Kpi:
    """Return a row of the table. Raises GreensageError where it is none; what a later release adds is left out."""
    missing = [name for name in _NAMES if name not in row]
    wrong = [name for name in _NAMES if name in row and not isinstance(row[name], _type(name))]
    if missing or wrong:
        said = f"lacks {', '.join(missing)}" if missing else f"has something else than a figure for {', '.join(wrong)}"
        raise GreensageError(f"{where}: no row of greensage's KPIs: it {said}; greensage kpi --record writes such rows")
    return Kpi(**{name: row[name] for name in _NAMES})


def _type(name: str) -> tuple[type, ...]:
    if name in ("month", "model", "region", "endpoint"):
        return (str,)
    return (int, float, type(None)) if name == "cpu" else (int, float)


def improvement_line(model: str, months: Sequence[Kpi]) -> str:
    """Return the KPI of a model in words, as the Well-Architected sustainability pillar wants it stated, with its trend."""
    last, trend = months[-1], change(months)
    if last.kpi is None:
        return f"{model}: no inference in {last.month}, {number(last.vcpu_hours, 2)} vCPU-hours provisioned for nothing"
    words = f"{model}: {number(last.kpi, 2)} vCPU-hours per 1,000 inferences in {last.month}"
    if trend is None:
        return f"{words}, the first month that was measured"
    before = next(row for row in reversed(months[:-1]) if row.kpi is not None)
    way = "as before" if abs(trend) < _SAME else f"{abs(trend):.0%} {'less' if trend < 0 else 'MORE'}"
    return f"{words}, {number(before.kpi or 0.0, 2)} in {before.month}: {way}"
