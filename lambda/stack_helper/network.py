"""Finds subnets and a security group by their tags when a stack is deployed."""

from __future__ import annotations

import json
from typing import Any


def handle(event: dict[str, Any], ec2: Any) -> tuple[str, dict[str, str]]:
    """Return the ids, comma-separated: one subnet in each of `Zones` zones, in the order of the zones' names, and the groups."""
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    props = event["ResourceProperties"]
    tags, wanted = json.loads(props["Tags"]), int(props["Zones"])
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    shown = ", ".join(f"{key}={value}" for key, value in tags.items())
    rows = _all(ec2, "describe_subnets", "Subnets", filters)
    networks = sorted({row["VpcId"] for row in rows})
    if len(networks) > 1:
        raise ValueError(f"subnets with the tags {shown} are in several VPCs: {', '.join(networks)}; tag those of one")
    first = {row["AvailabilityZone"]: row["SubnetId"] for row in sorted(rows, key=lambda row: row["SubnetId"], reverse=True)}
    chosen = [first[zone] for zone in sorted(first)[:wanted]]
    if len(chosen) < wanted:
        raise ValueError(f"{len(rows)} subnets have the tags {shown}, in {len(first)} zones; {wanted} zones are asked for")
    groups = _all(ec2, "describe_security_groups", "SecurityGroups", [*filters, {"Name": "vpc-id", "Values": networks}])
    if len(groups) != 1:
        found = ", ".join(row["GroupId"] for row in groups) or "none"
        raise ValueError(f"one security group of {networks[0]} has to have the tags {shown}; found: {found}")
    return f"network-of-{event['LogicalResourceId']}", {"Subnets": ",".join(chosen), "Group": groups[0]["GroupId"]}


def _all(ec2: Any, operation: str, key: str, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for page in ec2.get_paginator(operation).paginate(Filters=filters) for row in page[key]]
