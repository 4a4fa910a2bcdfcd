"""Reads captured requests, JSON Lines as data capture writes them, in batches; what cannot be read is returned too.

Format: AWS developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .payload import PayloadError, captured_rows, is_plain, number

_BATCH_ROWS = 32_768
Row = list[Any]
_decoder = json.JSONDecoder()


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
    ids: list[str] = field(default_factory=list[str])
    times: list[str] = field(default_factory=list[str])
    words: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    bad: list[BadLine] = field(default_factory=list[BadLine])
    requests: int = 0


def read(lines: Iterable[bytes], width: int) -> Iterator[Batch]:
    """Yield the rows of captured `lines` in batches of a bounded size; `width` features are expected in each row."""
    gathered = _Gathered(width)
    for count, line in enumerate(lines, 1):
        gathered.add(count, line)
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
        self._rows: list[str | Row] = []  # a row of CSV stays text until all are read at once
        self._outputs: list[Any] = []
        self._wide = 0

    def add(self, count: int, line: bytes) -> None:
        """Take one line, or note why it cannot be taken."""
        if not line.strip():
            return
        try:
            self._take(line)
        except (_Unreadable, PayloadError) as problem:
            self.bad.append(BadLine(count, str(problem), line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            self.bad.append(BadLine(count, f"not a captured request: {type(problem).__name__}: {problem}", line))

    def _take(self, line: bytes) -> None:
        record = _parsed(line)
        event, captured = record["eventMetadata"], record["captureData"]
        if self._take_usual(event, captured):
            return
        rows = _rows(captured["endpointInput"])
        unanswered: list[list[Any]] = [[]] * len(rows)
        answers = _rows(captured["endpointOutput"]) if "endpointOutput" in captured else unanswered
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
            self._rows.append(row)
            self.ids.append(identity if len(rows) == 1 else f"{identity}/{index}")
            self.times.append(time)
        self._outputs += numbers
        self.requests += 1

    def _take_usual(self, event: dict[str, Any], captured: dict[str, Any]) -> bool:
        """Take what most requests are, one row of CSV and one number, without building what is not needed."""
        source, target = captured["endpointInput"], captured.get("endpointOutput")
        if target is None or source["encoding"] != "CSV" or target["encoding"] != "CSV" or (self.ids and self._wide != 1):
            return False
        data = source["data"].strip()
        if not is_plain(data, self.width):
            return False
        try:
            answer = float(target["data"])
        except ValueError:  # several values or rows, or no number at all
            return False
        identity = event.get("inferenceId") or event["eventId"]
        self._rows.append(data)
        self.ids.append(identity)
        self.times.append(event.get("inferenceTime", ""))
        self._outputs.append(answer)
        self._wide = 1
        self.requests += 1
        return True

    def batch(self) -> Batch:
        """Return what was gathered."""
        words: dict[int, list[str]] = {}
        features = self._numbers(words)
        outputs = np.array(self._outputs, np.float64).reshape(len(self.ids), self._wide)
        return Batch(features, outputs, self.ids, self.times, words, self.bad, self.requests)

    def _numbers(self, words: dict[int, list[str]]) -> np.ndarray:
        shape = (len(self.ids), self.width)
        texts = [row for row in self._rows if isinstance(row, str)]
        if texts and len(texts) == len(self._rows):
            with contextlib.suppress(ValueError):  # gaps, or words
                features = np.loadtxt(texts, np.float64, delimiter=",", comments=None, ndmin=2)
                if features.shape == shape:
                    return features
        cells = [cell for row in self._rows for cell in (row.split(",") if isinstance(row, str) else row)]
        return np.array([self._cell(index, cell, words) for index, cell in enumerate(cells)], np.float64).reshape(shape)

    def _cell(self, index: int, cell: Any, words: dict[int, list[str]]) -> float:
        try:
            return number(cell)
        except ValueError:
            words.setdefault(index % self.width, []).append(str(cell).strip())
            return math.nan


def _parsed(line: bytes) -> Any:
    """json.loads without its search for encodings, which takes half of its time; on any doubt json.loads itself."""
    try:
        text = str(line, "utf-8")
        record, end = _decoder.raw_decode(text)
    except ValueError:
        return json.loads(line)
    return json.loads(line) if text[end:].strip(" \t\r\n") else record


class _Unreadable(Exception):
    """The line is JSON, but not a request that this model answered."""


def _number(cell: Any) -> float:
    """One value of an answer; a model's answer that is no number is not one that can be judged."""
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise _Unreadable(f"the answer {str(cell)[:40]!r} is no number") from None


def _rows(side: dict[str, Any]) -> list[Row]:
    """Return the rows of one side of a captured request, whatever its encoding."""
    return captured_rows(side["data"], side["encoding"], side.get("observedContentType", ""))
