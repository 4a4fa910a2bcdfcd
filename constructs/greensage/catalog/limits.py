"""The limits of SageMaker and of greensage's own files, each with its unit and source in data/limits.json."""

from __future__ import annotations

from typing import Any

from ._data import load


def source_of(name: str) -> str:
    """Return where the limit called `name` is written down."""
    return str(_ROWS[name]["source"])


def _int(name: str) -> int:
    return int(_ROWS[name]["value"])


def _ints(name: str) -> tuple[int, ...]:
    return tuple(_ROWS[name]["value"])


_ROWS: dict[str, dict[str, Any]] = load("limits")["limits"]

SPEC_FILE_BYTES = _int("SPEC_FILE_BYTES")
SPEC_DEPTH = _int("SPEC_DEPTH")
SPEC_NAME_MAX = _int("SPEC_NAME_MAX")
RESOURCE_NAME_MAX = _int("RESOURCE_NAME_MAX")
TAGS_MAX = _int("TAGS_MAX")
SERVERLESS_MEMORY_MB = _ints("SERVERLESS_MEMORY_MB")
SERVERLESS_MAX_CONCURRENCY = _int("SERVERLESS_MAX_CONCURRENCY")
SERVERLESS_PAYLOAD_BYTES = _int("SERVERLESS_PAYLOAD_BYTES")
REALTIME_TIMEOUT_SECONDS = _int("REALTIME_TIMEOUT_SECONDS")
REALTIME_PAYLOAD_BYTES = _int("REALTIME_PAYLOAD_BYTES")
MODEL_SIZE_MB = _int("MODEL_SIZE_MB")
PING_TIMEOUT_SECONDS = _int("PING_TIMEOUT_SECONDS")
STARTUP_TIMEOUT_SECONDS = _int("STARTUP_TIMEOUT_SECONDS")
LOG_RETENTION_DAYS = _ints("LOG_RETENTION_DAYS")
