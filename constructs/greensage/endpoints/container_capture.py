"""Capture by our own container, for the kinds of which SageMaker captures nothing; in the same JSON Lines format."""

from __future__ import annotations

from collections.abc import Mapping

from .access import ExecutionAccess
from .props import DataCapture

# Read by serving/server/settings.py.
_PLACE, _PERCENT, _KEY = "GREENSAGE_CAPTURE_URI", "GREENSAGE_CAPTURE_PERCENT", "GREENSAGE_CAPTURE_KMS_KEY"


def capturing(environment: Mapping[str, str] | None, capture: DataCapture | None, key_arn: str | None = None) -> dict[str, str]:
    """Return `environment` with what greensage's serving image reads to capture a sample below `capture.prefix`."""
    given = dict(environment or {})
    if capture is None:
        return given
    key = {_KEY: key_arn} if key_arn else {}
    return {
        **given, **key, _PLACE: f"s3://{capture.bucket.bucket_name}/{capture.prefix}", _PERCENT: str(capture.sample_percent),
    }  # fmt: skip


def allow_capture(access: ExecutionAccess, capture: DataCapture | None) -> None:
    """Let the container write what it captures."""
    if capture is not None:
        access.write(capture.bucket.bucket_arn, capture.prefix)
