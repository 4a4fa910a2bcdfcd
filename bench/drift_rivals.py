"""The others' evaluators, as their documentation shows them, with their defaults. Runs in .venv-rivals."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# NannyML would send who uses it; nothing here may.
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
_LEAST_CHUNKS = 5


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


def verdicts(reference: np.ndarray, window: np.ndarray, alpha: float) -> dict[str, bool]:
    """Who of the others alarms on a window, each with its defaults; who fails on it does not."""
    import pandas as pd

    names = [f"c{index}" for index in range(reference.shape[1])]
    before, after = pd.DataFrame(reference, columns=names), pd.DataFrame(window, columns=names)
    whole, some = _or_not(lambda: evidently(before, after), (False, False))
    found = {
        "evidently, half of the columns": whole,
        "evidently, any column": some,
        "alibi-detect tabular": _or_not(lambda: alibi_tabular(reference, window, alpha), False),
        "alibi-detect classifier": _or_not(lambda: alibi_classifier(reference, window, alpha), False),
        "frouros KS": _or_not(lambda: frouros_ks(reference, window, alpha), False),
    }
    # Its limits are three standard deviations of the reference's chunks, of which there must be some.
    if len(before) >= _LEAST_CHUNKS * len(after):
        found["NannyML univariate"] = _or_not(lambda: nannyml_univariate(before, after), False)
        found["NannyML multivariate"] = _or_not(lambda: nannyml_multivariate(before, after), False)
    return found


def _or_not(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What a tool says; some raise on gaps or constant columns."""
    try:
        return ask()
    except Exception:
        return otherwise


def nannyml_univariate(before: Any, after: Any) -> bool:
    """Jensen-Shannon of each column in chunks of the window's size; an alert of any column."""
    import nannyml

    made = nannyml.UnivariateDriftCalculator(
        column_names=list(before.columns), continuous_methods=["jensen_shannon"], chunk_size=len(after)
    )
    found = made.fit(before).calculate(after).filter(period="analysis").to_df()
    return bool(found[[column for column in found.columns if column[-1] == "alert"]].to_numpy(bool).any())


def nannyml_multivariate(before: Any, after: Any) -> bool:
    """The error of reconstruction by principal components, in chunks of the window's size."""
    import nannyml

    made = nannyml.DataReconstructionDriftCalculator(column_names=list(before.columns), chunk_size=len(after))
    found = made.fit(before).calculate(after).filter(period="analysis").to_df()
    return bool(found[[column for column in found.columns if column[-1] == "alert"]].to_numpy(bool).any())


def alibi_tabular(reference: np.ndarray, window: np.ndarray, alpha: float) -> bool:
    """KS for each column, with Bonferroni's correction."""
    from alibi_detect.cd import TabularDrift

    return bool(TabularDrift(reference, p_val=alpha).predict(window)["data"]["is_drift"])


def alibi_classifier(reference: np.ndarray, window: np.ndarray, alpha: float) -> bool:
    """Whether a random forest tells the window from the reference, out of bag."""
    from alibi_detect.cd import ClassifierDrift
    from sklearn.ensemble import RandomForestClassifier

    made = ClassifierDrift(
        reference, RandomForestClassifier(50, n_jobs=1, random_state=0), backend="sklearn", p_val=alpha, n_folds=3, seed=0,
        preds_type="probs",
    )  # fmt: skip
    return bool(made.predict(window)["data"]["is_drift"])


def river_stream(kind: str, errors: Sequence[int]) -> list[int]:
    """Where a detector of river (ADWIN, PageHinkley) reports a change in a stream of errors."""
    from river import drift

    detector, found = getattr(drift, kind)(), []
    for index, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            found.append(index)
    return found
