"""The files of one model's loop: captures, labels, reports, decisions and the history, below one prefix of a bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from botocore.exceptions import ClientError

from greensage.drift.decide import History

_TRIES = 5
_MISSING = ("NoSuchKey", "404")
_LOST_RACE = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True)
class File:
    """One object: its key, its size in bytes, and when it was written, in seconds since 1970."""

    key: str
    size: int
    written: float


@dataclass(frozen=True)
class Store:
    """`prefix` ends with a slash or is empty."""

    s3: Any
    bucket: str
    prefix: str = ""

    def files(self, folder: str, *, after: float = 0.0, until: float = float("inf")) -> list[File]:
        """Return the files of a folder written after one time and not after another, oldest first."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{folder}")
        rows = [row for page in pages for row in page.get("Contents", [])]
        found = [File(row["Key"], row["Size"], row["LastModified"].timestamp()) for row in rows]
        return sorted((file for file in found if after < file.written <= until), key=lambda file: (file.written, file.key))

    def lines(self, file: File) -> Iterator[bytes]:
        """Yield the lines of a file without holding it; nothing when it has expired since it was listed."""
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=file.key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return
            raise
        yield from body.iter_lines(chunk_size=1 << 20)

    def read(self, name: str) -> Any:
        """Return the content of a JSON file, or None when there is none."""
        return self._read(name)[0]

    def write(self, name: str, content: Any) -> str:
        """Write a JSON file; return its key."""
        self.write_bytes(name, json.dumps(content, indent=1).encode(), "application/json")
        return f"{self.prefix}{name}"

    def create(self, name: str, content: Any) -> bool:
        """Write a JSON file unless there is one; return whether it was written: of two who try at once, one does."""
        try:
            self.s3.put_object(
                Bucket=self.bucket, Key=f"{self.prefix}{name}", Body=json.dumps(content).encode(),
                ContentType="application/json", IfNoneMatch="*",
            )  # fmt: skip
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_RACE:
                return False
            raise
        return True

    def write_bytes(self, name: str, content: bytes, media: str) -> None:
        """Write a file."""
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.prefix}{name}", Body=content, ContentType=media)

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed already."""
        self.s3.delete_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")

    def history(self) -> History:
        """Return what happened so far."""
        return _history(self.read("state/history.json"))

    def change_history(self, change: Callable[[History], None]) -> History:
        """Apply `change` to the history; when someone else wrote it meanwhile, apply it to what they wrote."""
        for attempt in range(_TRIES):
            content, tag = self._read("state/history.json")
            history = _history(content)
            change(history)
            condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
            try:
                self.s3.put_object(
                    Bucket=self.bucket, Key=f"{self.prefix}state/history.json", Body=json.dumps(history.to_json()).encode(),
                    ContentType="application/json", **condition,
                )  # fmt: skip
                return history
            except ClientError as error:
                if error.response["Error"]["Code"] not in _LOST_RACE or attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _read(self, name: str) -> tuple[Any, str]:
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")
            return json.loads(answer["Body"].read()), answer["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None, ""
            raise


def _history(content: Any) -> History:
    known = {field.name for field in fields(History)}
    return History(**{key: value for key, value in (content or {}).items() if key in known})
