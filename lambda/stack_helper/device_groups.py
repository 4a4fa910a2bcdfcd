"""Sees to it that the groups of devices exist before something is deployed to them, and makes them if it is asked to."""

from __future__ import annotations

import contextlib
from typing import Any

# Who made a group: another stack's, and a person's, are never deleted.
MADE_BY = "greensage:made-by"


def handle(event: dict[str, Any], iot: Any) -> tuple[str, dict[str, str]]:
    """Find or make the groups on Create and Update; on Delete remove those of this stack that no device is in.

    RuntimeError, with the command to run, for a group that is not there and is not to be made.
    """
    props = event["ResourceProperties"]
    groups, stack = props["Groups"].split(","), props["Stack"]
    if event["RequestType"] == "Delete":
        # Who never made any has no right to look at them either.
        for group in groups if props["Make"] == "true" else []:
            _remove(iot, group, stack)
        return event["PhysicalResourceId"], {}
    missing = [group for group in groups if not _exists(iot, group)]
    if missing and props["Make"] != "true":
        commands = "; ".join(f"aws iot create-thing-group --thing-group-name {group}" for group in missing)
        raise RuntimeError(
            f"AWS IoT has no thing group {', '.join(missing)} in this Region. Create it ({commands}), "
            "or let the deployment do it: create_device_groups: true"
        )
    for group in missing:
        iot.create_thing_group(thingGroupName=group, tags=[{"Key": MADE_BY, "Value": stack}])
    # The same id for ever: a change of the groups is an update, and what is left out of it is a person's to remove.
    return f"device-groups-{stack}", {}


def _exists(iot: Any, group: str) -> bool:
    try:
        iot.describe_thing_group(thingGroupName=group)
    except iot.exceptions.ResourceNotFoundException:
        return False
    return True


def _remove(iot: Any, group: str, stack: str) -> None:
    with contextlib.suppress(iot.exceptions.ResourceNotFoundException):
        arn = iot.describe_thing_group(thingGroupName=group)["thingGroupArn"]
        tags = {row["Key"]: row["Value"] for row in iot.list_tags_for_resource(resourceArn=arn)["tags"]}
        if tags.get(MADE_BY) == stack and not iot.list_things_in_thing_group(thingGroupName=group, maxResults=1)["things"]:
            iot.delete_thing_group(thingGroupName=group)
