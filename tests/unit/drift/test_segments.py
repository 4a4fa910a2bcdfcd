"""Slices: a change of one group that the whole hides, KPIs of groups, and false alarms with many of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine

from greensage.drift.evaluate import Settings, evaluate
from greensage.drift.incidents import follow_drift
from greensage.drift.page import page
from greensage.drift.quality import understood
from greensage.drift.segments import kpi_by_slice
from greensage.drift.slices import Slices
from greensage.drift.window import Statistics, of_table

SETTINGS = Settings("wasserstein", 0.05, 0.05, 100, 0.02, 0.01, segments=("region", "age"))
NAMES = ["region", "age", "income"]


def people(seed: int, rows: int, shift: float = 0.0) -> Statistics:
    """Incomes by region and age; `shift` those of one region up and of another down, so that the whole stays."""
    random = np.random.default_rng(seed)
    region, age, income = random.integers(0, 4, rows), random.normal(40, 10, rows), random.normal(size=rows)
    if shift:  # one region grows richer; everybody together keeps the distribution that there was
        income = np.sort(income)[np.argsort(np.argsort(income + shift * (region == 1)))]
    names = ("north", "south", "east", "west")
    words = {0: {index: names[place] for index, place in enumerate(region)}}
    return of_table(NAMES, np.stack([np.full(rows, np.nan), age, income], axis=1), words=words)


def test_what_one_region_does_is_found_and_named():
    found = evaluate(people(1, 6_000), people(2, 2_000, 1.0), SETTINGS)
    worst = found["segments"][0]
    assert found["drifted"] == [] and found["status"] == "drift"
    assert (worst["segment"], worst["drifted"]) == ("region south", ["income"])
    (opened,) = follow_drift({}, found, 0.0, 1.0).opened
    assert "income where region south" in opened["what"]


def test_many_slices_raise_no_false_alarms():
    reference = people(1, 6_000)
    alarms = sum(evaluate(reference, people(seed, 1_200), SETTINGS)["status"] == "drift" for seed in range(100, 140))
    assert alarms <= 4


def test_numbers_are_cut_into_quarters_and_few_values_are_slices():
    values = fetch_values()
    slices = Slices(values)
    masks = slices.masks(values)
    assert len(masks) == 4 and sum(mask.sum() for mask in masks.values()) == len(values)
    assert all(0.2 < mask.mean() < 0.3 for mask in masks.values())
    assert list(Slices(np.array([2.0, 1.0, np.nan, 2.0])).masks(np.array([1.0, 3.0, np.nan]))) == ["1", "2"]
    assert list(Slices(np.array(["b", "a", "b"], object)).masks(np.array(["a", "c"], object))) == ["b", "a"]


def fetch_values() -> np.ndarray:
    return np.asarray(load_wine().data)[:, 0]


def test_the_worst_slice_of_a_kpi_comes_first():
    random = np.random.default_rng(4)
    truth, group = random.integers(0, 2, 4_000), np.repeat(["a", "b"], 2_000).astype(object)
    scores = np.clip(truth + random.normal(0, 0.4, 4_000), 0, 1)
    scores[2_000:] = random.random(2_000)
    answers = understood(truth.astype(float), scores, ["auc"], ())
    found = kpi_by_slice(answers, {"group": group}, {"auc": 0.8}, min_labels=200, judged_rows=2_000)
    assert [row["segment"] for row in found] == ["group b", "group a"]
    assert [row["state"] for row in found] == ["below", "holds"] and abs(found[0]["value"] - 0.5) < 0.05


def test_the_page_shows_columns_then_and_now_and_escapes_what_callers_send():
    before, after = people(1, 3_000), people(2, 1_000, 0.0)
    after.features["region"].update_words(["<script>"] * 500)
    after.sample.words[0][:300] = "<script>"
    found = evaluate(before, after, SETTINGS)
    report = {
        **found, "id": "r", "model": "churn", "after": 0.0, "until": 1e9, "kpi": {}, "kpi_estimate": {}, "kpi_segments": [],
        "bad_lines": {"unreadable": 2},
    }  # fmt: skip
    made = page(report)
    assert "<h1>churn: drift</h1>" in made and "&lt;script&gt;" in made and "<script>" not in made
    assert made.count("<svg") == len(found["pictures"]) and "unreadable" in made
    shares = found["pictures"]["region"]
    assert sum(shares["then"]) == pytest.approx(1, abs=1e-3) and sum(shares["now"]) == pytest.approx(1, abs=1e-3)
