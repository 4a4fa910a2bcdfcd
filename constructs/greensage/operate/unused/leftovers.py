"""Log groups of endpoints that are gone, and uploads to the platform's bucket that were never finished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .item import KEEP_TAG, Reading, Unused

LOGS, UPLOAD = "log group", "unfinished upload"
_ENDPOINTS, _COMPONENTS = "/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/"


def log_groups(reading: Reading) -> Iterator[Unused]:
    """Yield the log groups of endpoints and components that are not there any more."""
    client = reading.client("logs")
    known = {_ENDPOINTS: _endpoints(reading), _COMPONENTS: reading.components}
    for prefix, there in known.items():
        for row in reading.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            name = row["logGroupName"]
            created = row.get("creationTime", 0) / 1000
            if name.removeprefix(prefix) in there or not reading.settled(created) or name in reading.of_stacks:
                continue
            if KEEP_TAG not in client.list_tags_log_group(logGroupName=name).get("tags", {}):
                yield Unused(
                    LOGS, reading.region, name, "its endpoint is gone", created, "cannot be restored",
                    row.get("storedBytes", 0) / 1e9, (("logGroupName", name),),
                )  # fmt: skip


def _endpoints(reading: Reading) -> frozenset[str]:
    return frozenset(row["EndpointName"] for row in reading.endpoints)


def uploads(reading: Reading) -> Iterator[Unused]:
    """Yield uploads in parts to the platform's bucket that nobody finished: their parts are billed and seen nowhere."""
    bucket = reading.parameter("artifact-bucket")
    if bucket is None:
        return
    for row in reading.pages("s3", "list_multipart_uploads", "Uploads", Bucket=bucket):
        if reading.settled(row["Initiated"]):
            yield Unused(
                UPLOAD, reading.region, f"s3://{bucket}/{row['Key']}", "begun and never finished", row["Initiated"].timestamp(),
                "upload it again", identity=(("Bucket", bucket), ("Key", row["Key"]), ("UploadId", row["UploadId"])),
            )  # fmt: skip


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting: an endpoint of that name may be back."""
    if item.kind == UPLOAD:
        return True  # an upload that is finished meanwhile is no upload any more, and aborting it does nothing
    there = _endpoints(reading) if item.name.startswith(_ENDPOINTS) else reading.components
    return item.name.rpartition("/")[2] not in there


def delete(client: Any, item: Unused) -> None:
    """Delete a log group, or abort an upload."""
    if item.kind == UPLOAD:
        client.abort_multipart_upload(**item.ids)
    else:
        client.delete_log_group(**item.ids)
