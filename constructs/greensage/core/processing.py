"""Inputs and outputs of processing jobs, as CreateProcessingJob wants them; texts may be of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROCESSING = "/opt/ml/processing"


def job_input(name: str, uri: Mapping[str, Any], folder: str = "", *, data_type: str = "S3Prefix") -> dict[str, Any]:
    """Return an input; `uri` is {"S3Uri": ...}, `folder` where it lies below PROCESSING (default: input/NAME)."""
    place = f"{PROCESSING}/{folder or f'input/{name}'}"
    source = {**uri, "LocalPath": place, "S3DataType": data_type, "S3InputMode": "File"}
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def job_output(name: str, uri: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output: what lies in PROCESSING/output when the job ends is written to `uri`, {"S3Uri": ...}."""
    target = {**uri, "LocalPath": f"{PROCESSING}/output", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "AppManaged": False, "S3Output": target}
