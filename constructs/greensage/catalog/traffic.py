"""Assumptions about load: how a day's requests spread, and what one request and one model need. All estimates."""

from __future__ import annotations

from dataclasses import dataclass

from ._data import load

_DATA = load("traffic")
TARGET_UTILISATION: float = _DATA["target_utilisation"]
COLD_START_SECONDS: float = _DATA["cold_start_seconds"]
ASSUMED_ARTIFACT_MB: float = _DATA["assumed_artifact_mb"]
MAX_INSTANCES: int = _DATA["max_instances"]
# From here on x86 is weighed beside Graviton.
LARGE_GIB: float = _DATA["large_gib"]
MOST_INSTANCES: int = _DATA["most_instances"]
WORTH_MORE_INSTANCES: float = _DATA["worth_more_instances"]
# The server, the operating system and the page cache want a share of the memory.
USABLE_MEMORY: float = _DATA["usable_memory"]
CONCURRENT_REQUESTS_PER_VCPU: float = _DATA["concurrent_requests_per_vcpu"]
SERVERLESS_MIN_CONCURRENCY: int = _DATA["serverless_min_concurrency"]
LATENCY_HEADROOM: float = _DATA["latency_headroom"]
STEP_PERCENT: dict[str, int] = _DATA["step_percent"]
TOKENS_PER_ANSWER: float = _DATA["tokens_per_answer"]
WEIGHTS_GB_PER_SECOND: float = _DATA["weights_gb_per_second"]
SERVER_MS: float = _DATA["server_ms"]
SERVER_MB: float = _DATA["server_mb"]
OVERHEAD_MS: float = _DATA["overhead_ms"]
PAYLOAD_KB: float = _DATA["payload_kb"]
LOG_KB_PER_REQUEST: float = _DATA["log_kb_per_request"]
LOG_LINE_KB: float = _DATA["log_line_kb"]
INFREQUENT_ACCESS_SHARE: float = _DATA["infrequent_access_share"]
SERVERLESS_LINGER_SECONDS: float = _DATA["serverless_linger_seconds"]
ASYNCHRONOUS_WAKE_SECONDS: float = _DATA["asynchronous_wake_seconds"]
ASYNCHRONOUS_LINGER_SECONDS: float = _DATA["asynchronous_linger_seconds"]
COMPONENT_LINGER_SECONDS: float = _DATA["component_linger_seconds"]
BATCH_START_SECONDS: float = _DATA["batch_start_seconds"]
BATCH_UTILISATION: float = _DATA["batch_utilisation"]
BATCH_JOBS_PER_DAY: float = _DATA["batch_jobs_per_day"]
FIBRE_KM_PER_MS: float = _DATA["fibre_km_per_ms"]
FIBRE_DETOUR: float = _DATA["fibre_detour"]
SHARING_SMALL: float = _DATA["sharing_small"]
SHARING_SUM: float = _DATA["sharing_sum"]
BATCH_KB_PER_RECORD: float = _DATA["batch_kb_per_record"]
LARGE_MODEL_MB: float = _DATA["large_model_mb"]
# Of a large model from S3 into memory, at the slow end.
LOAD_MB_PER_SECOND: float = _DATA["load_mb_per_second"]
VOLUME_FACTOR: float = _DATA["volume_factor"]
IMAGE_GB: int = _DATA["image_gb"]
SOURCE: str = _DATA["source"]


def usable_memory_mb(memory_gib: float) -> float:
    """Return the MB of an instance's memory that servers and models may fill."""
    return memory_gib * 1024 * USABLE_MEMORY


@dataclass(frozen=True)
class Pattern:
    """How a day's requests spread: `hours` active hours from `first_hour` (None: nobody knows which), and bursts in them."""

    first_hour: int | None
    hours: int
    peak_to_mean: float
    words: str


def pattern(name: str) -> Pattern:
    """Return the pattern called `name`."""
    return Pattern(**_DATA["patterns"][name])


def cpu_ms_per_request(framework: str, artifact_mb: float) -> float:
    """Return the CPU time in milliseconds on one m5 vCPU that one small request is assumed to take."""
    return _DATA["cpu_ms_per_request"][framework] + _DATA["cpu_ms_per_mb"][framework] * artifact_mb


def parallel_share(framework: str) -> float:
    """Return the share of a request's work that is assumed to spread over all cores."""
    return _DATA["parallel_share"][framework]


def runtime_memory_mb(framework: str, *, prebuilt: bool) -> float:
    """Return the memory in MB of a server without its model: greensage's own, or `prebuilt`, which is AWS's."""
    own: float = _DATA["runtime_memory_mb"][framework]
    # AWS's container brings a server of its own that needs as much, whatever the framework.
    return max(own, _DATA["prebuilt_memory_mb"]) if prebuilt else own


def model_memory_mb(framework: str, artifact_mb: float) -> float:
    """Return the memory in MB that one model takes at the peak of loading, without the server's own."""
    return artifact_mb * _DATA["model_memory_factor"][framework]


def dense_format(framework: str) -> tuple[float, str] | None:
    """Return how many MB a packed MB takes in the densest format of `framework`, and which that is; None where none is known."""
    found = _DATA["dense_formats"].get(framework)
    return (float(found[0]), str(found[1])) if found else None
