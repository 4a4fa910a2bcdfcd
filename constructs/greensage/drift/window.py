"""The statistics of a window of captured requests, or of the data a model was trained on: a column each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .capture import BadLine, Batch, drop_infinite
from .columns import Column
from .effective import seconds_of
from .rows import Rows

PREDICTION = "prediction"


@dataclass
class Statistics:
    """`features` and `outputs` by name, in their order; `rows` is how many rows they saw.

    `sample` holds rows as they came, of very many only some; None in statistics that are read from a file without them.
    `bad` counts unread lines by kind, `said` has the reason of the first of each. `unusable` counts answers that were no numbers.
    """

    features: dict[str, Column] = field(default_factory=dict[str, Column])
    outputs: dict[str, Column] = field(default_factory=dict[str, Column])
    rows: int = 0
    requests: int = 0
    bad: Counter[str] = field(default_factory=Counter[str])
    said: dict[str, str] = field(default_factory=dict[str, str])
    unusable: int = 0
    sample: Rows | None = None

    @classmethod
    def of(cls, names: Sequence[str]) -> Statistics:
        """Return empty statistics of features called `names`."""
        return cls(features={name: Column(name) for name in names})

    def add(self, batch: Batch) -> list[BadLine]:
        """Add the rows of `batch`; return its lines that were not read, for the quarantine."""
        for index, column in enumerate(self.features.values()):
            words = list(batch.words.get(index, {}).values())
            column.update(batch.features[:, index])
            column.invalid += batch.invalid.get(index, 0)
            if words:
                column.missing -= len(words)
                column.update_words(words)
        self.add_outputs(batch.outputs)
        self._keep(batch)
        self.rows += len(batch.features)
        self.requests += batch.requests
        self.unusable += batch.unusable
        self.note_bad(batch.bad)
        return batch.bad

    def note_bad(self, lines: Iterable[BadLine]) -> None:
        """Count lines that were not read."""
        for line in lines:
            kind = kind_of(line.reason)
            self.bad[kind] += 1
            self.said.setdefault(kind, line.reason)

    def add_outputs(self, outputs: np.ndarray) -> None:
        """Add answers of the model, shape (rows, values)."""
        for index, name in enumerate(output_names(outputs.shape[1])):
            self.outputs.setdefault(name, Column(name)).update(outputs[:, index])

    def _keep(self, batch: Batch) -> None:
        """Keep the rows themselves; answers of another number of values than the first ones had are left out there."""
        if not len(batch.features):
            return
        if self.sample is None:
            self.sample = Rows([*self.features, *output_names(batch.outputs.shape[1])])
        width = len(self.sample.names) - len(self.features)
        answers = batch.outputs if batch.outputs.shape[1] == width else np.full((len(batch.features), width), np.nan)
        words = {index: _aligned(found, len(batch.features)) for index, found in batch.words.items()}
        times = seconds_of(batch.times) if batch.times else None
        self.sample.add(np.concatenate([batch.features, answers], axis=1), words, times)

    def add_all(self, batches: Iterable[Batch]) -> list[BadLine]:
        """Add every batch; return all lines that were not read."""
        return [line for batch in batches for line in self.add(batch)]


def of_table(
    names: Sequence[str], features: np.ndarray, outputs: np.ndarray | None = None, *,
    words: Mapping[int, Mapping[int, str]] | None = None, times: Sequence[str] = (),
) -> Statistics:  # fmt: skip
    """Return the statistics of data in memory: features of shape (rows, len(names)), outputs of shape (rows, values).

    This is how a training script makes the baseline. Rows should be in the order of time, as far as they have one.

    Parameters
    ----------
    words:
        Values that are no numbers (NaN in `features`), by column and row. Default: none.
    times:
        ISO 8601, one for each row: with them windows are compared with the same hour of the week. Default: none.

    Raises ValueError when names and columns differ in number.
    """
    if features.ndim != 2 or features.shape[1] != len(names):
        raise ValueError(f"features has shape {features.shape}, {len(names)} columns were named")
    made = Statistics.of(names)
    answers = np.empty((len(features), 0)) if outputs is None else np.asarray(outputs, np.float64).reshape(len(features), -1)
    found = {index: dict(column) for index, column in (words or {}).items()}
    numbers = np.array(features, np.float64)
    invalid = drop_infinite(numbers)
    made.add(Batch(numbers, answers, times=list(times), words=found, requests=len(features), invalid=invalid))
    return made


def output_names(count: int) -> list[str]:
    """Return the names of a model's outputs: `prediction` alone, or prediction_0, prediction_1 and so on."""
    return [PREDICTION] if count == 1 else [f"{PREDICTION}_{index}" for index in range(count)]


def _aligned(found: Mapping[int, str], rows: int) -> np.ndarray:
    column = np.full(rows, None, object)
    column[list(found)] = list(found.values())
    return column


def kind_of(reason: str) -> str:
    """Return the short name under which unread lines are counted."""
    if "features" in reason or "answer" in reason or "came out" in reason:
        return "schema"
    return "encoding" if "encoding" in reason else "unreadable"
