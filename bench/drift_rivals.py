"""The others' evaluators, as their documentation shows them, with their defaults. Runs in .venv-rivals."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np


def read_captures(path: str) -> Any:
    """A DataFrame of captured requests: orjson for each line, pandas' C parser once; the fastest simple way we found."""
    import orjson
    import pandas as pd

    rows = []
    with open(path, "rb") as file:
        for line in file:
            captured = orjson.loads(line)["captureData"]
            rows.append(f"{captured['endpointInput']['data'].strip()},{captured['endpointOutput']['data'].strip()}")
    return named(pd.read_csv(io.StringIO("\n".join(rows)), header=None))


def named(table: Any) -> Any:
    """Evidently sees no columns whose names are no text."""
    return table.rename(columns=str)


def evidently(reference: Any, current: Any) -> tuple[bool, bool]:
    """Whether its dataset drifted (half of the columns), and whether any column did; the cheapest report that says so."""
    from evidently import Report
    from evidently.metrics import DriftedColumnsCount

    value = Report([DriftedColumnsCount()]).run(current, reference).dict()["metrics"][0]["value"]
    return value["share"] >= 0.5, value["count"] > 0


def evidently_preset(reference: Any, current: Any) -> tuple[bool, bool]:
    """The same by DataDriftPreset, which most users take; it draws histograms too."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    report = Report([DataDriftPreset()]).run(current, reference).dict()
    value = next(row["value"] for row in report["metrics"] if row["config"]["type"].endswith(":DriftedColumnsCount"))
    return value["share"] >= 0.5, value["count"] > 0


def frouros_ks(reference: np.ndarray, current: np.ndarray, alpha: float) -> bool:
    """A KS test for each column; frouros has no correction, so Bonferroni's."""
    from frouros.detectors.data_drift import KSTest

    values = []
    for column in range(reference.shape[1]):
        detector = KSTest()
        detector.fit(X=reference[:, column])
        values.append(detector.compare(X=current[:, column])[0].p_value)
    return min(values) < alpha / len(values)


def frouros_stream(kind: str, errors: Sequence[int]) -> list[int]:
    """Where a detector of concept drift (ADWIN, DDM, HDDMA) reports one in a stream of errors; it starts anew after each."""
    import frouros.detectors.concept_drift as detectors

    detector = getattr(detectors, kind)(config=getattr(detectors, f"{kind}Config")())
    found = []
    for index, error in enumerate(errors):
        detector.update(value=error)
        if detector.status["drift"]:
            found.append(index)
            detector.reset()
    return found
