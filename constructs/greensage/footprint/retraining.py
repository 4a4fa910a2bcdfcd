"""What one training takes: energy, carbon and cost of its machine for its minutes."""

from __future__ import annotations

from ..catalog import drift
from .estimate import Footprint, estimate
from .usage import Level, Usage


def of_training(instance_type: str, region: str, minutes: float | None = None) -> Footprint:
    """Return the footprint of a training of `minutes` (default: what catalog/data/drift.json assumes) in `region`."""
    hours = (drift.setting("training_minutes") if minutes is None else minutes) / 60
    level = Level(hours, 1, drift.setting("training_utilisation"))
    return estimate([Usage(region, requests=1, instance_type=instance_type, levels=(level,))])[0]
