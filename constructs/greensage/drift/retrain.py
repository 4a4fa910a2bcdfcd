"""Decisions inside a retraining: when it starts, where it trains next after a failure, which rows are for what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .runs import Candidate, Failure, Training, TrainingPlace

_HOUR = 3_600.0
_DAY = 24 * _HOUR
# What another instance type or purchase option may cure; everything else fails again.
_CAPACITY = ("CapacityError", "ResourceLimitExceeded", "MaxWaitTimeExceeded", "Interrupted", "InternalServerError", "capacity")


def start_time(now: float, green_hour: int | None, flexible_hours: float) -> float:
    """Return when to start: at the next `green_hour` (UTC) if that is within `flexible_hours`, else now."""
    if green_hour is None or flexible_hours <= 0:
        return now
    begin = now - now % _DAY + green_hour * _HOUR
    if begin < now:
        begin = now if now - begin < _HOUR else begin + _DAY
    return begin if begin - now <= flexible_hours * _HOUR else now


def split(rows: int, judged: int) -> tuple[range, range]:
    """Return which of `rows`, oldest first, to train on and which to compare on: those on which the KPI was judged, but at
    most half of all."""
    border = rows - min(judged, rows // 2)
    return range(border), range(border, rows)


def next_candidate(failure: Failure, attempt: int, candidates: Sequence[Candidate]) -> TrainingPlace:
    """Return {"again": True, "candidate", "attempt"} if another place may do better, else {"again": False, "why"}."""
    why = why_failed(failure)
    if not any(word in why for word in _CAPACITY):
        return {"again": False, "why": why}
    if attempt + 1 >= len(candidates):
        return {"again": False, "why": f"no instance type is left to try; the last one said: {why}"}
    return {"again": True, "why": why, "attempt": attempt + 1, "candidate": candidates[attempt + 1]}


def affordable(
    place: TrainingPlace, spent: float, candidates: Sequence[Candidate], max_usd: float | None, run_minutes: int
) -> TrainingPlace:
    """Return `place`, or that there is none when its training might take the retraining above `max_usd`.

    `spent` seconds were billed for the attempts before it; they count at the price of the dearest of these.
    """
    if not place["again"] or max_usd is None or "attempt" not in place or "candidate" not in place:
        return place
    prices = [row.get("usd_per_hour", 0.0) for row in candidates[: place["attempt"]]]
    so_far = spent / _HOUR * max(prices, default=0.0)
    more = run_minutes / 60 * place["candidate"].get("usd_per_hour", 0.0)
    if so_far + more <= max_usd:
        return place
    why = f"max_usd is {max_usd:g}: {so_far:.2f} USD are spent, and another training may cost {more:.2f}; before: "
    return {"again": False, "why": f"{why}{place.get('why', '')}"}


def why_failed(failure: Failure) -> str:
    """Return the reason in what Step Functions caught: the job's own words where its cause is a job's description."""
    cause = failure.get("Cause", "")
    try:
        described = json.loads(cause)
        words = [described.get(key) for key in ("FailureReason", "SecondaryStatus", "errorMessage")]
    except (ValueError, AttributeError, TypeError):
        words = []
    found = "; ".join(str(word) for word in words if word)
    return f"{failure.get('Error', 'error')}: {found or cause}"[:1_000]


def training_of(described: Mapping[str, Any] | None) -> Training | None:
    """Return job, type and billed seconds of a training as SageMaker describes it; one that never started billed nothing."""
    if not described:
        return None
    return {
        "job": described["TrainingJobName"], "status": described["TrainingJobStatus"],
        "type": described["ResourceConfig"]["InstanceType"], "seconds": float(described.get("BillableTimeInSeconds") or 0),
    }  # fmt: skip


def seconds_of_failure(failure: Failure, trained: Mapping[str, Any] | None) -> float:
    """Return the billed seconds of a training that failed, was interrupted or stopped: it took them all the same."""
    if failure.get("Error") == "Stopped":
        training = training_of(trained)
        return training["seconds"] if training else 0.0
    try:
        return float(json.loads(failure.get("Cause", "")).get("BillableTimeInSeconds") or 0)
    except (ValueError, AttributeError, TypeError):
        return 0.0
