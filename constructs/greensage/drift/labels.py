"""Ground truth: label files in Model Monitor's format, and their join to captured answers by inference id.

Format: AWS developer guide, "Ingest Ground Truth labels and merge them with predictions".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .capture import BadLine, Batch


@dataclass
class Labels:
    """Labels by id, and lines that were none. A later line for the same id replaces the earlier."""

    by_id: dict[str, float] = field(default_factory=dict[str, float])
    bad: list[BadLine] = field(default_factory=list[BadLine])

    def add(self, lines: Iterable[bytes]) -> None:
        """Read the lines of one file."""
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._take(number, line)

    def _take(self, number: int, line: bytes) -> None:
        try:
            record = json.loads(line)
            self.by_id[str(record["eventMetadata"]["eventId"])] = float(record["groundTruthData"]["data"])
        except (ValueError, KeyError, TypeError) as problem:
            self.bad.append(BadLine(number, f"not a label: {type(problem).__name__}: {problem}", line))


@dataclass
class Joined:
    """Answers whose label is known, the newest `most` of them; `unlabelled` counts those still without, of all that were read.

    `seen` holds the newest answers, with or without a label; `found` counts the labels that met their answer.
    """

    most: int
    labels: list[float] = field(default_factory=list[float])
    scores: list[np.ndarray] = field(default_factory=list[np.ndarray])
    features: list[np.ndarray] = field(default_factory=list[np.ndarray])
    seen: list[np.ndarray] = field(default_factory=list[np.ndarray])
    unlabelled: int = 0
    found: int = 0

    def add(self, batch: Batch, labels: Labels) -> None:
        """Join one batch; text columns of features are NaN in it."""
        known = [index for index, identity in enumerate(batch.ids) if identity in labels.by_id]
        self.unlabelled += len(batch.ids) - len(known)
        self.found += len(known)
        self.labels += [labels.by_id[batch.ids[index]] for index in known]
        self.scores += list(batch.outputs[known])
        self.features += list(batch.features[known])
        self.seen += list(batch.outputs)
        self._trim()

    def put_before(self, older: Joined) -> None:
        """Add what was read of an older file."""
        self.unlabelled += older.unlabelled
        self.found += older.found
        self.labels, self.scores = older.labels + self.labels, older.scores + self.scores
        self.features, self.seen = older.features + self.features, older.seen + self.seen
        self._trim()

    def complete(self, labels: Labels) -> bool:
        """Return whether older files can add nothing that is kept."""
        return len(self.seen) >= self.most and (len(self.labels) >= self.most or self.found >= len(labels.by_id))

    def _trim(self) -> None:
        for rows in (self.labels, self.scores, self.features, self.seen):
            del rows[: max(0, len(rows) - self.most)]

    def latest(self) -> np.ndarray:
        """Return the newest answers, shape (rows, outputs)."""
        return np.array(self.seen)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels (rows,), scores (rows, outputs) and features (rows, columns)."""
        return np.array(self.labels), np.array(self.scores), np.array(self.features)


def label_line(identity: str, value: float) -> str:
    """Return one line of a label file."""
    data = {"data": repr(value), "encoding": "CSV"}
    return json.dumps({"groundTruthData": data, "eventMetadata": {"eventId": identity}, "eventVersion": "0"})
