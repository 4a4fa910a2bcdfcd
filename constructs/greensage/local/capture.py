"""Data capture: a sample of requests and answers as JSON Lines in S3, written as the execution role."""

from __future__ import annotations

import base64
import json
import random
import time
import uuid
from collections.abc import Mapping
from typing import Any

from . import ministack_api as cloud
from . import ministack_services as services
from .state import Endpoint, Fleet, Variant


def keep(
    endpoint: Endpoint, fleet: Fleet, variant: Variant, headers: Mapping[str, str], body: bytes,
    answered: Mapping[str, str], content: bytes,
) -> None:  # fmt: skip
    """Write one record if the endpoint captures, and this request falls into the sample."""
    config = fleet.capture
    if not config or not config.get("EnableCapture", True) or variant.hosted is None:
        return
    if random.random() * 100 >= config["InitialSamplingPercentage"]:  # noqa: S311 - a sample
        return
    now, identity = time.gmtime(), str(uuid.uuid4())
    bucket, _, prefix = config["DestinationS3Uri"].removeprefix("s3://").partition("/")
    key = f"{prefix.rstrip('/')}/{endpoint.name}/{variant.name}/{time.strftime('%Y/%m/%d/%H/%M-%S', now)}-{identity}.jsonl"
    if not cloud.role_allows(variant.hosted.role, "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"):
        return
    types = (config.get("CaptureContentTypeHeader") or {}).items()
    # SageMaker writes data of a type that is not listed here as base64.
    texts = {media for _, listed in types for media in listed}
    record = {
        "captureData": {
            "endpointInput": _side("INPUT", headers.get("content-type", ""), body, texts),
            "endpointOutput": _side("OUTPUT", answered.get("content-type", ""), content, texts),
        },
        "eventMetadata": {
            "eventId": identity,
            "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
            **({"inferenceId": headers["x-amzn-sagemaker-inference-id"]} if "x-amzn-sagemaker-inference-id" in headers else {}),
        },
        "eventVersion": "0",
    }
    services.put_object(bucket, key, (json.dumps(record) + "\n").encode(), "application/json")


def _side(mode: str, media: str, content: bytes, texts: set[str]) -> dict[str, Any]:
    if media.split(";")[0] in texts:
        encoding = "CSV" if "csv" in media else "JSON"
        return {"observedContentType": media, "mode": mode, "data": content.decode(errors="replace"), "encoding": encoding}
    return {"observedContentType": media, "mode": mode, "data": base64.b64encode(content).decode(), "encoding": "BASE64"}
