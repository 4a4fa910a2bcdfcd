"""Empties a versioned bucket when its stack is deleted, if the bucket still says so."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

# The same word stands in constructs/greensage/storage/retention.py.
EMPTY_ON_DELETE = {"Key": "greensage:empty-on-delete", "Value": "true"}


def handle(event: dict[str, Any], s3: Any) -> tuple[str, dict[str, str]]:
    """Delete all versions and markers on Delete; nothing else on Create and Update.

    A bucket that the user has switched to be kept has lost its tag before CloudFormation gets here.
    """
    bucket = event["ResourceProperties"]["Bucket"]
    deleting = event["RequestType"] == "Delete" and event["PhysicalResourceId"] == f"empty-{bucket}"
    if deleting and EMPTY_ON_DELETE in _tags(s3, bucket):
        _empty(s3, bucket)
    return f"empty-{bucket}", {}


def _tags(s3: Any, bucket: str) -> list[dict[str, str]]:
    try:
        return s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchTagSet", "NoSuchBucket"):
            return []
        raise


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
        if objects:
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
            if failed:
                raise RuntimeError(f"{len(failed)} objects of {bucket} were not deleted, first {failed[0]}")
