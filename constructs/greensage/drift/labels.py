"""Ground truth: label files in Model Monitor's format, and their join to captured answers by inference id.

Format: AWS developer guide, "Ingest Ground Truth labels and merge them with predictions".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from .capture import BadLine, Batch

Label = tuple[float, ...]


@dataclass
class Labels:
    """Labels by id, and lines that were none. A later line for the same id replaces the earlier.

    `conflicting` are ids whose labels were not the same. classes: their names, where labels are words; a name's label is its
    place.
    """

    by_id: dict[str, Label] = field(default_factory=dict[str, Label])
    bad: list[BadLine] = field(default_factory=list[BadLine])
    conflicting: set[str] = field(default_factory=set[str])
    classes: Sequence[str] = ()

    def add(self, lines: Iterable[bytes]) -> None:
        """Read the lines of one file."""
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._take(number, line)

    def _take(self, number: int, line: bytes) -> None:
        try:
            record = json.loads(line)
            identity, value = str(record["eventMetadata"]["eventId"]), self._read(record["groundTruthData"]["data"])
        except (ValueError, KeyError, TypeError) as problem:
            self.bad.append(BadLine(number, f"not a label: {type(problem).__name__}: {problem}", line))
            return
        if self.by_id.get(identity, value) != value:
            self.conflicting.add(identity)
        self.by_id[identity] = value

    def _read(self, data: Any) -> Label:
        cells: Sequence[Any] = [data]
        if isinstance(data, str):
            cells = data.split(",")
        elif _is_list(data):
            cells = data
        found = tuple(self._one(cell) for cell in cells)
        if not found or not all(map(math.isfinite, found)):
            raise ValueError(f"{str(data)[:40]!r} is no label")
        return found

    def _one(self, cell: Any) -> float:
        name = str(cell).strip()
        return float(self.classes.index(name)) if name in self.classes else float(cell)


@dataclass
class Joined:
    """Answers whose label is known, the newest `most` of them; `unlabelled` counts those still without, of all that were read.

    `seen` holds the newest answers, with or without a label, and `seen_features` theirs; `found` counts the labels that met
    their answer. What cannot be joined is counted: `duplicates` are answers whose id another one had before, `whole` are
    labels that name a request of several rows, which need `<id>/<row>`.
    """

    most: int
    labels: list[Label] = field(default_factory=list[Label])
    scores: list[np.ndarray] = field(default_factory=list[np.ndarray])
    features: list[np.ndarray] = field(default_factory=list[np.ndarray])
    words: list[dict[int, str]] = field(default_factory=list[dict[int, str]])
    times: list[str] = field(default_factory=list[str])
    seen: list[np.ndarray] = field(default_factory=list[np.ndarray])
    seen_features: list[np.ndarray] = field(default_factory=list[np.ndarray])
    unlabelled: int = 0
    found: int = 0
    duplicates: int = 0
    whole: set[str] = field(default_factory=set[str])
    ids: set[str] = field(default_factory=set[str])

    def add(self, batch: Batch, labels: Labels) -> None:
        """Join one batch; text columns of features are NaN in it, and their words beside."""
        known: list[int] = []
        for index, identity in enumerate(batch.ids):
            if identity in self.ids:
                self.duplicates += 1
                continue
            self.ids.add(identity)
            if identity in labels.by_id:
                known.append(index)
                continue
            self.unlabelled += 1
            request = identity.rpartition("/")[0]
            if request in labels.by_id:
                self.whole.add(request)
        self.found += len(known)
        self.labels += [labels.by_id[batch.ids[index]] for index in known]
        self.scores += list(batch.outputs[known])
        self.features += list(batch.features[known])
        self.words += [{column: words[index] for column, words in batch.words.items() if index in words} for index in known]
        self.times += [batch.times[index] for index in known]
        self.seen += list(batch.outputs)
        self.seen_features += list(batch.features)
        self._trim()

    def put_before(self, older: Joined) -> None:
        """Add what was read of an older file."""
        self.unlabelled += older.unlabelled
        self.found += older.found
        self.duplicates += older.duplicates
        self.whole |= older.whole
        for name in self._LISTS:
            setattr(self, name, getattr(older, name) + getattr(self, name))
        self._trim()

    def complete(self, labels: Labels) -> bool:
        """Return whether older files can add nothing that is kept."""
        return len(self.seen) >= self.most and (len(self.labels) >= self.most or self.found >= len(labels.by_id))

    _LABELLED = ("labels", "scores", "features", "words", "times")
    _LISTS = (*_LABELLED, "seen", "seen_features")

    def _trim(self) -> None:
        for name in self._LISTS:
            rows = getattr(self, name)
            del rows[: max(0, len(rows) - self.most)]

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the newest answers, shape (rows, outputs), and their features, shape (rows, columns)."""
        wide = len(self.seen[-1]) if self.seen else 0
        fitting = [index for index, row in enumerate(self.seen) if len(row) == wide]
        return np.array([self.seen[index] for index in fitting]), np.array([self.seen_features[index] for index in fitting])

    def drop_other_shapes(self) -> None:
        """Leave out labelled rows whose label or answer has another number of values than the newest one has."""
        shapes = [(len(label), len(score)) for label, score in zip(self.labels, self.scores, strict=True)]
        kept = [index for index, shape in enumerate(shapes) if shape == shapes[-1]]
        if len(kept) < len(shapes):
            for name in self._LABELLED:
                setattr(self, name, [getattr(self, name)[index] for index in kept])

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels (rows,) or (rows, values), scores (rows, outputs) and features (rows, columns)."""
        if not self.labels:
            return np.empty(0), np.empty((0, 0)), np.empty((0, 0))
        labels = np.array(self.labels)
        return (labels[:, 0] if labels.shape[1] == 1 else labels), np.array(self.scores), np.array(self.features)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def label_line(identity: str, value: float | Sequence[float]) -> str:
    """Return one line of a label file; several values are of several labels or outputs."""
    values = [value] if isinstance(value, float | int) else value
    data = {"data": ",".join(map(repr, values)), "encoding": "CSV"}
    return json.dumps({"groundTruthData": data, "eventMetadata": {"eventId": identity}, "eventVersion": "0"})
