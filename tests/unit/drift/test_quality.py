"""Metrics equal to scikit-learn's whatever the coding, KPIs row by row, and estimates without labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from greensage.drift.coding import CodingError
from greensage.drift.estimate import Unlabelled, estimate
from greensage.drift.judge import judge
from greensage.drift.quality import measure, metric_of, understood
from greensage.drift.sequential import fall


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(8)


def same(labels, scores, expected: dict[str, float], classes=()) -> None:
    found = understood(np.asarray(labels, float), np.asarray(scores, float), list(expected), classes)
    assert measure(found, list(expected)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("classes", [(0, 1), (-1, 1), (1, 2)])
def test_two_classes(random, classes):
    labels = random.choice(classes, 600)
    scores = np.clip(0.3 * (labels == classes[1]) + 0.7 * random.random(600), 0, 1).round(2)  # ties
    called = np.where(scores > 0.5, *classes[::-1])
    right = {"pos_label": classes[1]}
    hard = {
        "accuracy": metrics.accuracy_score(labels, called), "precision": metrics.precision_score(labels, called, **right),
        "recall": metrics.recall_score(labels, called, **right), "f1": metrics.f1_score(labels, called, **right),
    }  # fmt: skip
    soft = {"auc": metrics.roc_auc_score(labels, scores), "log_loss": metrics.log_loss(labels, np.c_[1 - scores, scores])}
    same(labels, scores, {**hard, **soft})
    same(labels, np.c_[1 - scores, scores], {**hard, **soft})
    same(labels, called, hard)  # a model that answers classes


def test_margins_cut_at_zero(random):
    labels = random.integers(0, 2, 500)
    margins = random.normal(2.0 * labels - 1, 1.5)
    same(labels, margins, {"auc": metrics.roc_auc_score(labels, margins), "f1": metrics.f1_score(labels, margins > 0)})


@pytest.mark.parametrize("classes", [(0, 1, 2), (1, 2, 3), (5, 7, 9)])
def test_several_classes(random, classes):
    labels = random.choice(classes, 500, p=(0.6, 0.3, 0.1))
    scores = random.random((500, 3)) + (labels[:, None] == np.array(classes))
    scores /= scores.sum(axis=1, keepdims=True)
    called = np.array(classes)[scores.argmax(axis=1)]
    by = {
        f"{name}_{average}": getattr(metrics, f"{name}_score")(labels, called, average=average)
        for name in ("precision", "recall", "f1") for average in ("macro", "weighted")
    }  # fmt: skip
    ovr = {"multi_class": "ovr"}
    soft = {
        "auc": metrics.roc_auc_score(labels, scores, **ovr), "log_loss": metrics.log_loss(labels, scores),
        "auc_weighted": metrics.roc_auc_score(labels, scores, average="weighted", **ovr),
    }  # fmt: skip
    same(labels, scores, {**by, **soft, "accuracy": metrics.accuracy_score(labels, called), "f1": by["f1_macro"]})
    same(labels, called, {"accuracy": metrics.accuracy_score(labels, called), "f1": by["f1_macro"]})
    same(labels, labels, {"accuracy": 1.0, "f1": 1.0})
    fewer = np.where(labels == classes[2], classes[0], labels)  # a class that no label has
    told = {"accuracy": metrics.accuracy_score(fewer, called), "f1_macro": metrics.f1_score(fewer, called, average="macro")}
    same(fewer, scores, told, classes)


def test_several_labels_and_several_numbers(random):
    labels = random.integers(0, 2, (400, 4))
    scores = 0.6 * random.random((400, 4)) + 0.3 * labels
    called = scores > 0.5
    same(labels, scores, {
        "auc": metrics.roc_auc_score(labels, scores), "f1": metrics.f1_score(labels, called, average="macro"),
        "f1_weighted": metrics.f1_score(labels, called, average="weighted"), "accuracy": metrics.accuracy_score(labels, called),
    })  # fmt: skip
    truth = random.normal(size=(300, 2))
    guess = truth + random.normal(size=(300, 2))
    same(truth, guess, {
        "rmse": metrics.root_mean_squared_error(truth, guess), "mae": metrics.mean_absolute_error(truth, guess),
        "r2": metrics.r2_score(truth, guess), "mse": metrics.mean_squared_error(truth, guess),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "scores", "names", "said"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], ["auc"], "3 classes"),
        ([0.5, 1.7], [0.1, 0.2], ["accuracy"], "no classes; for numbers watch rmse"),
        ([1.0, 2.0], [[1, 2], [3, 4]], ["rmse"], "an answer has 2 values and a label 1"),
        ([0, 1, 2, 3], [[0.5, 0.5]] * 4, ["auc"], "4 classes"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_found(labels, scores, names, said):
    with pytest.raises(CodingError, match=said):
        understood(np.array(labels, float), np.array(scores, float), names)


def test_an_answer_that_is_no_number_leaves_the_kpi_as_it_is(random):
    labels, scores = random.integers(0, 2, 2_000).astype(float), random.random(2_000)
    scores[7] = np.nan
    row = judge(understood(labels, scores, ["auc"]), {"auc": 0.1}, min_labels=200)["auc"]
    assert row["state"] == "holds" and row["labels"] == 1_999


def answered(random: np.random.Generator, *parts: tuple[int, float]):
    """Labels and answers of which such shares are wrong, one part after the other."""
    labels = random.integers(0, 2, sum(rows for rows, _ in parts)).astype(float)
    wrong = np.concatenate([random.random(rows) < share for rows, share in parts])
    return understood(labels, np.where(wrong, 1 - labels, labels), ["accuracy"])


def test_a_fall_is_found_within_500_rows_and_its_begin_is_known(random):
    """Errors go from 12 to 21 %, the threshold is at 15 %."""
    found = []
    for _ in range(30):
        answers = answered(random, (3_000, 0.12), (1_000, 0.21))
        assert not fall(answers.taken(np.arange(3_000)), "accuracy", 0.85).below
        ends = range(3_050, 4_001, 50)
        first = next((end for end in ends if fall(answers.taken(np.arange(end)), "accuracy", 0.85).below), 4_000)
        found.append(first - 3_000)
        since = fall(answers, "accuracy", 0.85).since
        assert since is None or 2_500 <= since <= 3_600
    assert np.median(found) <= 500


def test_on_the_limit_there_is_no_alarm(random):
    assert sum(fall(answered(random, (2_000, 0.15)), "accuracy", 0.85).below for _ in range(60)) <= 2


@pytest.mark.parametrize("name", ["auc", "f1", "precision", "recall", "log_loss"])
def test_other_metrics_hold_on_their_value_and_fall_below_it(random, name):
    labels = random.integers(0, 2, 2_000).astype(float)
    scores = 1 / (1 + np.exp(-(2 * labels - 1 + random.normal(size=2_000))))
    answers = understood(labels, scores, [name])
    value, worse = metric_of(name)(answers), -1 if name == "log_loss" else 1
    assert not fall(answers, name, value - 0.02 * worse).below and fall(answers, name, value + 0.15 * worse).below


@pytest.mark.parametrize("name", ["rmse", "mae", "mse", "r2"])
def test_errors_too(random, name):
    labels = random.normal(size=2_000)
    answers = understood(labels, labels + random.normal(0, 0.5, 2_000), [name])
    value, worse = metric_of(name)(answers), 1 if name == "r2" else -1
    assert not fall(answers, name, value - 0.1 * worse).below and fall(answers, name, value + 0.2 * worse).below


def test_a_kpi_holds_is_uncertain_or_below(random):
    answers = answered(random, (2_000, 0.15))
    value = metric_of("accuracy")(answers)
    states = {
        where: judge(answers, {"accuracy": value + apart}, min_labels=200)["accuracy"]["state"]
        for where, apart in {"far": 0.08, "near": 0.001, "under": -0.05}.items()
    }
    assert states == {"far": "below", "near": "uncertain", "under": "holds"}
    few = judge(answers.taken(np.arange(50)), {"accuracy": 0.99}, min_labels=200)
    assert few["accuracy"]["state"] == "few-labels"


def test_estimates_of_calibrated_answers_are_right_and_have_an_interval(random):
    scores = random.random(20_000)
    labels = (random.random(20_000) < scores).astype(float)
    names = ["auc", "accuracy", "f1", "log_loss"]
    found = estimate(Unlabelled(scores, np.zeros((20_000, 1))), names, None, np.empty((0, 1)))
    true = measure(understood(labels, scores, names), names)
    for name in names:
        assert found[name]["value"] == pytest.approx(true[name], abs=0.01) and not found[name]["calibrated"]
        assert found[name]["interval"][0] < found[name]["value"] < found[name]["interval"][1]


def test_labels_calibrate_what_a_model_is_too_sure_of(random):
    chances = random.random(8_000)
    labels = (random.random(8_000) < chances).astype(float)
    sure = 1 / (1 + np.exp(-4 * np.log(chances / (1 - chances))))
    known = understood(labels[:4_000], sure[:4_000], ["accuracy", "log_loss"])
    later = Unlabelled(sure[4_000:], np.zeros((4_000, 1)))
    true = metrics.accuracy_score(labels[4_000:], sure[4_000:] > 0.5)
    naive = estimate(later, ["accuracy"], None, np.empty((0, 1)))["accuracy"]["value"]
    found = estimate(later, ["accuracy"], known, np.zeros((4_000, 1)))["accuracy"]
    assert abs(found["value"] - true) < 0.02 < abs(naive - true) and found["calibrated"]
    assert estimate(Unlabelled(np.array([5.0, -1.0]), np.zeros((2, 1))), ["auc"], None, np.empty((0, 1))) == {}


def test_the_loss_of_a_regression_is_estimated_from_where_it_is_asked(random):
    """Errors grow with the input, and the input has moved."""
    inputs = random.uniform(0, 1, 3_000)
    labels = random.normal(0, 0.1 + inputs)
    known = understood(labels, np.zeros(3_000), ["rmse"])
    later = random.uniform(0.6, 1, 1_000)
    true = float(np.sqrt(((0.1 + later) ** 2).mean()))
    found = estimate(Unlabelled(np.zeros((1_000, 1)), later[:, None]), ["rmse"], known, inputs[:, None])["rmse"]
    assert found["value"] == pytest.approx(true, rel=0.1) and found["interval"][0] < found["value"]
