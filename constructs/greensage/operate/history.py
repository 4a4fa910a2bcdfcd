"""The table of KPIs in the platform's bucket: one file of JSON Lines per month, below kpi/."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import GreensageError
from .kpi import Kpi, from_json, merged, to_json

PREFIX = "kpi/"
_TRIES = 5


class History:
    """The months that were recorded in one Region's bucket. Raises ClientError for what S3 refuses."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def read(self, since: str) -> list[Kpi]:
        """Return the rows of all months from `since` (2026-01) on. Raises GreensageError where a line is no row."""
        return [row for month in self._months() if month >= since for row in self._rows(month)[0]]

    def record(self, rows: Iterable[Kpi]) -> list[str]:
        """Write rows into their months' files, and return the names of the files. What others wrote meanwhile stays."""
        of_month: dict[str, list[Kpi]] = {}
        for row in rows:
            of_month.setdefault(row.month, []).append(row)
        return [self._record(month, new) for month, new in sorted(of_month.items())]

    def _record(self, month: str, new: list[Kpi]) -> str:
        from botocore.exceptions import ClientError

        for left in reversed(range(_TRIES)):
            known, etag = self._rows(month)
            body = "".join(json.dumps(to_json(row)) + "\n" for row in merged(known, new)).encode()
            # Only if nobody else wrote since it was read.
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self._s3.put_object(
                    Bucket=self._bucket, Key=_key(month), Body=body, ContentType="application/x-ndjson", **condition
                )
                return f"s3://{self._bucket}/{_key(month)}"
            except ClientError as error:
                if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict") or not left:
                    raise
        raise AssertionError("the last try either returned or raised")

    def _months(self) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX):
            for row in page.get("Contents", []):
                name = row["Key"].removeprefix(PREFIX)
                if name.endswith(".jsonl"):
                    yield name.removesuffix(".jsonl")

    def _rows(self, month: str) -> tuple[list[Kpi], str]:
        """The rows of a month, and the tag of what was read; none where there is no file yet."""
        from botocore.exceptions import ClientError

        where = f"s3://{self._bucket}/{_key(month)}"
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=_key(month))
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                return [], ""
            raise
        return read_rows(found["Body"].read().decode("utf-8", "replace"), where), found["ETag"]


def read_rows(text: str, where: str) -> list[Kpi]:
    """Return the rows of JSON Lines. Raises GreensageError with the line that is none."""
    found: list[Kpi] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise GreensageError(f"{where}:{number}: not JSON; greensage kpi --record writes a line per model") from None
        found.append(from_json(row if isinstance(row, dict) else {}, f"{where}:{number}"))
    return found


def _key(month: str) -> str:
    return f"{PREFIX}{month}.jsonl"


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
