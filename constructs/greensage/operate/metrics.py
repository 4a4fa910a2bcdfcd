"""Reads CloudWatch: many metrics in few calls, page by page. Where nothing was published there is no point, and no zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import GreensageError

MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3_600
DAY = 24 * HOUR
# GetMetricData takes 500 queries and gives 100,800 points a page; CloudWatch keeps minutes for 15 days, five minutes for 63
# (CloudWatch API reference, GetMetricData; user guide, metrics retention; read 2026-11).
_QUERIES_A_CALL = 500
_MINUTES_KEPT, _FIVE_MINUTES_KEPT = 15 * DAY, 63 * DAY


@dataclass(frozen=True)
class Query:
    """One statistic of one metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


@dataclass(frozen=True)
class Window:
    """From `start` to `end`, in seconds since the epoch."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    @property
    def finest(self) -> int:
        """The finest period in seconds that CloudWatch still has for all of it."""
        age = datetime.now(UTC).timestamp() - self.start
        return MINUTE if age <= _MINUTES_KEPT else FIVE_MINUTES if age <= _FIVE_MINUTES_KEPT else HOUR


Points = tuple[tuple[float, float], ...]


def read_metrics(client: Any, queries: Iterable[Query], window: Window, *, period: int) -> dict[Query, Points]:
    """Return the points (start of the period, value) of each query, the oldest first; none where nothing was published.

    Raises GreensageError with CloudWatch's reason where it refuses or cannot answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[Query, Points] = {}
    wanted = list(dict.fromkeys(queries))
    for first in range(0, len(wanted), _QUERIES_A_CALL):
        try:
            found |= _read(client, wanted[first : first + _QUERIES_A_CALL], window, period)
        except (BotoCoreError, ClientError) as error:
            raise GreensageError(f"CloudWatch: {error}") from None
    return found


def _read(client: Any, queries: Sequence[Query], window: Window, period: int) -> dict[Query, Points]:
    named = {f"q{index}": query for index, query in enumerate(queries)}
    rows: dict[str, dict[float, float]] = {name: {} for name in named}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[_asked(name, query, period) for name, query in named.items()],
        StartTime=datetime.fromtimestamp(window.start, UTC), EndTime=datetime.fromtimestamp(window.end, UTC),
        ScanBy="TimestampAscending",
    )  # fmt: skip
    for page in pages:
        for result in page["MetricDataResults"]:
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                said = "; ".join(row.get("Value", "") for row in result.get("Messages", []))
                raise GreensageError(f"CloudWatch: {named[result['Id']].name}: {result['StatusCode']} {said}".rstrip())
            times = (at.timestamp() for at in result["Timestamps"])
            rows[result["Id"]].update(zip(times, result["Values"], strict=True))
    return {query: tuple(sorted(rows[name].items())) for name, query in named.items()}


def _asked(name: str, query: Query, period: int) -> dict[str, Any]:
    dimensions = [{"Name": key, "Value": value} for key, value in query.dimensions]
    metric = {"Namespace": query.namespace, "MetricName": query.name, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": query.statistic}}
