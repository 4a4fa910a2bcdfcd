"""Measures the KPIs of months: what ran, what CloudWatch has of it, and the rows that follow; reads and records the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError
from ..planner import FleetFootprint
from .deployed import Deployed
from .history import History
from .kpi import Kpi, kpis_of, merged
from .live import live_footprint
from .metrics import DAY, MINUTE, Window
from .observed import observe

# CloudWatch keeps hourly figures this long (user guide, metrics retention).
_KEPT = 455 * DAY


@dataclass
class Measured:
    """Rows from `since` on, the months that were measured now (the others were recorded), and what could not be read."""

    rows: list[Kpi] = field(default_factory=list[Kpi])
    measured: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list[str])


def read_kpis(
    session: Any, deployed: Deployed, footprints: FleetFootprint, *, since: str, now: float, root: str = PARAMETERS_ROOT,
    record: bool = False, say: Callable[[str], None] = lambda text: None,
) -> Measured:  # fmt: skip
    """Return the KPIs of each month from `since` (2026-01) to the one of `now`, and with `record` write what was measured.

    A month that the table has is taken from there, but for this month and the one before it: those are measured anew, since
    the last look may have come before their end. A Region whose table cannot be read is among the problems.
    """
    found = Measured(problems=list(deployed.problems))
    tables = {region: _table(session, region, root, found) for region in sorted({host.region for host in deployed.hosts})}
    recorded = [row for region, table in tables.items() if table for row in _read(table, region, since, found)]
    known = {row.month for row in recorded}
    months = [month for month in months_between(since, now) if month not in known or month in recent(now)]
    measured: list[Kpi] = []
    for month in months:
        say(f"measuring {month} ...")
        measured += _measure(session, deployed, footprints, month, now)
    if record:
        for region, table in tables.items():
            rows = [row for row in measured if row.region == region]
            if table and rows:
                _write(table, region, rows, found)
    found.rows = merged(recorded, measured)
    found.measured = tuple(sorted({row.month for row in measured}))
    return found


def _measure(session: Any, deployed: Deployed, footprints: FleetFootprint, month: str, now: float) -> Iterable[Kpi]:
    start, end = bounds(month)
    window = Window(max(start, now - _KEPT), min(end, now))
    # An endpoint of a few seconds has nothing to say yet.
    hosts = [host for host in deployed.hosts if host.created < window.end - MINUTE]
    if window.seconds < MINUTE or not hosts:
        return ()
    return kpis_of(live_footprint(observe(session, hosts, window)), footprints, month)


def months_between(since: str, now: float) -> list[str]:
    """Return the months from `since` to that of `now`."""
    found, last, month = [], month_at(now), since
    while month <= last:
        found.append(month)
        month = _after(month)
    return found


def bounds(month: str) -> tuple[float, float]:
    """Return when a month begins and ends, in seconds since the epoch, in UTC."""
    return _start(month), _start(_after(month))


def recent(now: float) -> tuple[str, str]:
    """Return the month before that of `now`, and that one."""
    this = month_at(now)
    return month_at(_start(this) - 1), this


def month_at(at: float) -> str:
    """Return the month of a moment, 2026-11."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m}"


def _start(month: str) -> float:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).timestamp()


def _after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _table(session: Any, region: str, root: str, found: Measured) -> History | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        name = f"{root}/platform/artifact-bucket"
        bucket = session.client("ssm", region_name=region).get_parameter(Name=name)["Parameter"]["Value"]
    except (BotoCoreError, ClientError) as error:
        found.problems.append(f"{region}: the platform's bucket, where KPIs are kept: {error}")
        return None
    return History(session.client("s3", region_name=region), bucket)


def _read(table: History, region: str, since: str, found: Measured) -> list[Kpi]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return table.read(since)
    except (BotoCoreError, ClientError, GreensageError) as error:
        found.problems.append(f"{region}: the recorded KPIs: {error}")
        return []


def _write(table: History, region: str, rows: list[Kpi], found: Measured) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        table.record(rows)
    except (BotoCoreError, ClientError, GreensageError) as error:
        found.problems.append(f"{region}: the KPIs were not recorded: {error}")
