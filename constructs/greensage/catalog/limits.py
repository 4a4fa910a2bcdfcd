"""The limits of SageMaker and of greensage's own files, each with its unit and source in data/limits.json."""

from __future__ import annotations

from typing import Any

from ..narrow import is_list
from ._data import load

# Where AWS's refusal of another account's image on serverless endpoints is quoted, since no page of the guide says it.
FOREIGN_IMAGE = "CreateEndpointConfig's ValidationException, quoted in aws/amazon-sagemaker-feedback issue 181"


def source_of(name: str) -> str:
    """Return where the limit called `name` is written down."""
    return str(_ROWS[name]["source"])


def bytes_of(name: str) -> int:
    """Return the limit called `name`, a size, in bytes."""
    value, unit = _ROWS[name]["value"], _ROWS[name]["unit"]
    # AWS writes MB and means 2**20 bytes for payloads.
    return int(value) * (1_048_576 if unit.startswith("MB") else 1)


def count(name: str) -> int:
    """Return the limit called `name`, a count."""
    return _int(name)


def shown(name: str) -> str:
    """Return the limit called `name` with its unit, for people."""
    value, unit = _ROWS[name]["value"], _ROWS[name]["unit"]
    if unit == "bytes":
        return f"{value / 1_048_576:,.0f} MiB per request"
    text = f"{value[0]:,} to {value[-1]:,}" if is_list(value) else f"{value:,}"
    return f"{text} {unit}"


def _int(name: str) -> int:
    return int(_ROWS[name]["value"])


def _float(name: str) -> float:
    return float(_ROWS[name]["value"])


def _ints(name: str) -> tuple[int, ...]:
    return tuple(_ROWS[name]["value"])


def _texts(name: str) -> tuple[str, ...]:
    return tuple(_ROWS[name]["value"])


_ROWS: dict[str, dict[str, Any]] = load("limits")["limits"]

TEMPLATE_FILE_BYTES = _int("TEMPLATE_FILE_BYTES")
TEMPLATE_VALUES = _int("TEMPLATE_VALUES")
SPEC_FILE_BYTES = _int("SPEC_FILE_BYTES")
SPEC_DEPTH = _int("SPEC_DEPTH")
SPEC_NAME_MAX = _int("SPEC_NAME_MAX")
RESOURCE_NAME_MAX = _int("RESOURCE_NAME_MAX")
TAG_KEY_MAX = _int("TAG_KEY_MAX")
TAG_VALUE_MAX = _int("TAG_VALUE_MAX")
TAGS_MAX = _int("TAGS_MAX")
SERVERLESS_MEMORY_MB = _ints("SERVERLESS_MEMORY_MB")
SERVERLESS_MAX_CONCURRENCY = _int("SERVERLESS_MAX_CONCURRENCY")
SERVERLESS_PAYLOAD_BYTES = _int("SERVERLESS_PAYLOAD_BYTES")
REALTIME_TIMEOUT_SECONDS = _int("REALTIME_TIMEOUT_SECONDS")
REALTIME_PAYLOAD_BYTES = _int("REALTIME_PAYLOAD_BYTES")
MODEL_SIZE_MB = _int("MODEL_SIZE_MB")
PING_TIMEOUT_SECONDS = _int("PING_TIMEOUT_SECONDS")
INSTANCE_METRICS = _texts("INSTANCE_METRICS")
WAIT_FOR_MODEL_SECONDS_MIN = _int("WAIT_FOR_MODEL_SECONDS_MIN")
WAIT_FOR_MODEL_SECONDS_MAX = _int("WAIT_FOR_MODEL_SECONDS_MAX")
STARTUP_TIMEOUT_SECONDS = _int("STARTUP_TIMEOUT_SECONDS")
LOG_RETENTION_DAYS = _ints("LOG_RETENTION_DAYS")
CONTAINERS_MIN = _int("CONTAINERS_MIN")
CONTAINERS_MAX = _int("CONTAINERS_MAX")
VARIANTS_MAX = _int("VARIANTS_MAX")
COMPONENT_MEMORY_MIN_MB = _int("COMPONENT_MEMORY_MIN_MB")
ASYNC_TIMEOUT_SECONDS = _int("ASYNC_TIMEOUT_SECONDS")
ASYNC_CONCURRENCY_MAX = _int("ASYNC_CONCURRENCY_MAX")
TRANSFORM_PAYLOAD_MB = _int("TRANSFORM_PAYLOAD_MB")
TRANSFORM_INSTANCES_MAX = _int("TRANSFORM_INSTANCES_MAX")
WAIT_SECONDS_MAX = _int("WAIT_SECONDS_MAX")
DEPLOYMENT_TIMEOUT_MIN_SECONDS = _int("DEPLOYMENT_TIMEOUT_MIN_SECONDS")
DEPLOYMENT_TIMEOUT_MAX_SECONDS = _int("DEPLOYMENT_TIMEOUT_MAX_SECONDS")
CANARY_PERCENT_MAX = _int("CANARY_PERCENT_MAX")
LINEAR_PERCENT_MIN = _int("LINEAR_PERCENT_MIN")
ROLLING_PERCENT_MIN = _int("ROLLING_PERCENT_MIN")
ALARMS_MAX = _int("ALARMS_MAX")
SUBNETS_MAX = _int("SUBNETS_MAX")
SECURITY_GROUPS_MAX = _int("SECURITY_GROUPS_MAX")
COMPONENT_CPU_MIN = _float("COMPONENT_CPU_MIN")
ENVIRONMENT_MAX = _int("ENVIRONMENT_MAX")
COMPONENT_ENVIRONMENT_MAX = _int("COMPONENT_ENVIRONMENT_MAX")
VOLUME_GB_MAX = _int("VOLUME_GB_MAX")
METRIC_SECONDS = _ints("METRIC_SECONDS")
ARCHIVE_LOGS_DAYS_MIN = _int("ARCHIVE_LOGS_DAYS_MIN")
