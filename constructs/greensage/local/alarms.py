"""When a CloudWatch alarm goes off: periods, dimensions, missing data. Pure functions over data points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BREACHES = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}


@dataclass(frozen=True)
class Point:
    """One sample and when it was recorded, in seconds since the epoch."""

    at: float
    value: float


def statistic(points: Sequence[Point], name: str) -> float | None:
    """Return Average, Sum, Minimum, Maximum, SampleCount or a percentile such as p95; None without points."""
    if not points:
        return None
    values = sorted(point.value for point in points)
    if name.startswith("p"):
        return values[min(len(values) - 1, math.ceil(float(name[1:]) / 100 * len(values)) - 1)]
    return {
        "Average": sum(values) / len(values), "Sum": sum(values), "Minimum": values[0], "Maximum": values[-1],
        "SampleCount": float(len(values)),
    }[name]  # fmt: skip


def periods(points: Sequence[Point], name: str, *, now: float, period: float, count: int) -> list[float | None]:
    """Return the statistic of the last `count` periods of `period` seconds, the newest first."""
    return [
        statistic([point for point in points if now - (i + 1) * period < point.at <= now - i * period], name)
        for i in range(count)
    ]


def state_of(alarm: Mapping[str, Any], points: Sequence[Point], *, now: float, scale: float) -> str | None:
    """Return OK, ALARM or INSUFFICIENT_DATA, or None to leave the alarm as it is (missing data: ignore)."""
    name = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    period, count = alarm["Period"] * scale, int(alarm["EvaluationPeriods"])
    return judged(alarm, periods(points, name, now=now, period=period, count=count))


def judged(alarm: Mapping[str, Any], values: Sequence[float | None]) -> str | None:
    """Return what `state_of` does, of the values of the last periods."""
    count = int(alarm["EvaluationPeriods"])
    # Without DatapointsToAlarm every period has to breach.
    needed = int(alarm.get("DatapointsToAlarm") or count)
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    found = [breaches(value, alarm["Threshold"]) for value in values if value is not None]
    missing = alarm.get("TreatMissingData") or "missing"
    if missing in ("breaching", "notBreaching"):
        found += [missing == "breaching"] * (count - len(found))
    if not found:
        return None if missing == "ignore" else "INSUFFICIENT_DATA"
    return "ALARM" if sum(found) >= needed else "OK"
