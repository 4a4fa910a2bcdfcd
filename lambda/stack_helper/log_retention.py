"""Retention for a log group that a service makes and several stacks share; the group stays when a stack goes."""

from __future__ import annotations

import contextlib
from typing import Any


def handle(event: dict[str, Any], logs: Any) -> tuple[str, dict[str, str]]:
    """Create the group if need be and let its events expire after `Days`; on Delete leave it, others use it."""
    props = event["ResourceProperties"]
    name = props["LogGroup"]
    if event["RequestType"] != "Delete":
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(props["Days"]))
    return name, {}
