"""What the server tells of itself where it is asked to: figures for CloudWatch, and a line for a share of the requests.

Figures are lines in CloudWatch's embedded metric format, which CloudWatch Logs turns into metrics by itself: no call, no rights.
Neither holds anything of a payload.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

from . import limits
from .settings import Settings

if TYPE_CHECKING:
    from .http import Request

_NAMESPACE = "greensage/Serving"
# CloudWatch takes so many values of one metric in a line.
_MOST_VALUES = 100
_UNITS = {
    "Invocations": "Count", "Invocation4XXErrors": "Count", "Invocation5XXErrors": "Count", "ModelLatency": "Milliseconds",
    "ModelLoadingTime": "Milliseconds", "ModelsLoaded": "Count", "ModelLoads": "Count", "CPUSeconds": "Seconds",
    "MemoryUsed": "Bytes",
}  # fmt: skip


class Telemetry:
    """Counts requests; `flush` writes what was counted since the last time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = random.Random()  # noqa: S311 - a sample
        self._cpu = 0.0
        self.models = 0
        self._begin()

    @property
    def wanted(self) -> bool:
        """Whether anything is to be told."""
        return bool(self._settings.metrics_seconds or self._settings.log_percent)

    def answered(self, request: Request, status: int, sent: int) -> None:
        """Count one request that was answered."""
        if not request.target.endswith(("/invocations", "/invoke")):
            return
        seconds = time.perf_counter() - request.started
        self._count += 1
        self._faults += status >= 500
        self._refused += 400 <= status < 500
        if len(self._latencies) < _MOST_VALUES:
            self._latencies.append(seconds * 1000)
        elif (place := self._random.randrange(self._count)) < _MOST_VALUES:
            self._latencies[place] = seconds * 1000
        if self._random.random() * 100 < self._settings.log_percent:
            row = {"request": request.target, "status": status, "ms": round(seconds * 1000, 3), "in": request.size, "out": sent}
            _write(row)

    def loaded(self, seconds: float) -> None:
        """Count a model that was loaded."""
        self._loads.append(seconds * 1000)

    def flush(self) -> None:
        """Write the figures, if they are asked for and there is anything."""
        if not self._settings.metrics_seconds:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        figures: dict[str, Any] = {
            "Invocations": self._count, "Invocation4XXErrors": self._refused, "Invocation5XXErrors": self._faults,
            "ModelsLoaded": self.models, "ModelLoads": len(self._loads), "CPUSeconds": round(cpu - self._cpu, 6),
            "MemoryUsed": limits.resident_bytes(),
        }  # fmt: skip
        if self._latencies:
            figures["ModelLatency"] = [round(value, 3) for value in self._latencies]
        if self._loads:
            figures["ModelLoadingTime"] = [round(value, 1) for value in self._loads[:_MOST_VALUES]]
        self._cpu = cpu
        self._begin()
        names = {"Endpoint": os.environ.get("ENDPOINT_NAME") or "-"}
        metrics = [{"Name": name, "Unit": _UNITS[name]} for name in figures]
        told = {"Namespace": _NAMESPACE, "Dimensions": [list(names)], "Metrics": metrics}
        _write({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told]}, **names, **figures})

    def _begin(self) -> None:
        self._count = self._faults = self._refused = 0
        self._latencies: list[float] = []
        self._loads: list[float] = []


def _write(row: dict[str, Any]) -> None:
    # One call, so that lines of several processes do not run into each other.
    sys.stdout.write(json.dumps(row, separators=(",", ":")) + "\n")
    sys.stdout.flush()
