"""The Model Registry: groups and the versions in them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from . import ministack_api as cloud
from .protocol import Request
from .state import arn, store
from .wire import AwsError, validation_error


def create_group(request: Request) -> Request:
    """Make a group."""
    groups, name = store().package_groups, request["ModelPackageGroupName"]
    if name in groups:
        raise validation_error(f"Model Package Group already exists: {arn('model-package-group', name)}")
    groups[name] = {
        **request, "ModelPackageGroupArn": arn("model-package-group", name), "CreationTime": time.time(), "_versions": 0,
        "ModelPackageGroupStatus": "Completed", "CreatedBy": {},
    }  # fmt: skip
    return {"ModelPackageGroupArn": groups[name]["ModelPackageGroupArn"]}


def describe_group(request: Request) -> Request:
    """Describe a group."""
    return {key: value for key, value in _group(request).items() if not key.startswith("_") and key != "Tags"}


def delete_group(request: Request) -> Request:
    """Delete an empty group."""
    found = _group(request)
    name = found["ModelPackageGroupName"]
    if any(row["ModelPackageGroupName"] == name for row in store().packages.values()):
        raise AwsError("ConflictException", f"Model Package Group {name} cannot be deleted: it has model packages.")
    del store().package_groups[name]
    return {}


def list_groups(request: Request) -> Request:
    """List the groups."""
    keys = ("ModelPackageGroupName", "ModelPackageGroupArn", "CreationTime", "ModelPackageGroupStatus")
    rows = store().package_groups.values()
    return {"ModelPackageGroupSummaryList": [{key: row[key] for key in keys} for row in rows]}


def create_package(request: Request) -> Request:
    """Register a version; the same token gives the same version."""
    group = _group(request)
    name, token = group["ModelPackageGroupName"], request.get("ClientToken")
    for known in store().packages.values():
        if token and known.get("ClientToken") == token:
            return {"ModelPackageArn": known["ModelPackageArn"]}
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        # Looked for, but with no role: AWS's managed policy suggests that the caller's rights count here.
        bucket, _, key = container.get("ModelDataUrl", "").removeprefix("s3://").partition("/")
        if key and cloud.s3_object(bucket, key) is None:
            raise validation_error(f"Could not find model data at {container['ModelDataUrl']}.")
    # Counted up only: a deleted version's number never comes back.
    group["_versions"] += 1
    made = arn("model-package", f"{name}/{group['_versions']}")
    store().packages[made] = {
        **request, "ModelPackageArn": made, "ModelPackageVersion": group["_versions"], "CreationTime": time.time(),
        "ModelPackageStatus": "Completed", "ModelPackageName": name, "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }  # fmt: skip
    return {"ModelPackageArn": made}


def describe_package(request: Request) -> Request:
    """Describe a version."""
    hidden = ("Tags", "ClientToken")
    return {key: value for key, value in _package(request["ModelPackageName"]).items() if key not in hidden}


def update_package(request: Request) -> Request:
    """Change a version's approval."""
    found = _package(request["ModelPackageArn"])
    found |= {key: request[key] for key in ("ModelApprovalStatus", "ApprovalDescription") if key in request}
    return {"ModelPackageArn": found["ModelPackageArn"]}


def delete_package(request: Request) -> Request:
    """Delete a version."""
    del store().packages[_package(request["ModelPackageName"])["ModelPackageArn"]]
    return {}


def list_packages(request: Request) -> Request:
    """List the versions of a group."""
    keys = (
        "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime",
        "ModelPackageStatus", "ModelApprovalStatus", "ModelPackageDescription",
    )  # fmt: skip
    wanted, group = request.get("ModelApprovalStatus"), request.get("ModelPackageGroupName", "").rsplit("/", 1)[-1]
    rows = [
        row
        for row in store().packages.values()
        if row["ModelPackageGroupName"] == group and wanted in (None, row.get("ModelApprovalStatus"))
    ]
    rows.sort(key=lambda row: row["CreationTime"], reverse=request.get("SortOrder") == "Descending")
    found = [{key: row[key] for key in keys if key in row} for row in rows]
    return {"ModelPackageSummaryList": found[: request.get("MaxResults", len(found))]}


def _group(request: Request) -> dict[str, Any]:
    name = request["ModelPackageGroupName"].rsplit("/", 1)[-1]
    if name not in store().package_groups:
        raise validation_error(f"ModelPackageGroup {arn('model-package-group', name)} does not exist.")
    return store().package_groups[name]


def _package(name: str) -> dict[str, Any]:
    if name not in store().packages:
        raise validation_error(f"ModelPackage {name} does not exist.")
    return store().packages[name]


def unpackaged(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container that a model package stands for, with what the definition adds to its environment."""
    found = _package(definition["ModelPackageName"])
    if found.get("ModelApprovalStatus", "Approved") != "Approved":
        raise validation_error(f"Cannot create a model from {found['ModelPackageArn']}: it is {found['ModelApprovalStatus']}.")
    container = dict(found["InferenceSpecification"]["Containers"][0])
    variables = {**container.get("Environment", {}), **definition.get("Environment", {})}
    return {key: value for key, value in container.items() if key in ("Image", "ModelDataUrl", "ModelDataSource")} | {
        "Environment": variables
    }
