"""The statistics of a window of captured requests, or of the data a model was trained on: a column each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .capture import BadLine, Batch
from .columns import Column

PREDICTION = "prediction"


@dataclass
class Statistics:
    """`features` and `outputs` by name, in their order; `rows` is how many rows they saw."""

    features: dict[str, Column] = field(default_factory=dict[str, Column])
    outputs: dict[str, Column] = field(default_factory=dict[str, Column])
    rows: int = 0
    requests: int = 0
    bad: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def of(cls, names: Sequence[str]) -> Statistics:
        """Return empty statistics of features called `names`."""
        return cls(features={name: Column(name) for name in names})

    def add(self, batch: Batch) -> list[BadLine]:
        """Add the rows of `batch`; return its lines that were not read, for the quarantine."""
        for index, column in enumerate(self.features.values()):
            words = batch.words.get(index)
            column.update(batch.features[:, index])
            if words:
                column.missing -= len(words)
                column.update_words(words)
        self.add_outputs(batch.outputs)
        self.rows += len(batch.features)
        self.requests += batch.requests
        self.bad.update(kind_of(line.reason) for line in batch.bad)
        return batch.bad

    def add_outputs(self, outputs: np.ndarray) -> None:
        """Add answers of the model, shape (rows, values)."""
        for index, name in enumerate(output_names(outputs.shape[1])):
            self.outputs.setdefault(name, Column(name)).update(outputs[:, index])

    def add_all(self, batches: Iterable[Batch]) -> list[BadLine]:
        """Add every batch; return all lines that were not read."""
        return [line for batch in batches for line in self.add(batch)]


def of_table(names: Sequence[str], features: np.ndarray, outputs: np.ndarray | None = None) -> Statistics:
    """Return the statistics of data in memory: features of shape (rows, len(names)), outputs of shape (rows, values).

    This is how a training script makes the baseline. Raises ValueError when names and columns differ in number.
    """
    if features.ndim != 2 or features.shape[1] != len(names):
        raise ValueError(f"features has shape {features.shape}, {len(names)} columns were named")
    made = Statistics.of(names)
    answers = np.empty((len(features), 0)) if outputs is None else np.asarray(outputs, np.float64).reshape(len(features), -1)
    made.add(Batch(np.asarray(features, np.float64), answers, requests=len(features)))
    return made


def output_names(count: int) -> list[str]:
    """Return the names of a model's outputs: `prediction` alone, or prediction_0, prediction_1 and so on."""
    return [PREDICTION] if count == 1 else [f"{PREDICTION}_{index}" for index in range(count)]


def kind_of(reason: str) -> str:
    """Return the short name under which unread lines are counted."""
    if "features" in reason or "answer" in reason or "came out" in reason:
        return "schema"
    return "encoding" if "encoding" in reason else "unreadable"
