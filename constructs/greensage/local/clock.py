"""Time in the local cloud: waits, metric periods and scaling run faster than AWS, by one factor, and keep their rules."""

from __future__ import annotations

import os

# The one factor, set by `cloud.LocalCloud`: a minute of AWS's lasts 60 times this many seconds.
SCALE = float(os.environ.get("GREENSAGE_TIME_SCALE", "0.02"))


def scaled(seconds: float) -> float:
    """Return how long `seconds` of AWS's last here."""
    return seconds * SCALE
