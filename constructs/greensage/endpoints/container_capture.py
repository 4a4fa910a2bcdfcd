"""Capture by our own container, for the kinds of which SageMaker captures nothing; in the same JSON Lines format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from .access import ExecutionAccess
from .props import DataCapture

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

    from .container import Container

# Stands for the model's name in the prefix of a container that serves several.
MODEL = "{model}"
# Read by serving/server/settings.py.
_PLACE, _PERCENT, _KEY = "GREENSAGE_CAPTURE_URI", "GREENSAGE_CAPTURE_PERCENT", "GREENSAGE_CAPTURE_KMS_KEY"
_MODELS = "GREENSAGE_CAPTURE_MODELS"


def capturing(environment: Mapping[str, str] | None, capture: DataCapture | None, key_arn: str | None = None) -> dict[str, str]:
    """Return `environment` with what greensage's serving image reads to capture a sample below `capture.prefix`."""
    given = dict(environment or {})
    if capture is None:
        return given
    key = {_KEY: key_arn} if key_arn else {}
    percent = 0 if capture.models else capture.sample_percent
    models = {_MODELS: json.dumps(dict(capture.models), separators=(",", ":"))} if capture.models else {}
    place = f"s3://{capture.bucket.bucket_name}/{capture.prefix}"
    return {**given, **key, **models, _PLACE: place, _PERCENT: str(percent)}


def allow_capture(access: ExecutionAccess, capture: DataCapture | None) -> None:
    """Let the container write what it captures."""
    if capture is None:
        return
    for name in capture.models or ["*"]:
        access.write(capture.bucket.bucket_arn, capture.prefix.replace(MODEL, name))


def captured(container: Container, capture: DataCapture | None, key: kms.IKey | None = None) -> Container:
    """Return the container with what makes it capture."""
    return replace(container, environment=capturing(container.environment, capture, key.key_arn if key else None))
