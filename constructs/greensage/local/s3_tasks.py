"""Step Functions' task that writes a file to S3 by the SDK: done as the state machine's role; a body may be JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import ministack_services as services
from .tasks import demand

PREFIX = "arn:aws:states:::aws-sdk:s3:putObject"


def task(_resource: str, given: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Write the object. TaskFailed when the role may not."""
    demand(role, "s3:PutObject", f"arn:aws:s3:::{given['Bucket']}/{given['Key']}", error="S3.S3Exception")
    body = given["Body"]
    content = body if isinstance(body, str) else json.dumps(body)
    services.put_object(given["Bucket"], given["Key"], content.encode(), given.get("ContentType", "application/json"))
    return {}
