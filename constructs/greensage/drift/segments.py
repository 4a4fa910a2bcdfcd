"""Drift and KPIs of each declared slice: a change of one group of users that the whole does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .columns import Column
from .detector import Detector, Kind
from .events import KpiSegment, SegmentRow
from .judge import judge
from .methods import change
from .quality import METRICS, Answers
from .rows import Rows
from .significance import holm
from .slices import Slices

_SHOWN = 10


def drift_by_slice(
    reference: Rows, window: Rows, kinds: Mapping[str, Kind], features: Sequence[str], *, method: str, threshold: float,
    alpha: float, least_rows: int,
) -> list[SegmentRow]:  # fmt: skip
    """Return the slices of `features` that both samples have `least_rows` of, the one that changed the most first.

    `kinds` are the columns that are compared, and how. `drifted` are those that moved by `threshold` and improbably: p-values
    are corrected for all columns of all slices together (Holm), so that `alpha` holds for all of them.
    """
    found: list[tuple[str, int, list[_Test]]] = []
    for feature in features:
        others: dict[str, Kind] = {name: kind for name, kind in kinds.items() if name != feature}
        for label, before, after in _slices(reference, window, feature, least_rows):
            found.append((f"{feature} {label}", len(after), _tests(before, after, others, method)))
    corrected = iter(holm([test.p_value for _, _, tests in found for test in tests]))
    rows: list[SegmentRow] = []
    for name, count, tests in found:
        judged = [replace(test, p_value=next(corrected)) for test in tests]
        most = min(judged, key=lambda test: (test.p_value, -test.value), default=_Test("", 0.0, 1.0))
        drifted = [test.column for test in judged if test.value >= threshold and test.p_value < alpha]
        rows.append({
            "segment": name, "rows": count, "column": most.column, "value": most.value, "p_value": most.p_value,
            "drifted": drifted,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (not row["drifted"], row["p_value"], -row["value"]))[:_SHOWN]


@dataclass(frozen=True)
class _Test:
    """How far a column of a slice moved, and how probable that is as chance."""

    column: str
    value: float
    p_value: float


def _tests(before: Rows, after: Rows, kinds: Mapping[str, Kind], method: str) -> list[_Test]:
    detector = Detector(before, after)
    known = [name for name in kinds if detector.has(name)]
    return [_Test(name, _size(method, before, after, name), detector.column(name, kinds[name]).p_value) for name in known]


def kpi_by_slice(
    answers: Answers, values: Mapping[str, np.ndarray], kpi: Mapping[str, float], *, min_labels: int, judged_rows: int
) -> list[KpiSegment]:
    """Return how the KPIs of slices stand, the worst first; `values` are of each feature, one for each answer."""
    found: list[KpiSegment] = []
    for feature, cells in values.items():
        for label, mask in Slices(cells).masks(cells).items():
            if int(mask.sum()) < min_labels:
                continue
            rows = judge(answers.taken(np.flatnonzero(mask)), kpi, min_labels=min_labels, judged_rows=judged_rows)
            for name, row in rows.items():
                if row["value"] is not None:
                    found.append({
                        "segment": f"{feature} {label}", "kpi": name, "labels": row["labels"], "value": row["value"],
                        "interval": row["interval"], "threshold": row["threshold"], "state": row["state"],
                    })  # fmt: skip
    return sorted(found, key=lambda row: (row["state"] != "below", _room(row)))[:_SHOWN]


def _room(row: KpiSegment) -> float:
    """How far a KPI is on the good side of its threshold, as a share of that."""
    assert row["value"] is not None
    sign = 1 if METRICS[row["kpi"]][1] else -1
    return sign * (row["value"] - row["threshold"]) / (abs(row["threshold"]) or 1)


def _slices(reference: Rows, window: Rows, feature: str, least_rows: int) -> Iterator[tuple[str, Rows, Rows]]:
    if feature not in reference.names or feature not in window.names:
        return
    old, new = _cells(reference, feature, window), _cells(window, feature, reference)
    slices = Slices(old)
    before, after = slices.masks(old), slices.masks(new)
    for label, mask in before.items():
        if min(int(mask.sum()), int(after[label].sum())) >= least_rows:
            yield label, reference.taken(mask), window.taken(after[label])


def _cells(rows: Rows, feature: str, other: Rows) -> np.ndarray:
    """One value a row: texts where either sample has words."""
    index = rows.names.index(feature)
    if index in rows.words or other.names.index(feature) in other.words:
        known = rows.known(index, words=True)
        cells = np.full(len(rows), "", object)
        cells[known] = rows.values(index, known, words=True)
        return cells
    return rows.numbers[:, index]


def _size(method: str, before: Rows, after: Rows, name: str) -> float:
    old, new = _column(before, name), _column(after, name)
    return change(method, old, new)[0] if old.present and new.present else 0.0


def _column(rows: Rows, name: str) -> Column:
    index, made = rows.names.index(name), Column(name)
    made.update(rows.numbers[:, index])
    words = [word for word in rows.words.get(index, ()) if word is not None]
    if words:
        made.missing -= len(words)
        made.update_words(words)
    return made
