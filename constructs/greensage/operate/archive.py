"""Copies the log lines of whole days to S3, compressed, a file per group and day: again and again, without doing one twice.

No subscription is needed: what lies in CloudWatch for some days is read from there. Only the standard library and boto3.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.tags import ARCHIVE_LOGS_TAG

DAY = 86_400
# Lines may come two hours late (CloudWatch Logs API reference, PutLogEvents: 14 days at most, in practice seconds).
LATE = 2 * 3_600


@dataclass
class Archived:
    """What was written (keys, lines, bytes before and after), and what could not be."""

    keys: list[str] = field(default_factory=list[str])
    lines: int = 0
    read_bytes: int = 0
    kept_bytes: int = 0
    problems: list[str] = field(default_factory=list[str])
    unfinished: bool = False

    @property
    def words(self) -> str:
        """One line for people."""
        share = f", {self.kept_bytes / self.read_bytes:.0%} of their size" if self.read_bytes else ""
        more = "; the rest next time" if self.unfinished else ""
        return f"{len(self.keys)} days of logs with {self.lines:,} lines archived{share}{more}"


def key_of(group: str, day: float) -> str:
    """Return the key of a day's file: partitioned as Athena and Glue read it."""
    at = datetime.fromtimestamp(day, UTC)
    return f"logs/group={group.strip('/').replace('/', '-')}/year={at:%Y}/month={at:%m}/day={at:%d}/events.jsonl.gz"


def archive(session: Any, bucket: str, *, prefix: str, now: float, enough: Callable[[], bool] = lambda: False) -> Archived:
    """Archive every whole day that is not there yet, of the log groups below `prefix` with the tag.

    `enough` is asked before each day: true leaves the rest for the next time. What fails is among the problems.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    logs, s3, done = session.client("logs"), session.client("s3"), Archived()
    for group in _groups(logs, prefix):
        try:
            for day in _missing(s3, bucket, group, now):
                if enough():
                    done.unfinished = True
                    return done
                _copy(logs, s3, bucket, group["logGroupName"], day, done)
        except (BotoCoreError, ClientError) as error:
            done.problems.append(f"{group['logGroupName']}: {error}")
    return done


def _groups(logs: Any, prefix: str) -> Iterator[dict[str, Any]]:
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
        for row in page["logGroups"]:
            if ARCHIVE_LOGS_TAG in logs.list_tags_log_group(logGroupName=row["logGroupName"]).get("tags", {}):
                yield row


def _missing(s3: Any, bucket: str, group: dict[str, Any], now: float) -> list[float]:
    """The days that are over, still in CloudWatch, and not archived; the oldest first, which goes first."""
    first = max(group.get("creationTime", 0) / 1000, now - group.get("retentionInDays", 3_650) * DAY)
    folder = key_of(group["logGroupName"], 0).partition("/year=")[0]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
    known = {row["Key"] for page in pages for row in page.get("Contents", [])}
    day, found = first // DAY * DAY, list[float]()
    while day + DAY + LATE <= now:
        if key_of(group["logGroupName"], day) not in known:
            found.append(day)
        day += DAY
    return found


def _copy(logs: Any, s3: Any, bucket: str, group: str, day: float, done: Archived) -> None:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(day * 1000), endTime=int((day + DAY) * 1000) - 1
    )
    lines = read = 0
    with tempfile.TemporaryFile() as file:
        # mtime 0: the same day has the same bytes, whenever it is archived.
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            for page in pages:
                for event in page["events"]:
                    row = {"timestamp": event["timestamp"], "stream": event["logStreamName"], "message": event["message"]}
                    line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
                    packed.write(line)
                    lines, read = lines + 1, read + len(line)
        size = file.tell()
        file.seek(0)
        # An empty day is written too: it need not be looked at again.
        s3.upload_fileobj(file, bucket, key_of(group, day), ExtraArgs={"ContentType": "application/gzip"})
    done.keys.append(key_of(group, day))
    done.lines += lines
    done.read_bytes += read
    done.kept_bytes += size
