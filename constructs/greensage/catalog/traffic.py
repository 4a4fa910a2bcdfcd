"""Assumptions about load: how a day's requests spread, and what one request and one model need. All estimates."""

from __future__ import annotations

from ._data import load

_DATA = load("traffic")
TARGET_UTILISATION: float = _DATA["target_utilisation"]
COLD_START_SECONDS: float = _DATA["cold_start_seconds"]
SERVERLESS_MAX_REQUESTS_PER_MONTH: int = _DATA["serverless_max_requests_per_month"]
ASSUMED_ARTIFACT_MB: float = _DATA["assumed_artifact_mb"]
MAX_INSTANCES: int = _DATA["max_instances"]
# The server, the operating system and the page cache want a share of the memory.
USABLE_MEMORY: float = _DATA["usable_memory"]
CONCURRENT_REQUESTS_PER_VCPU: float = _DATA["concurrent_requests_per_vcpu"]
SERVERLESS_MIN_CONCURRENCY: int = _DATA["serverless_min_concurrency"]
LATENCY_HEADROOM: float = _DATA["latency_headroom"]
STEP_PERCENT: dict[str, int] = _DATA["step_percent"]


def peak_requests_per_second(requests_per_day: int, pattern: str) -> float:
    """Return the estimated busiest rate of a day with `requests_per_day` spread by `pattern`."""
    mean = requests_per_day / (_DATA["active_hours"][pattern] * 3600)
    return mean * _DATA["peak_to_mean"][pattern]


def cpu_seconds_per_request(framework: str) -> float:
    """Return the CPU time in seconds that one small request is assumed to take."""
    return _DATA["cpu_ms_per_request"][framework] / 1000


def memory_mb(framework: str, artifact_mb: float) -> float:
    """Return the memory in MB that the server and one loaded model of `artifact_mb` (packed) are assumed to need."""
    return _DATA["runtime_memory_mb"][framework] + model_memory_mb(artifact_mb)


def model_memory_mb(artifact_mb: float) -> float:
    """Return the memory in MB of one loaded model, without the server's own."""
    return artifact_mb * _DATA["model_memory_factor"]
