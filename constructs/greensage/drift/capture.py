"""Reads captured requests, JSON Lines as data capture writes them, in batches; what cannot be read is returned too.

Format: AWS developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_BATCH_ROWS = 32_768
Row = list[Any]


@dataclass(frozen=True)
class BadLine:
    """A line that was not read, as it was, and why."""

    number: int
    reason: str
    content: bytes


@dataclass
class Batch:
    """Rows of some requests. `features` and `outputs` have shape (rows, columns); text columns are not in them.

    `words` holds, by column, the values of features that are no numbers. `ids` is one id for each row: the
    inference id of the caller, else the event's; a request of several rows gets `<id>/<row>`.
    """

    features: np.ndarray
    outputs: np.ndarray
    ids: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    words: dict[int, list[str]] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    requests: int = 0


def read(lines: Iterable[bytes], width: int) -> Iterator[Batch]:
    """Yield the rows of captured `lines` in batches of a bounded size; `width` features are expected in each row."""
    gathered = _Gathered(width)
    for number, line in enumerate(lines, 1):
        gathered.add(number, line)
        if len(gathered.ids) >= _BATCH_ROWS or len(gathered.bad) >= _BATCH_ROWS:
            yield gathered.batch()
            gathered = _Gathered(width)
    if gathered.ids or gathered.bad:
        yield gathered.batch()


class _Gathered:
    """The requests of the next batch, before their numbers are read all at once."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.ids: list[str] = []
        self.bad: list[BadLine] = []
        self.times: list[str] = []
        self.requests = 0
        self._cells: list[Any] = []
        self._outputs: list[Any] = []
        self._wide = 0

    def add(self, number: int, line: bytes) -> None:
        """Take one line, or note why it cannot be taken."""
        if not line.strip():
            return
        try:
            self._take(line)
        except _Unreadable as problem:
            self.bad.append(BadLine(number, str(problem), line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            self.bad.append(BadLine(number, f"not a captured request: {type(problem).__name__}: {problem}", line))

    def _take(self, line: bytes) -> None:
        record = json.loads(line)
        event, captured = record["eventMetadata"], record["captureData"]
        source = captured["endpointInput"]
        # Most requests are one row of CSV and one answer: nothing is built for them that is not needed.
        if source["encoding"] == "CSV" and "\n" not in source["data"].strip():
            rows = [source["data"].strip().split(",")]
        else:
            rows = _rows(source)
        answers = _rows(captured["endpointOutput"]) if "endpointOutput" in captured else [[]] * len(rows)
        if len(answers) != len(rows):
            raise _Unreadable(f"{len(rows)} rows went in, {len(answers)} came out")
        if any(len(row) != self.width for row in rows):
            raise _Unreadable(f"a row has {len(rows[0])} features, {self.width} are expected")
        wide = len(answers[0])
        if (self.ids and wide != self._wide) or any(len(row) != wide for row in answers):
            raise _Unreadable(f"an answer has {wide} values, the others have {self._wide}")
        numbers = [_number(cell) for row in answers for cell in row]
        self._wide = wide
        identity, time = event.get("inferenceId") or event["eventId"], event.get("inferenceTime", "")
        for index, row in enumerate(rows):
            self._cells += row
            self.ids.append(identity if len(rows) == 1 else f"{identity}/{index}")
            self.times.append(time)
        self._outputs += numbers
        self.requests += 1

    def batch(self) -> Batch:
        """Return what was gathered."""
        words: dict[int, list[str]] = {}
        try:
            cells = np.fromiter(map(float, self._cells), np.float64, len(self._cells))
        except (ValueError, TypeError):  # gaps, or words
            cells = np.array([self._cell(index, cell, words) for index, cell in enumerate(self._cells)], np.float64)
        features = cells.reshape(len(self.ids), self.width)
        outputs = np.array(self._outputs, np.float64).reshape(len(self.ids), self._wide)
        return Batch(features, outputs, self.ids, self.times, words, self.bad, self.requests)

    def _cell(self, index: int, cell: Any, words: dict[int, list[str]]) -> float:
        text = "" if cell is None else str(cell).strip()
        if text == "":
            return math.nan
        try:
            return float(text)
        except ValueError:
            words.setdefault(index % self.width, []).append(text)
            return math.nan


class _Unreadable(Exception):
    """The line is JSON, but not a request that this model answered."""


def _number(cell: Any) -> float:
    """One value of an answer; a model's answer that is no number is not one that can be judged."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise _Unreadable(f"the answer {str(cell)[:40]!r} is no number") from None


def _rows(side: dict[str, Any]) -> list[Row]:
    """Return the rows of one side of a captured request, whatever its encoding."""
    data, encoding, media = side["data"], side["encoding"], side.get("observedContentType", "")
    if encoding == "BASE64":
        data, encoding = base64.b64decode(data, validate=True).decode(), "JSON" if "json" in media else "CSV"
    if encoding == "CSV":
        return [line.split(",") for line in data.splitlines() if line.strip()]
    if encoding != "JSON":
        raise _Unreadable(f"the encoding {encoding} is not understood")
    content = json.loads(data)
    if isinstance(content, dict):
        content = content["instances"] if "instances" in content else content["predictions"]
    if not isinstance(content, list) or not content:
        raise _Unreadable("the JSON holds no rows")
    if not isinstance(content[0], list):
        # A flat list of answers is a value for each row; a flat list of features is one row.
        return [[item] for item in content] if "predictions" in data[:20] else [content]
    return content
