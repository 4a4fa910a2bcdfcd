"""Empties a versioned bucket when its stack is deleted."""

from __future__ import annotations

from typing import Any


def handle(event: dict[str, Any], s3: Any) -> tuple[str, dict[str, str]]:
    """Delete all versions and markers on Delete; nothing else on Create and Update."""
    bucket = event["ResourceProperties"]["Bucket"]
    if event["RequestType"] == "Delete" and event["PhysicalResourceId"] == f"empty-{bucket}":
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            rows = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
            if objects:
                failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
                if failed:
                    raise RuntimeError(f"{len(failed)} objects of {bucket} were not deleted, first {failed[0]}")
    return f"empty-{bucket}", {}
