"""How predictions are run: those of one model together, in the loop where they are quick, else in a thread.

What comes in while a model predicts, or in the same turn of the loop, is predicted at once as one batch. So batches grow
with the load, and nobody waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from .errors import ServingError
from .models import Model, Rows

# Quicker than handing over to a thread and back costs; the loop can spare that much.
_INLINE_SECONDS = 0.002
# A batch takes no more rows than _BATCH_ROWS; the time of _FEW_ROWS says whether the loop can wait for it.
_BATCH_ROWS, _FEW_ROWS = 1_024, 64
_OF_LAST = 0.2
# A turn of the loop costs as much as a small prediction: after one in which nobody joined, so many requests do without.
_ALONE = 32
Done = Callable[[np.ndarray | Exception], None]


class Crowded(ServingError):
    """More waits than can be answered in time."""

    def __init__(self) -> None:
        super().__init__(503, "too many requests wait for this model")


class Lane:
    """The requests of one model, one batch after the other.

    Parameters
    ----------
    model:
        What predicts.
    threads:
        Where slow predictions run; shared by all lanes.
    mark:
        Is called with True before and False after native code runs, so that somebody outside knows which model it was
        if this process dies.
    seconds:
        How long a prediction takes, from the warm-up; 0 where that is not known.
    most_waiting:
        More requests than this are refused.
    """

    def __init__(
        self, model: Model, threads: ThreadPoolExecutor, mark: Callable[[bool], None], seconds: float, most_waiting: int
    ) -> None:
        self.model = model
        self._threads, self._mark, self._most = threads, mark, most_waiting
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds or _INLINE_SECONDS * 2
        self._waiting: list[tuple[Rows, Done]] = []
        self._called = self._running = False
        self._alone = 0

    def submit(self, rows: Rows, done: Done) -> None:
        """Predict `rows` soon and call `done` with the answer or what was wrong. Raises ServingError: 400, or 503 if crowded."""
        self.model.check(rows)
        if len(self._waiting) >= self._most:
            raise Crowded
        self._waiting.append((rows, done))
        if self._called or self._running:
            return
        if self._alone and self._seconds <= _INLINE_SECONDS:
            self._alone -= 1
            self._run()
            return
        self._called = True
        self._loop.call_soon(self._run)

    def _run(self) -> None:
        batch = self._next()
        if self._called:
            # Others had a turn of the loop to join, and did or did not.
            self._alone = _ALONE if len(batch) == 1 else 0
        self._called = False
        if self._seconds <= _INLINE_SECONDS and _few(batch):
            self._finish(batch, *self._predict([rows for rows, _ in batch]))
            return
        self._running = True
        future = self._threads.submit(self._predict, [rows for rows, _ in batch])
        future.add_done_callback(lambda ready: self._loop.call_soon_threadsafe(self._ran, batch, ready.result()))

    def _ran(self, batch: list[tuple[Rows, Done]], found: tuple[list[np.ndarray | Exception], float]) -> None:
        self._running = False
        self._finish(batch, *found)

    def _finish(self, batch: list[tuple[Rows, Done]], answers: list[np.ndarray | Exception], seconds: float) -> None:
        if _few(batch):
            self._seconds += _OF_LAST * (seconds - self._seconds)
        if self._waiting and not self._called and not self._running:
            self._called = True
            self._loop.call_soon(self._run)
        for (_, done), answer in zip(batch, answers, strict=True):
            done(answer)

    def _next(self) -> list[tuple[Rows, Done]]:
        """Take the first that waits and those behind it that fit into one batch with it."""
        first = self._waiting[0][0]
        if (
            self.model.fixed_rows is not None
            or self.model.reader is not None
            or isinstance(first, Mapping)
            or len(self._waiting) == 1
        ):
            return [self._waiting.pop(0)]
        rows = count = 0
        for item, _ in self._waiting:
            if rows + len(item) > _BATCH_ROWS or item.shape[1] != first.shape[1]:
                break
            rows, count = rows + len(item), count + 1
        batch, self._waiting = self._waiting[: max(1, count)], self._waiting[max(1, count) :]
        return batch

    def _predict(self, parts: list[Rows]) -> tuple[list[np.ndarray | Exception], float]:
        started = perf_counter()
        self._mark(True)
        try:
            if len(parts) == 1:
                answers: list[np.ndarray | Exception] = [_tried(self.model, parts[0])]
            else:
                answers = self._together(parts)
        finally:
            self._mark(False)
        return answers, perf_counter() - started

    def _together(self, parts: list[Rows]) -> list[np.ndarray | Exception]:
        try:
            found = self.model.answer(np.concatenate(parts))
        except Exception:
            # One of them may be to blame; the others are not.
            return [_tried(self.model, part) for part in parts]
        answers: list[np.ndarray | Exception] = []
        start = 0
        for part in parts:
            answers.append(found[start : start + len(part)])
            start += len(part)
        return answers


def _few(batch: list[tuple[Rows, Done]]) -> bool:
    return sum(len(rows) for rows, _ in batch) <= _FEW_ROWS


def _tried(model: Model, rows: Rows) -> np.ndarray | Exception:
    try:
        return model.answer(rows)
    except Exception as error:
        return error


class Marks:
    """Which model each thread of this process is running, in memory that the parent shares."""

    def __init__(self, memory: memoryview) -> None:
        self._slots = memory.cast("q")
        self._free = list(range(1, len(self._slots)))
        self._own = threading.local()

    def of(self, number: int) -> Callable[[bool], None]:
        """Return what marks model `number` (from 1) as running in the thread that calls it."""
        slots, own = self._slots, self._own

        def mark(running: bool) -> None:
            try:
                slot = own.slot
            except AttributeError:
                slot = own.slot = self._free.pop()
            slots[slot] = number if running else 0

        return mark
