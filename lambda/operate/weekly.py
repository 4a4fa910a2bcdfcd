"""The weekly review: looks, records the KPIs, and tells the topic. Settings: root, topic, keep_versions, bucket."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3

from greensage.operate.weekly import review


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Review the function's own Region."""
    settings = json.loads(os.environ["SETTINGS"])
    session = boto3.Session()
    found = review(
        session, os.environ["AWS_REGION"], now=time.time(), root=settings["root"], keep_versions=settings["keep_versions"]
    )
    # First where it can be read again: a mail may be lost.
    key, text = "kpi/latest-review.txt", "\n".join([*found.lines, *found.problems])
    session.client("s3").put_object(Bucket=settings["bucket"], Key=key, Body=text.encode(), ContentType="text/plain")
    session.client("sns").publish(TopicArn=settings["topic"], Subject=found.subject, Message=found.text)
    return {"subject": found.subject, "lines": list(found.lines), "problems": list(found.problems)}
