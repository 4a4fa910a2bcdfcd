"""Whole reports and files of one fixed window, read once by a person: `--snapshot-update` writes them anew."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from greensage.catalog import drift
from greensage.drift import compare, monitor_files
from greensage.drift.estimate import Unlabelled, estimate
from greensage.drift.evaluate import Settings, constraint_violations, evaluate
from greensage.drift.judge import judge
from greensage.drift.kll import Kll
from greensage.drift.quality import METRICS, REGRESSION_METRICS, base, understood
from greensage.drift.window import Statistics, of_table

NAMES = ["level", "count", "gap", "state"]


def rounded(value: Any) -> Any:
    """Numbers to five digits: other processors round the last ones otherwise, and cosines of 32 bits more of them."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def made(seed: int, rows: int, shift: float) -> Statistics:
    random = np.random.default_rng(seed)
    table = np.column_stack([
        random.normal(shift, 1, rows), random.integers(0, 4 + int(2 * shift), rows), random.exponential(1, rows), np.full(rows, np.nan),
    ])  # fmt: skip
    table[: int(rows * shift / 10), 2] = np.nan
    window = of_table(NAMES, table, random.random((rows, 2)))
    window.features["state"].missing = 0
    window.features["state"].update_words(
        ["OH"] * int(rows * (0.7 - shift / 5)) + ["NJ"] * (rows - int(rows * (0.7 - shift / 5)))
    )
    return window


@pytest.fixture
def json_snapshot(snapshot):
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.parametrize("method", drift.methods())
def test_report(method, json_snapshot):
    given = Settings(method, drift.threshold(method), 0.05, 200, 0.05, 0.01)
    report = evaluate(made(1, 3_000, 0.0), made(2, 900, 1.0), given)
    assert rounded({**report, **constraint_violations(report)}) == json_snapshot


def test_files(json_snapshot):
    window = made(3, 60, 0.5)
    constraints = monitor_files.to_constraints(window, distance=0.1, method="Simple")
    assert (
        rounded({"statistics": {**monitor_files.to_statistics(window), monitor_files.ROWS: None}, "constraints": constraints})
        == json_snapshot
    )


def test_a_sketch_through_json(json_snapshot):
    sketch = Kll()
    sketch.update(np.random.default_rng(4).normal(size=9_000))
    content = sketch.to_json()
    assert [len(level) for level in content["data"]] == json_snapshot
    again = Kll.from_json(json.loads(json.dumps(content)))
    for old, new in zip(sketch.weighted(), again.weighted(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert again.to_json() == content


RESULTS = {
    "window": {"champion": {"auc": 0.80, "rmse": 2.0}, "challenger": {"auc": 0.83, "rmse": 1.5}, "rows": 900, "low": 0.03},
    "holdout": {"champion": {"auc": 0.90, "rmse": 2.0}, "challenger": {"auc": 0.87, "rmse": 2.4}, "rows": 900, "low": -0.05},
    "slice age 1": {"champion": {"auc": 0.70, "rmse": None}, "challenger": {"auc": 0.71, "rmse": 1.0}},
}
RULES = [
    compare.Rules("auc", 0.02, 0.05), compare.Rules("auc", 0.05, 0.01), compare.Rules("rmse", 0.5, 0.4), compare.Rules("rmse", 0.4, 0.3),
    compare.Rules("auc", 0.03, 0.03),
]  # fmt: skip


def test_verdicts(json_snapshot):
    parts = [RESULTS, {"holdout": RESULTS["holdout"]}, {}, {"window": RESULTS["slice age 1"]}]
    assert rounded([compare.verdict(part, rules) for part in parts for rules in RULES]) == json_snapshot


def test_kpis(json_snapshot):
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 900).astype(float)
    scores = np.clip(random.normal(0.35 + 0.3 * labels, 0.25), 0, 1).round(3)
    three, classes = random.dirichlet(np.ones(3), 400), random.integers(0, 3, 400).astype(float)
    pair = np.column_stack([1 - scores, scores])

    def judged(labels, scores, kpi, least):
        return judge(understood(labels, scores, list(kpi)), kpi, min_labels=least)

    classification = {name: 0.6 for name in METRICS if base(name) not in REGRESSION_METRICS}
    regression = dict.fromkeys(REGRESSION_METRICS, 0.6)
    known = understood(labels[:300], scores[:300], ["auc"])
    unlabelled = Unlabelled(scores, np.zeros((900, 1)))
    found = {
        "classification": judged(labels, scores, classification, 200), "regression": judged(labels, scores, regression, 200),
        "two columns": judged(labels, pair, {"auc": 0.9, "recall": 0.1}, 900),
        "classes": judged(classes, three, {"accuracy": 0.3, "log_loss": 2.0}, 10),
        "large": judged(np.tile(labels, 9), np.tile(scores, 9), {"mae": 0.3}, 10),
        "one class": judged(np.ones(50), scores[:50], {"auc": 0.5, "precision": 0.5}, 10),
        "estimated": estimate(unlabelled, list(classification), None, np.empty((0, 1))),
        "calibrated": estimate(unlabelled, list(classification), known, np.zeros((300, 1))),
    }  # fmt: skip
    assert rounded(found) == json_snapshot
