"""When: moves a batch job or a retraining that can wait to the hours in which the grid is cleanest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..catalog.intensity import HourlyIntensity
from ..core.cron import every_day
from ..spec import BatchHosting
from .context import Request
from .types import Choice, Rejected

# One minute and one hour; on which days is left open.
_ONCE_A_DAY = re.compile(r"^cron\((\d{1,2}) (\d{1,2}) (.+)\)$")


@dataclass(frozen=True)
class Moved:
    """The schedule after the move, and why."""

    schedule: str
    why: Choice


def best_start_hour(hourly: tuple[float, ...], earliest: int, window_hours: int, duration_hours: int = 1) -> int:
    """Return the hour (0 to 23) to start at: the least mean intensity over the duration, the earliest among equals.

    `hourly` holds 24 values in gCO2e/kWh. The job may start from `earliest` to `window_hours` later, past midnight too.
    """
    starts = [(earliest + offset) % 24 for offset in range(window_hours + 1)]
    return min(starts, key=lambda start: sum(hourly[(start + hour) % 24] for hour in range(duration_hours)))


def retraining_hour(request: Request, intensity: HourlyIntensity | None) -> int | None:
    """Return the hour (0 to 23, UTC) in which a retraining that can wait starts, or None where nothing is known."""
    part = request.spec.retraining
    hourly = intensity.hours(request.region) if intensity and part and part.flexible_hours else None
    # The cleanest hour of the whole day: when it comes, a training waits for it only if flexible_hours reach so far.
    return best_start_hour(hourly, 0, 23) if hourly else None


def greener_start(hosting: BatchHosting, region: str, intensity: HourlyIntensity | None) -> Moved | None:
    """Return the moved schedule of a job with a window; None where there is nothing to move, or nothing is known.

    A job of certain days stays on its day: past midnight it would be another.
    """
    if intensity is None or not hosting.window_hours or hosting.schedule is None:
        return None
    hourly, match = intensity.hours(region), _ONCE_A_DAY.match(hosting.schedule)
    if hourly is None or match is None:
        return None
    asked = int(match[2])
    window = hosting.window_hours if every_day(hosting.schedule) else min(hosting.window_hours, 23 - asked)
    best = best_start_hour(hourly, asked, window)
    before, after = hourly[asked], hourly[best]
    reason = f"within {window} hours of {asked}:{int(match[1]):02} UTC; {after:g} gCO2e/kWh ({intensity.source})"
    lost = (Rejected(f"{asked}:{int(match[1]):02} UTC", f"{before:g} gCO2e/kWh"),) if best != asked else ()
    return Moved(f"cron({match[1]} {best} {match[3]})", Choice("start", f"{best}:{int(match[1]):02} UTC", reason, lost))
