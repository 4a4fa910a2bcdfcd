"""Reads captured requests, JSON Lines as data capture writes them, in batches; what cannot be read is returned too.

Format: AWS developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .payload import PayloadError, captured_answers, captured_rows, is_plain, number

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

    `words` holds, by column, the values of features that are no numbers, by their row. `ids` is one id for each row: the
    inference id of the caller, else the event's; a request of several rows gets `<id>/<row>`. An infinite number is no value
    (NaN), and counted in `invalid` by column, as is an answer that is no number in `unusable`.
    """

    features: np.ndarray
    outputs: np.ndarray
    ids: list[str] = field(default_factory=list[str])
    times: list[str] = field(default_factory=list[str])
    words: dict[int, dict[int, str]] = field(default_factory=dict[int, dict[int, str]])
    invalid: dict[int, int] = field(default_factory=dict[int, int])
    unusable: int = 0
    bad: list[BadLine] = field(default_factory=list[BadLine])
    requests: int = 0


def read(lines: Iterable[bytes], width: int, names: Sequence[str] = ()) -> Iterator[Batch]:
    """Yield the rows of captured `lines` in batches of a bounded size; `width` features are expected in each row.

    names: of the features, for requests whose rows are mappings; default: such a request is not read.
    """
    gathered = _Gathered(width, names)
    for count, line in enumerate(lines, 1):
        gathered.add(count, line)
        if len(gathered.ids) >= _BATCH_ROWS or len(gathered.bad) >= _BATCH_ROWS:
            yield gathered.batch()
            gathered = _Gathered(width, names)
    if gathered.ids or gathered.bad:
        yield gathered.batch()


class _Gathered:
    """The requests of the next batch, before their numbers are read all at once."""

    def __init__(self, width: int, names: Sequence[str]) -> None:
        self.width, self.names = width, tuple(names)
        self.ids: list[str] = []
        self.bad: list[BadLine] = []
        self.times: list[str] = []
        self.requests = 0
        self._rows: list[str | Row] = []  # a row of CSV stays text until all are read at once
        # Answers by how many values they have: the first line of a file does not say how many the others have.
        self._outputs: list[list[float]] = []
        self.unusable = 0

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
        rows = captured_rows(*_side(captured["endpointInput"]), self.names)
        if any(len(row) != self.width for row in rows):
            wrong = next(len(row) for row in rows if len(row) != self.width)
            raise _Unreadable(f"a row has {wrong} features, {self.width} are expected")
        unanswered: list[Row] = [[] for _ in rows]
        answers = captured_answers(*_side(captured["endpointOutput"]), len(rows)) if "endpointOutput" in captured else unanswered
        if len(answers) != len(rows):
            raise _Unreadable(f"{len(rows)} rows went in, {len(answers)} came out")
        wide = len(answers[0]) if answers else 0
        if any(len(row) != wide for row in answers):
            raise _Unreadable(f"answers of one request have {wide} and more values")
        numbers = [[_number(cell) for cell in row] for row in answers]
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
        if target is None or source["encoding"] != "CSV" or target["encoding"] != "CSV":
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
        self._outputs.append([answer])
        self.requests += 1
        return True

    def batch(self) -> Batch:
        """Return what was gathered; an answer with another number of values than most have is one that is no number."""
        words: dict[int, dict[int, str]] = {}
        features = self._numbers(words)
        wide = Counter(map(len, self._outputs)).most_common(1)[0][0] if self._outputs else 0
        outputs = np.full((len(self.ids), wide), np.nan)
        fitting = [index for index, row in enumerate(self._outputs) if len(row) == wide]
        if fitting:
            outputs[fitting] = np.array([self._outputs[index] for index in fitting], np.float64).reshape(len(fitting), wide)
        unusable = int((~np.isfinite(outputs)).any(axis=1).sum()) if wide else 0
        outputs[~np.isfinite(outputs)] = np.nan
        return Batch(
            features, outputs, self.ids, self.times, words, drop_infinite(features), unusable, self.bad, self.requests
        )  # fmt: skip

    def _numbers(self, words: dict[int, dict[int, str]]) -> np.ndarray:
        shape = (len(self.ids), self.width)
        texts = [row for row in self._rows if isinstance(row, str)]
        if texts and len(texts) == len(self._rows):
            with contextlib.suppress(ValueError):  # gaps, or words
                features = np.loadtxt(texts, np.float64, delimiter=",", comments=None, ndmin=2)
                if features.shape == shape:
                    return features
        cells = [cell for row in self._rows for cell in (row.split(",") if isinstance(row, str) else row)]
        return np.array([self._cell(index, cell, words) for index, cell in enumerate(cells)], np.float64).reshape(shape)

    def _cell(self, index: int, cell: Any, words: dict[int, dict[int, str]]) -> float:
        try:
            return number(cell)
        except ValueError:
            text = cell.strip() if isinstance(cell, str) else json.dumps(cell)
            words.setdefault(index % self.width, {})[index // self.width] = text
            return math.nan


def drop_infinite(numbers: np.ndarray) -> dict[int, int]:
    """Make infinite numbers of a table no values (NaN); return how many there were, by column."""
    endless = np.isinf(numbers)
    numbers[endless] = np.nan
    return {int(index): int(count) for index, count in enumerate(endless.sum(axis=0)) if count}


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
    """One value of an answer; null is one that the model could not give."""
    try:
        return math.nan if cell is None else float(cell)
    except (TypeError, ValueError, OverflowError):
        raise _Unreadable(f"the answer {str(cell)[:40]!r} is no number") from None


def _side(side: dict[str, Any]) -> tuple[str, str, str]:
    """What was captured of one side, its encoding and its content type."""
    return side["data"], side["encoding"], side.get("observedContentType", "")
