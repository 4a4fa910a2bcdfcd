"""When alarms of the local cloud go off: periods, statistics and missing data as CloudWatch has them."""

from __future__ import annotations

import pytest

from greensage.local.alarms import Point, periods, state_of, statistic

NOW = 1_000.0


def alarm(**changes):
    base = {
        "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    return {**base, **changes}


def points(*ages_and_values: tuple[float, float]) -> list[Point]:
    return [Point(NOW - age, value) for age, value in ages_and_values]


@pytest.mark.parametrize(
    ("name", "value"), [("Average", 2.5), ("Sum", 10), ("Minimum", 1), ("Maximum", 4), ("SampleCount", 4), ("p50", 2), ("p95", 4)]
)
def test_statistics(name, value):
    assert statistic(points((1, 1), (2, 2), (3, 3), (4, 4)), name) == value


def test_old_samples_do_not_count():
    assert state_of(alarm(), points((10, 0.0), (61, 9.0)), now=NOW, scale=1) == "OK"
    assert state_of(alarm(), points((10, 1.0), (61, 0.0)), now=NOW, scale=1) == "ALARM"


def test_time_is_compressed_and_the_rule_kept():
    assert state_of(alarm(), points((1.0, 9.0)), now=NOW, scale=0.01) == "INSUFFICIENT_DATA"
    assert state_of(alarm(), points((0.5, 9.0)), now=NOW, scale=0.01) == "ALARM"


def test_every_period_must_breach_unless_some_are_enough():
    values = points((10, 1.0), (70, 0.0))
    assert state_of(alarm(EvaluationPeriods=2), values, now=NOW, scale=1) == "OK"
    assert state_of(alarm(EvaluationPeriods=2, DatapointsToAlarm=1), values, now=NOW, scale=1) == "ALARM"


@pytest.mark.parametrize(
    ("treatment", "state"), [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA"), ("ignore", None)]
)
def test_missing_data(treatment, state):
    assert state_of(alarm(TreatMissingData=treatment), [], now=NOW, scale=1) == state


def test_periods_are_the_newest_first():
    assert periods(points((10, 1), (70, 2), (80, 4)), "Sum", now=NOW, period=60, count=3) == [1, 6, None]
