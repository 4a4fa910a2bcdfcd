"""Archives logs once a day. Settings: bucket, prefix."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3

from greensage.operate.archive import archive

# So long before the function is stopped it leaves the rest for tomorrow.
_SPARE_MS = 120_000


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Archive what is missing. Raises RuntimeError where a group could not be read, so that the alarm sees it."""
    settings = json.loads(os.environ["SETTINGS"])
    found = archive(
        boto3.Session(), settings["bucket"], prefix=settings["prefix"], now=time.time(),
        enough=lambda: context.get_remaining_time_in_millis() < _SPARE_MS,
    )  # fmt: skip
    print(found.words)
    if found.problems:
        raise RuntimeError("; ".join(found.problems)[:2_000])
    return {"keys": found.keys, "lines": found.lines, "read_bytes": found.read_bytes, "kept_bytes": found.kept_bytes}
