"""Runs the detector over captures that are there already, and says when it would have alarmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from .capture import Batch
from .effective import seconds_of
from .evaluate import Settings
from .events import Evaluation, Incident
from .incidents import follow_drift
from .watch import evaluate_few
from .window import Statistics

_DAY = 86_400.0


@dataclass
class Replayed:
    """A window: its evaluation, and the incidents that it opened and ended. Times are seconds since 1970."""

    name: str
    until: float
    evaluation: Evaluation
    opened: list[Incident] = field(default_factory=list["Incident"])
    ended: list[Incident] = field(default_factory=list["Incident"])


def by_time(batches: Iterable[Batch], seconds: float) -> Iterator[tuple[float, list[Batch]]]:
    """Yield windows of `seconds`, aligned to the epoch, with their end; batches must be in the order of time.

    Rows without a time belong to the window that is being read.
    """
    end, gathered = 0.0, list[Batch]()
    for batch in batches:
        times = seconds_of(batch.times)
        if not len(times):  # a batch of unread lines only
            gathered.append(batch)
            continue
        ends = np.where(np.isnan(times), end, (np.floor(times / seconds) + 1) * seconds)
        for stop in np.unique(ends).tolist():
            if end and stop > end and gathered:
                yield end, gathered
                gathered = []
            end = max(end, stop)
            part = taken(batch, np.flatnonzero(ends == stop))
            part.bad.extend(batch.bad if stop == ends[0] else [])
            gathered.append(part)
    if gathered:
        yield end, gathered


def by_count(batches: Iterable[Batch], rows: int) -> Iterator[tuple[float, list[Batch]]]:
    """Yield windows of so many rows; the last one may have fewer."""
    gathered, count = list[Batch](), 0
    for batch in batches:
        begin = 0
        while begin < len(batch.features) or (not begin and batch.bad):
            end = min(len(batch.features), begin + rows - count)
            part = taken(batch, np.arange(begin, end))
            part.bad.extend([] if begin else batch.bad)
            gathered.append(part)
            count, begin = count + end - begin, end
            if count >= rows:
                yield _last_time(gathered), gathered
                gathered, count = [], 0
            if begin >= len(batch.features):
                break
    if gathered:
        yield _last_time(gathered), gathered


def replay(
    baseline: Statistics,
    windows: Iterable[tuple[float, list[Batch]]],
    settings: Settings,
    *,
    enough_rows: int,
    window_days: float,
) -> Iterator[Replayed]:
    """Yield how each window is judged, as the monitor would have: with older rows where there are few, and what people hear."""
    names, known = list(baseline.features), dict[str, Incident]()
    before: deque[tuple[float, list[Batch]]] = deque()
    last = 0.0
    for number, (until, batches) in enumerate(windows, 1):
        new = Statistics.of(names)
        new.add_all(batches)
        few = batches if new.rows < enough_rows else []
        while before and before[0][0] < until - window_days * _DAY:
            before.popleft()
        found = evaluate_few(baseline, new, few, lambda: _older(before, enough_rows - new.rows), settings)  # noqa: B023
        followed = follow_drift(known, found, last, until)
        known, last = followed.incidents, until
        before.append((until, [replace(batch, bad=[]) for batch in batches]))
        while sum(len(batch.features) for _, part in islice(before, 1, None) for batch in part) >= enough_rows:
            before.popleft()
        yield Replayed(str(number), until, found, followed.opened, followed.ended)


def _older(before: Iterable[tuple[float, list[Batch]]], rows: int) -> list[Batch]:
    found: list[Batch] = []
    for _, part in reversed(list(before)):
        if sum(len(batch.features) for batch in found) >= rows:
            break
        found = [*part, *found]
    return found


def taken(batch: Batch, rows: np.ndarray) -> Batch:
    """Return some rows of a batch, without its unread lines."""
    places = {int(row): index for index, row in enumerate(rows)}
    words = {column: {places[row]: word for row, word in cells.items() if row in places} for column, cells in batch.words.items()}
    return Batch(
        batch.features[rows], batch.outputs[rows], [batch.ids[row] for row in rows], [batch.times[row] for row in rows],
        words, requests=len(rows),
    )  # fmt: skip


def _last_time(batches: list[Batch]) -> float:
    times = seconds_of([time for batch in batches for time in batch.times if time])
    return 0.0 if not len(times) or np.isnan(times).all() else float(np.nanmax(times))
