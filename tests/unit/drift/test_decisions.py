"""Labels, decisions, the comparison of models, and where a training goes next."""

from __future__ import annotations

import json

import numpy as np
import pytest

from greensage.drift import quality
from greensage.drift.compare import Rules, slices, surely_better, verdict
from greensage.drift.decide import Footprint, History, Policy, decide
from greensage.drift.labels import Joined, Labels, label_line
from greensage.drift.retrain import next_candidate, split, start_time
from tests.unit.drift.test_statistics import line, read

RANDOM = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order():
    RANDOM.bit_generator.state = np.random.default_rng(8).bit_generator.state


DAY = 86_400.0
NOW = 1_800_000_000.0
FOOTPRINT = Footprint(kwh=0.01, grams=3.0, usual_days=30)


def test_labels_join_by_id_late_or_not_and_bad_ones_are_counted():
    labels, joined = Labels(), Joined(most=2)
    labels.add([label_line("a", 1.0).encode(), b"{", label_line("c", 0.0).encode(), label_line("d", 1.0).encode()])
    for batch in read([line("1,2", "0.1", name) for name in "abcd"], 2):
        joined.add(batch, labels)
    assert joined.found == 3
    known, scores, features = joined.arrays()
    assert known.tolist() == [0.0, 1.0] and joined.unlabelled == 1 and len(labels.bad) == 1
    assert scores.shape == (2, 1) and features.shape == (2, 2)


def report(state: str = "holds", status: str = "ok") -> dict:
    row = {"value": 0.6, "threshold": 0.8, "more_is_better": True, "state": state}
    drifted = [{"name": "a", "drifted": True, "p_value": 1e-9}] if status == "drift" else []
    names = [column["name"] for column in drifted]
    return {"status": status, "drifted": names, "columns": drifted, "violations": [], "kpi": {"auc": row}, "until": NOW}


USUAL = Policy()


def decided(given: dict, policy: Policy = USUAL, history: History | None = None) -> dict:
    return decide(given, policy, history or History(), FOOTPRINT, now=NOW)


@pytest.mark.parametrize(
    ("given", "policy", "action"),
    [
        (report(), Policy(), "none"),
        (report("below"), Policy(), "retrain"),
        (report("uncertain"), Policy(), "none"),
        (report("few-labels"), Policy(), "none"),
        (report(status="drift"), Policy(), "alert"),
        (report(status="drift"), Policy(on_drift="retrain"), "retrain"),
        (report("below"), Policy(dry_run=True), "alert"),
        (report("below"), Policy(can_retrain=False), "alert"),
    ],
)
def test_what_is_decided(given, policy, action):
    assert decided(given, policy)["action"] == action


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (History(ended=NOW - 2 * DAY), "cool-down for 5.0 days"),
        (History(running="retraining-3"), "retraining-3 is under way"),
        (History(started=[NOW - 20 * DAY, NOW - 10 * DAY]), "the budget is 2"),
    ],
)
def test_what_holds_a_retraining_back_is_said(history, said):
    made = decided(report("below"), history=history)
    assert made["action"] == "alert" and made["wanted"] == "retrain" and said in " ".join(made["held_back"])


def test_a_budget_frees_itself_after_thirty_days():
    assert decided(report("below"), history=History(started=[NOW - 40 * DAY, NOW - 31 * DAY]))["action"] == "retrain"


def test_what_is_avoided_counts_against_a_retraining_by_the_clock():
    made = decided(report(), history=History(decided=NOW - 3 * DAY))
    assert made["grams"] == {"spent": 0.0, "avoided": pytest.approx(0.3)}
    assert decided(report("below"))["kwh"] == {"spent": 0.01, "avoided": 0.0}


RULES = Rules("auc", margin=0.01, tolerance=0.02, protected="f", least_rows=10)


def results(low: float | None = None, rows: int = 900, **gains: float) -> dict:
    """A champion of 0.8 and a challenger that is so much better, surely by `low` (default: a hundredth less)."""
    return {
        name.replace("_", " "): {
            "champion": {"auc": 0.8}, "challenger": {"auc": 0.8 * (1 + gain)}, "rows": rows, "low": gain - 0.01 if low is None else low,
        }
        for name, gain in gains.items()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "promoted"),
    [
        (results(window=0.05, holdout=0.0), True),
        (results(window=0.005), False),
        (results(window=0.05, holdout=-0.05), False),
        (results(window=0.05, slice_f_1=-0.03), False),
        (results(window=0.05, slice_f_1=-0.01), True),
        (results(holdout=0.05), True),
        ({}, False),
        ({"window": {"champion": {"auc": None}, "challenger": {"auc": 0.9}, "rows": 900, "low": 0.1}}, False),
        ({"window": {"champion": {"auc": 0.8}, "challenger": {"auc": 0.9}, "rows": 900, "low": None}}, False),
        (results(window=0.05, low=0.005), False),
        (results(window=0.05, rows=100), False),
        ({**results(window=0.05), "holdout": {"champion": {"auc": None}, "challenger": {"auc": 0.9}}}, False),
    ],
)
def test_a_challenger_wins_by_a_margin_and_loses_nowhere(given, promoted):
    made = verdict(given, RULES)
    assert made["promote"] is promoted and made["reasons"]


def test_less_is_better_for_errors():
    given = {"window": {"champion": {"rmse": 5.0}, "challenger": {"rmse": 4.0}, "rows": 900, "low": 0.15}}
    assert verdict(given, Rules("rmse", 0.1, 0.1))["promote"]


@pytest.mark.parametrize(("person", "promoted"), [(False, False), (True, True)])
def test_below_the_kpi_only_a_person_promotes(person, promoted):
    made = verdict(results(window=0.05), Rules("auc", 0.01, 0.02, kpi={"auc": 0.9}, person=person))
    assert made["promote"] is promoted and "the KPI asks for 0.9" in " ".join(made["reasons"])


@pytest.mark.parametrize(("apart", "least", "most"), [(-0.016, 0, 2), (0.0, 0, 3), (0.06, 17, 20)])
def test_what_is_not_better_is_hardly_ever_called_better(apart, least, most):
    """Pairs of models whose AUC are so far apart, on 800 rows each; a lower end above the margin promotes."""
    won = 0
    for _ in range(20):
        labels = RANDOM.integers(0, 2, 800).astype(float)
        shared = RANDOM.normal(size=800)
        scores = [1 / (1 + np.exp(-(far * labels + shared + RANDOM.normal(0, 0.5, 800)))) for far in (1.2, 1.2 + 5 * apart)]
        old, new = (quality.understood(labels, found, ["auc"]) for found in scores)
        found = surely_better(old, new, "auc")
        assert found is not None and found[1] <= found[0]
        won += found[1] >= 0.005
    assert least <= won <= most


def test_slices_are_values_or_quarters():
    assert set(slices(np.repeat([1.0, 2.0, np.nan], 20), 10)) == {"1", "2"}
    assert len(slices(RANDOM.random(400), 10)) == 4 and slices(np.arange(8.0), 10) == {}


CANDIDATES = [{"type": "a", "spot": True}, {"type": "b", "spot": True}, {"type": "a", "spot": False}]


def test_capacity_moves_on_and_a_broken_script_does_not():
    lost = {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "CapacityError: no capacity"})}
    assert next_candidate(lost, 0, CANDIDATES) | {"why": ""} == {
        "again": True, "why": "", "attempt": 1, "candidate": CANDIDATES[1],
    }  # fmt: skip
    assert next_candidate(lost, 2, CANDIDATES)["again"] is False
    broken = {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "AlgorithmError: train.py ended with 1"})}
    found = next_candidate(broken, 0, CANDIDATES)
    assert not found["again"] and "train.py ended with 1" in found["why"]


def test_a_training_waits_for_the_green_hour_if_it_may():
    midnight = NOW - NOW % DAY
    noon = midnight + 12 * 3600
    assert start_time(midnight, 12, 24) == noon and start_time(midnight, 12, 6) == midnight
    assert start_time(noon + 600, 12, 24) == noon + 600 and start_time(noon + 7200, 12, 24) == noon + DAY
    assert start_time(noon, None, 24) == noon


def test_the_rows_that_were_judged_are_kept_for_the_comparison():
    assert split(1_000, 300) == (range(700), range(700, 1_000)) and split(100, 300) == (range(50), range(50, 100))
