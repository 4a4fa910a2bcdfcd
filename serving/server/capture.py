"""A sample of requests and answers into S3, in the JSON Lines of SageMaker's data capture, for kinds that have none.

boto3 is loaded only where something is captured. What cannot be written is said in the log, with how much it was.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from .settings import Settings

logger = logging.getLogger("greensage.server")
# A file of so many requests, or after so many seconds, whichever comes first; more than _MOST are never held.
_FILE_REQUESTS, _FILE_SECONDS, _MOST = 500, 30.0, 5_000
_TEXTS = {"text/csv": "CSV", "application/json": "JSON"}
_PLACE, _TARGET, _IDENTITY = "{model}", b"x-amzn-sagemaker-target-model", b"x-amzn-sagemaker-inference-id"
# As greensage.storage.artifacts makes keys: <name>-<hash>.tar.gz
_UNIQUE = re.compile(r"(-[0-9a-f]{12})?\.tar\.gz$")
Put = Callable[[str, str, bytes], None]


class Capture:
    """Keeps records until there are enough for a file; safe to use from several threads."""

    def __init__(self, settings: Settings, put: Put | None = None) -> None:
        bucket, _, prefix = settings.capture_uri.removeprefix("s3://").partition("/")
        self._bucket, self._prefix, self._share = bucket, prefix.rstrip("/"), settings.capture_percent / 100
        self._shares = {name: percent / 100 for name, percent in settings.capture_models.items()}
        self._put = put or _s3_put(settings.capture_key)
        self._held: list[tuple[str, str]] = []
        self._lost = 0
        self._lock, self._wake, self._stopped = threading.Lock(), threading.Event(), False
        threading.Thread(target=self._write_by_time, daemon=True).start()

    def keep(self, model: str, headers: Mapping[bytes, bytes], body: bytes, answer: bytes, media: str) -> bool:
        """Keep one request, if it falls into the sample of its model; say whether there are enough for a file.

        `headers` have names in small letters.
        """
        name = _name_of(headers[_TARGET].decode("latin-1") if _TARGET in headers else model)
        if random.random() >= self._shares.get(name, self._share):  # noqa: S311 - a sample
            return False
        record = {
            "captureData": {
                "endpointInput": _side("INPUT", headers.get(b"content-type", b"").decode("latin-1"), body),
                "endpointOutput": _side("OUTPUT", media, answer),
            },
            "eventMetadata": _event(headers),
            "eventVersion": "0",
        }
        with self._lock:
            self._held.append((name, json.dumps(record)))
            if len(self._held) > _MOST:
                del self._held[0]
                self._lost += 1
            return len(self._held) >= _FILE_REQUESTS

    def write_soon(self) -> None:
        """Write in the capture's own thread; the caller does not wait for S3."""
        self._wake.set()

    def write(self) -> None:
        """Write what is held, a file for each model."""
        with self._lock:
            held, self._held = self._held, []
            lost, self._lost = self._lost, 0
        if lost:
            logger.error("capture: %d requests were lost, because S3 could not be written to", lost)
        for model in dict.fromkeys(name for name, _ in held):
            rows = [record for name, record in held if name == model]
            now = time.strftime("%Y/%m/%d/%H/%M-%S", time.gmtime())
            try:
                content = "".join(f"{row}\n" for row in rows).encode()
                self._put(self._bucket, f"{self._folder(model)}/AllTraffic/{now}-{uuid.uuid4()}.jsonl".lstrip("/"), content)
            except Exception:
                logger.exception("capture: %d requests wait, S3 cannot be written to", len(rows))
                with self._lock:
                    self._held = [(model, row) for row in rows] + self._held

    def _folder(self, model: str) -> str:
        """Where a model's captures go: its name stands where the prefix says {model}, else at the end."""
        return self._prefix.replace(_PLACE, model) if _PLACE in self._prefix else f"{self._prefix}/{model}"

    def stop(self) -> None:
        """Write the rest."""
        self._stopped = True
        self._wake.set()
        self.write()

    def _write_by_time(self) -> None:
        while not self._stopped:
            self._wake.wait(_FILE_SECONDS)
            self._wake.clear()
            self.write()


def _name_of(target: str) -> str:
    """The model's name without what makes an archive's key unique; SageMaker calls loaded models by a hash of their own."""
    return _UNIQUE.sub("", target.strip("/"))


def _side(mode: str, media: str, content: bytes) -> dict[str, Any]:
    encoding = _TEXTS.get(media.split(";")[0].strip().lower())
    if encoding is None:
        return {"observedContentType": media, "mode": mode, "data": base64.b64encode(content).decode(), "encoding": "BASE64"}
    return {"observedContentType": media, "mode": mode, "data": content.decode(errors="replace"), "encoding": encoding}


def _event(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    identity = headers.get(_IDENTITY, b"").decode("latin-1")
    made = {"eventId": str(uuid.uuid4()), "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    return {**made, "inferenceId": identity} if identity else made


def _s3_put(key: str) -> Put:
    import boto3

    client = boto3.client("s3")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}

    def put(bucket: str, name: str, content: bytes) -> None:
        client.put_object(Bucket=bucket, Key=name, Body=content, ContentType="application/json", **encryption)

    return put
