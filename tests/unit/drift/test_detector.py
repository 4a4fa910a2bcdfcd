"""What ordinary data must not do, and what must be found: the detector with its defaults, on real tables and known changes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import datasets

from greensage.catalog import drift
from greensage.drift.evaluate import Settings, evaluate
from greensage.drift.monitor_files import from_statistics, to_statistics
from greensage.drift.window import of_table
from greensage.monitoring import DriftSettings

DEFAULT = Settings(**DriftSettings().to_json())


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(8)


def table(rows: np.ndarray, times=(), answers=None):
    return of_table([f"c{index}" for index in range(rows.shape[1])], rows, answers, times=times)


def report(before: np.ndarray, after: np.ndarray, settings: Settings = DEFAULT) -> dict:
    return evaluate(table(before), table(after), settings)


def alarms(before, after) -> bool:
    return report(before, after)["status"] == "drift"


TABLES = {
    "diabetes": lambda: datasets.load_diabetes(scaled=False).data, "breast cancer": lambda: datasets.load_breast_cancer().data,
    "digits": lambda: datasets.load_digits().data[:, 10:30],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_halves_of_real_tables_are_alike(random, name):
    rows, count = TABLES[name](), 0
    for _ in range(60):
        order = random.permutation(len(rows))
        count += alarms(rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]])
    assert count <= 3


def test_one_odd_value_among_many_whole_numbers_is_nothing(random):
    ages = random.integers(18, 90, (6_000, 1)).astype(float)
    ages[4_500] = 35.5
    found = report(ages[:4_000], ages[4_000:])
    assert found["status"] == "ok" and found["violations"] == [] and found["columns"][0]["psi"] < 0.1


def test_more_new_categories_than_sampling_explains_are_found(random):
    frequent = random.zipf(1.6, 6_000) % 4_000

    def words(values):
        numbers = np.full((len(values), 1), np.nan)
        return of_table(["word"], numbers, words={0: {row: f"w{value}" for row, value in enumerate(values)}})

    assert evaluate(words(frequent[:4_000]), words(frequent[4_000:]), DEFAULT)["status"] == "ok"
    few = random.integers(0, 6, 6_000)
    assert evaluate(words(few[:4_000]), words(few[4_000:]), DEFAULT)["status"] == "ok"
    few[4_000:4_060] = 99
    (found,) = evaluate(words(few[:4_000]), words(few[4_000:]), DEFAULT)["violations"]
    assert found["constraint_check_type"] == "categorical_values_check"


def followed(random, strength: float) -> np.ndarray:
    """Rows of an autoregression of variance 1."""
    noise = random.normal(size=(5_500, 3)) * np.sqrt(1 - strength**2)
    rows = np.zeros_like(noise)
    for place in range(1, len(noise)):
        rows[place] = strength * rows[place - 1] + noise[place]
    return rows[500:]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("strength", [0.9, 0.98])
def test_rows_that_follow_each_other_are_not_independent(random, strength, ordered):
    count = 0
    for _ in range(40):
        rows = followed(random, strength)
        count += alarms(rows[:4_000] if ordered else random.permutation(rows[:4_000]), rows[4_000:])
    assert count <= 3


def test_a_slow_walk_over_few_whole_numbers_gets_to_new_ones_now_and_then(random):
    count = sum(alarms(rows[:4_000], rows[4_000:4_500]) for rows in (np.round(followed(random, 0.98) * 1.7) for _ in range(40)))
    assert count <= 4


def test_a_column_that_is_stuck_is_seen_however_slowly_it_moved_before(random):
    rows = followed(random, 0.98)
    stuck = rows[4_000:4_500].copy()
    assert not alarms(rows[:2_000], stuck)
    stuck[:, 1] = stuck[0, 1]
    assert alarms(rows[:2_000], stuck)


def hours(random, begin: int, count: int, rows: int) -> tuple[np.ndarray, list[str]]:
    """Rows of `count` hours, of which two columns follow the time of day."""
    times = np.repeat(np.arange(begin, begin + count), rows) * 3_600 + np.tile(np.linspace(0, 3_599, rows), count)
    cycle = 3 * np.sin(times / 86_400 * 2 * np.pi)
    made = np.stack([cycle, np.zeros(len(times)), -cycle], axis=1) + random.normal(size=(len(times), 3))
    return made, np.array(times, "datetime64[s]").astype(str).tolist()


def test_day_and_night_are_compared_with_the_same_hour(random):
    before = table(*hours(random, 0, 14 * 24, 30))
    count = found = 0
    for hour in range(14 * 24, 14 * 24 + 48):
        rows, times = hours(random, hour, 1, 120)
        seen = evaluate(before, table(rows, times), DEFAULT)
        count += seen["status"] == "drift"
        rows[:, 0] += 1.0  # noon in the morning: every value was seen before, at another hour
        moved = evaluate(before, table(rows, times), DEFAULT)
        found += moved["status"] == "drift"
        assert seen["columns"][0]["season"] in ("week", "day", "")
    assert count <= 2 and found >= 46


def zeros(random, rows: int, times: float = 1.0) -> np.ndarray:
    return (random.lognormal(size=rows) * (random.random(rows) < 0.07) * times)[:, None]


def floor(random, rows: int, as_: float) -> np.ndarray:
    found = random.normal(size=(rows, 1)).clip(-1.12)
    return np.where(found <= -1.12, as_, found)


def correlated(random, rows: int, strength: float) -> np.ndarray:
    return random.multivariate_normal([0, 0], [[1, strength], [strength, 1]], rows)


CHANGES = {
    "amounts times a thousand, behind zeros": lambda random: (zeros(random, 5_000), zeros(random, 2_000, 1_000)),
    "a constant that became another": lambda random: (np.full((3_000, 1), 0.5), np.full((800, 1), -999.0)),
    "a floor that became a code": lambda random: (floor(random, 5_000, -1.12), floor(random, 2_000, -999.0)),
    "a relation that is gone": lambda random: (correlated(random, 5_000, 0.8), correlated(random, 2_000, 0.0)),
    "gaps": lambda random: (random.normal(size=(5_000, 1)), np.where(random.random((2_000, 1)) < 0.05, np.nan, 1) * random.normal(size=(2_000, 1))),
    "scale": lambda random: (random.normal(size=(5_000, 1)), random.normal(0, 1.3, (2_000, 1))),
    "tail": lambda random: (random.normal(size=(5_000, 1)), (lambda x: np.where(x > 1.64, 2 * x, x))(random.normal(size=(2_000, 1)))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_bins_do_not_see_is_found(random, name):
    assert alarms(*CHANGES[name](random))


def test_equal_columns_that_changed_places_are_found_by_their_relation_to_the_answer(random):
    before, after, weights = random.normal(size=(5_000, 2)), random.normal(size=(2_000, 2)), np.array([1.0, 0.3])
    found = evaluate(table(before, answers=before @ weights), table(after[:, ::-1], answers=after @ weights), DEFAULT)
    assert found["joint"]["drifted"] and "prediction" in found["joint"]["pair"]


@pytest.mark.parametrize(("shift", "least"), [(0.1, 0.48), (0.25, 1.0), (0.5, 1.0)])
def test_shifts_are_found_at_least_as_often_as_by_a_wasserstein_distance_of_a_tenth(random, shift, least):
    found = 0
    for _ in range(40):
        after = random.normal(size=(1_500, 4))
        after[:, 0] += shift
        found += alarms(random.normal(size=(5_000, 4)), after)
    assert found >= least * 40


def test_texts_are_measured_without_a_model(random):
    known = [f"word{number}" for number in range(300)]

    def texts(count: int, words: list[str], long: int = 12):
        said = {row: " ".join(random.choice(words, random.integers(5, long))) for row in range(count)}
        return of_table(["said"], np.full((count, 1), np.nan), words={0: said})

    before = texts(1_500, known)
    assert evaluate(before, texts(600, known), DEFAULT)["status"] == "ok"
    longer = evaluate(before, texts(600, known, 16), DEFAULT)["columns"][0]
    assert longer["p_value"] < 0.05 and longer["why"].startswith(("length", "words"))
    other = evaluate(before, texts(600, [f"mot{number}" for number in range(300)]), DEFAULT)["columns"][0]
    assert other["p_value"] < 0.05


def test_rows_go_through_the_file_and_back(random):
    before, after = random.normal(size=(3_000, 2)), random.normal(0.3, 1, (1_000, 2))
    read = from_statistics(json.loads(json.dumps(to_statistics(table(before)))))
    ours, again = evaluate(table(before), table(after), DEFAULT), evaluate(read, table(after), DEFAULT)
    assert again["drifted"] == ours["drifted"] == ["c0", "c1"]
    # A file of Model Monitor's own has no rows: sketches are compared, and no joint test is claimed.
    read.sample = None
    alone = evaluate(read, table(after), DEFAULT)
    assert alone["drifted"] == ["c0", "c1"] and alone["joint"] is None


def test_the_default_is_the_first_method():
    assert drift.methods()[0] == "wasserstein" == DEFAULT.method
