"""Sketches, distances, tests, and the evaluation of windows, against scipy and by simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from greensage.catalog import drift
from greensage.drift import monitor_files, significance
from greensage.drift.capture import read
from greensage.drift.columns import MOST_VALUES, OTHER, Column
from greensage.drift.evaluate import Settings, evaluate
from greensage.drift.kll import Kll
from greensage.drift.methods.ks import kolmogorov_smirnov
from greensage.drift.methods.wasserstein import wasserstein
from greensage.drift.quality import METRICS
from greensage.drift.window import Statistics, of_table

RANDOM = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order():
    RANDOM.bit_generator.state = np.random.default_rng(5).bit_generator.state


METHODS = drift.methods()


def settings(method: str, **changes) -> Settings:
    given = {"threshold": drift.threshold(method), "alpha": 0.05, "min_rows": 200, "missing": 0.05, "new_values": 0.01}
    return Settings(method, **{**given, **changes})


@pytest.mark.parametrize("batch", [100, 5_000, 200_000])
def test_a_sketch_ranks_within_a_fifth_of_a_percent_whatever_the_batches(batch):
    values, sketch = RANDOM.lognormal(size=400_000), Kll()
    for begin in range(0, len(values), batch):
        sketch.update(values[begin : begin + batch])
    sample, weights = sketch.weighted()
    assert weights.sum() == len(values) and len(sample) < 60_000
    found = np.cumsum(weights) / weights.sum()
    true = np.searchsorted(np.sort(values), sample, side="right") / len(values)
    assert np.abs(found - true).max() < 0.002


def test_the_memory_of_a_sketch_does_not_grow_with_the_rows():
    sketch = Kll()
    sizes = []
    for _ in range(40):
        sketch.update(RANDOM.random(100_000))
        sizes.append(len(sketch.weighted()[0]))
    assert sizes[-1] < 3 * sizes[0]


def test_distances_and_p_values_are_scipys():
    left, right = np.sort(RANDOM.normal(size=3_000)), np.sort(RANDOM.normal(0.1, 1.2, size=2_000))
    samples = (left, np.ones(len(left))), (right, np.ones(len(right)))
    expected = stats.ks_2samp(left, right)
    assert kolmogorov_smirnov(*samples) == pytest.approx(expected.statistic)
    assert significance.ks_p_value(expected.statistic, 3_000, 2_000) == pytest.approx(expected.pvalue, rel=0.1)
    assert wasserstein(*samples) == pytest.approx(stats.wasserstein_distance(left, right))
    old, new = np.array([30, 50, 20, 9]), np.array([40, 40, 25, 2])
    whole = stats.chi2_contingency(np.stack([old, new]), correction=False)
    assert significance.chi_squared(old, new) == pytest.approx((whole.statistic, whole.pvalue))


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 10, 40])
@pytest.mark.parametrize("statistic", [0.1, 1.0, 7.5, 30.0, 200.0])
def test_the_tail_of_chi_squared_is_scipys(freedom, statistic):
    assert significance.chi_squared_tail(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), rel=1e-9)


def test_holm_is_the_published_procedure():
    assert significance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize("method", METHODS)
def test_false_alarms_stay_below_the_nominal_level(method):
    baseline = table(4_000)
    alarms = sum(evaluate(baseline, table(800), settings(method))["status"] == "drift" for _ in range(100))
    assert alarms <= 5


@pytest.mark.parametrize("method", METHODS)
def test_a_change_of_the_size_of_the_threshold_is_found(method):
    report = evaluate(table(20_000), table(2_000, shift=0.6), settings(method))
    assert report["status"] == "drift" and report["drifted"] == ["a"]


def test_a_large_window_does_not_cry_wolf_over_nothing():
    report = evaluate(table(20_000), table(20_000, shift=0.08), settings("psi"))
    row = report["columns"][0]
    assert row["p_value"] < 0.05 and not row["drifted"] and report["status"] == "ok"


def table(rows: int, shift: float = 0.0) -> Statistics:
    columns = np.column_stack([RANDOM.normal(shift, 1, rows), RANDOM.integers(0, 4, rows), RANDOM.exponential(size=rows)])
    return of_table(["a", "b", "c"], columns, RANDOM.random(rows))


def test_missing_values_new_values_and_words_are_violations():
    rows = np.column_stack([RANDOM.normal(size=1_000), RANDOM.integers(0, 5, 1_000), RANDOM.random(1_000)])
    rows[:200, 2] = np.nan
    window = of_table(["a", "b", "c"], rows, RANDOM.random(1_000))
    window.features["a"].update_words(["high"] * 50)
    report = evaluate(table(5_000), window, settings("psi"))
    kinds = {(row["feature_name"], row["constraint_check_type"]) for row in report["violations"]}
    assert kinds == {("c", "completeness_check"), ("b", "categorical_values_check"), ("a", "data_type_check")}


def test_few_rows_say_nothing_and_none_say_so():
    assert evaluate(table(5_000), table(50, shift=3), settings("psi"))["status"] == "few-rows"
    assert evaluate(table(5_000), Statistics.of(["a", "b", "c"]), settings("psi"))["status"] == "no-data"


def test_a_share_of_the_columns_can_be_asked_for():
    drifted = table(2_000, shift=1)
    assert evaluate(table(5_000), drifted, settings("psi", share=0.5))["status"] == "ok"
    assert evaluate(table(5_000), drifted, settings("psi", share=0.25))["status"] == "drift"


def test_statistics_go_through_model_monitors_files_and_back():
    before = table(30_000)
    content = json.loads(json.dumps(monitor_files.to_statistics(before)))
    after = monitor_files.from_statistics(content)
    assert list(after.features) == ["a", "b", "c"] and list(after.outputs) == ["prediction"]
    for name in "abc":
        old, new = before.features[name], after.features[name]
        assert (new.present, new.mean, new.low, new.high) == pytest.approx((old.present, old.mean, old.low, old.high))
        assert new.deviation == pytest.approx(old.deviation)
    assert after.features["b"].discrete and set(after.features["b"].counts) == {"0", "1", "2", "3"}
    assert evaluate(after, table(2_000), settings("psi"))["status"] == "ok"


def test_a_file_as_model_monitor_writes_it_is_read():
    feature = {
        "name": "age", "inferred_type": "Fractional",
        "numerical_statistics": {
            "common": {"num_present": 4, "num_missing": 1}, "mean": 2.5, "sum": 10.0, "std_dev": 1.1, "min": 1.0, "max": 4.0,
            "distribution": {"kll": {"buckets": [], "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[1.0, 2.0], [4.0]]}}},
        },
    }  # fmt: skip
    word = {
        "name": "state", "inferred_type": "String",
        "string_statistics": {"common": {"num_present": 3, "num_missing": 0}, "distinct_count": 2.0,
                              "distribution": {"categorical": {"buckets": [{"value": "OH", "count": 2}, {"value": "NJ", "count": 1}]}}},
    }  # fmt: skip
    made = monitor_files.from_statistics({"version": 0.0, "dataset": {"item_count": 5}, "features": [feature, word]})
    assert made.features["age"].kll.weighted()[1].sum() == 4 and made.features["state"].counts == {"OH": 2, "NJ": 1}


@pytest.mark.parametrize("content", [{}, {"dataset": {"item_count": 1}, "features": [{"name": "a"}]}, []])
def test_what_is_no_statistics_file_is_refused(content):
    with pytest.raises(ValueError, match=r"statistics\.json"):
        monitor_files.from_statistics(content)


def test_constraints_have_model_monitors_keys():
    made = monitor_files.to_constraints(table(500), distance=0.1, method="Robust")
    assert made["features"][0]["num_constraints"] == {"is_non_negative": False}
    assert made["monitoring_config"]["distribution_constraints"]["comparison_method"] == "Robust"


def test_moments_of_batches_are_those_of_the_whole():
    values, column = RANDOM.normal(3, 7, 10_000), Column("a")
    for part in np.array_split(values, 13):
        column.update(part)
    assert (column.mean, column.deviation) == pytest.approx((values.mean(), values.std()))


def test_counts_add_up_over_batches():
    column = Column("a")
    for part in ([1.0, np.nan], [np.nan, 2.0, np.nan], [0.5]):
        column.update(np.array(part))
    assert (column.missing, column.present, column.counted, dict(column.counts)) == (3, 3, False, {})


def test_words_beyond_the_most_are_counted_together():
    column = Column("a")
    column.update_words([f"w{number}" for number in range(MOST_VALUES + 5)] + ["w0"])
    assert column.counts["w0"] == 2 and column.counts[OTHER] == 5 and len(column.counts) == MOST_VALUES + 1


def test_few_whole_numbers_that_become_too_many_to_count_are_new_values():
    few, many = np.tile([0.0, 1.0], 500), np.arange(MOST_VALUES * 2, dtype=float)
    report = evaluate(of_table(["a"], few[:, None]), of_table(["a"], many[:, None]), settings("psi"))
    assert report["columns"][0]["new_values"] == pytest.approx(1 - 2 / len(many))


def test_a_column_that_nobody_sent_is_neither_missing_nor_drifted():
    window = Statistics.of(["b"])
    window.add_all(read([line("1", identity=str(number)) for number in range(300)], 1))
    row = evaluate(of_table(["a", "b"], np.ones((300, 2))), window, settings("psi"))["columns"][0]
    assert (row["name"], row["missing"], row["missing_p_value"], row["value"], row["drifted"]) == ("a", 0.0, 1.0, 0.0, False)


def test_a_column_of_many_whole_numbers_is_compared_by_order():
    column = Column("a")
    column.update(np.arange(MOST_VALUES * 2, dtype=float))
    assert column.kind == "Integral" and not column.discrete


def line(data: str, output: str = "0.5", identity: str = "x", **changes) -> bytes:
    record = {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"},
            "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": output, "encoding": "CSV"},
        },
        "eventMetadata": {"eventId": "e", "inferenceId": identity, "inferenceTime": "2026-11-25T00:00:00Z"},
        "eventVersion": "0",
    }
    record["captureData"]["endpointInput"] |= changes
    return json.dumps(record).encode()


def test_every_encoding_of_a_request_is_read():
    (batch,) = read(
        [
            line("1,2"),
            line("3,\n5,6", "0.1\n0.2"),
            line('{"instances": [[7, null]]}', encoding="JSON"),
            line("OSwxMA==", encoding="BASE64"),
            line("[11, 12]", encoding="JSON"),
        ],
        2,
    )
    assert not batch.bad and batch.requests == 5
    assert batch.ids == ["x", "x/0", "x/1", "x", "x", "x"]
    assert batch.features[0].tolist() == [1, 2] and math.isnan(batch.features[1, 1]) and batch.features[4].tolist() == [9, 10]


cells = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-9, 9).map(str),
    st.sampled_from(["", " ", "1_0", "0x1", " 7 ", "nan", "red", "1e5"]),
)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_the_short_way_through_a_request_reads_what_the_long_one_does(rows):
    """One row of CSV and one number go a way of their own; the same rows as JSON do not."""
    (short,) = read([line(",".join(row), identity=str(index)) for index, row in enumerate(rows)], 2)
    (long,) = read([line(json.dumps([row]), identity=str(index), encoding="JSON") for index, row in enumerate(rows)], 2)
    np.testing.assert_array_equal(short.features, long.features)
    assert short.words == long.words and short.ids == long.ids and (short.outputs == long.outputs).all()


def test_what_follows_a_request_or_comes_before_it_is_not_overlooked():
    good = line("1,2")
    (batch,) = read([good + b" \r\n", b"  " + good, good + b"{}", b"\xef\xbb\xbf" + good, good + b"\xff"], 2)
    assert len(batch.features) == 3 and [item.number for item in batch.bad] == [3, 5]


def test_what_cannot_be_read_is_kept_with_its_reason_and_its_content():
    half = line("1,2")[:60]
    lines = [half, b"\xff\xfe", b"[]", b'"text"', line("1"), line("1,2", "0.1\n0.2"), line("1,2", "high"), line("1,2"), b""]
    (batch,) = read(lines, 2)
    assert len(batch.features) == 1 and [item.number for item in batch.bad] == [1, 2, 3, 4, 5, 6, 7]
    assert batch.bad[0].content == half
    window = Statistics.of(["a", "b"])
    window.add(batch)
    assert window.bad == {"unreadable": 4, "schema": 3}


def test_words_are_counted_in_their_column():
    window = Statistics.of(["a", "state"])
    window.add_all(read([line("1,OH"), line("2,NJ"), line("3,OH")], 2))
    assert window.features["state"].kind == "String" and window.features["state"].counts == {"OH": 2, "NJ": 1}
    assert window.features["state"].missing == 0 and window.features["a"].present == 3


def test_the_kpis_of_the_catalog_are_those_that_are_measured():
    assert set(drift.kpis()) == set(METRICS)
    assert {name for name, (_, more) in METRICS.items() if not more} == set(drift.kpis()[-4:])
