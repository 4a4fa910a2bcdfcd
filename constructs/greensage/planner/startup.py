"""How long a model may take to come and to load, and what its instances' volumes hold: by its size, where the file is silent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..catalog import limits, traffic
from ..catalog.instances import local_storage
from ..footprint.demand import size_mb
from ..spec import ModelSpec


@dataclass(frozen=True)
class Startup:
    """What a variant, or a component, says of its start; None is SageMaker's own."""

    startup_timeout_seconds: int | None = None
    download_timeout_seconds: int | None = None
    volume_gb: int | None = None
    inference_ami: str | None = None
    routing: str | None = None


def startup_of(spec: ModelSpec, instance_type: str | None) -> Startup:
    """Return what the file says, else what the size of the model wants."""
    hosting = spec.hosting
    asked = {name: getattr(hosting, name, None) for name in Startup.__dataclass_fields__}
    size = size_mb(spec.model)
    if size >= traffic.LARGE_MODEL_MB:
        wait = _seconds(size)
        asked["startup_timeout_seconds"] = asked["startup_timeout_seconds"] or wait
        asked["download_timeout_seconds"] = asked["download_timeout_seconds"] or wait
        if instance_type and not local_storage(instance_type):
            # The archive, what is unpacked of it, and the image.
            gb = math.ceil(traffic.VOLUME_FACTOR * size / 1000) + traffic.IMAGE_GB
            asked["volume_gb"] = asked["volume_gb"] or min(gb, limits.VOLUME_GB_MAX)
    return Startup(**asked)


def _seconds(size: float) -> int:
    """Twice the time at the slow speed that is assumed, in whole minutes, within what SageMaker takes."""
    minutes = math.ceil(2 * size / traffic.LOAD_MB_PER_SECOND / 60)
    return min(max(60 * minutes, limits.STARTUP_TIMEOUT_SECONDS), limits.WAIT_FOR_MODEL_SECONDS_MAX)
