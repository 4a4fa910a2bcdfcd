"""Metric math of alarms: values, missing points, and what CloudWatch would refuse."""

from __future__ import annotations

import pytest

from greensage.local.alarms import judged
from greensage.local.metric_math import check, computed, queries_of


@pytest.mark.parametrize(
    ("expression", "values", "wanted"),
    [
        ("a + 2 * b", {"a": 1.0, "b": 2.0}, 5.0), ("-a", {"a": 1.0}, -1.0), ("a / b", {"a": 1.0, "b": 0.0}, None),
        ("a + 1", {"a": None}, None), ("FILL(a, 0) + 1", {"a": None}, 1.0), ("FILL(a / b, 7)", {"a": 1.0, "b": 0.0}, 7.0),
        ("IF(a > 0, 1, 2)", {"a": 0.0}, 2.0), ("IF(a <= 0.5, 1, 2)", {"a": 0.5}, 1.0),
        ("IF(a > 0, b, 2)", {"a": 0.0, "b": None}, 2.0),
    ],
)  # fmt: skip
def test_one_period(expression, values, wanted):
    assert computed(expression, values) == wanted


@pytest.mark.parametrize("expression", ["a +", "open('x')", "a.b", "SUM(a)", "IF(a, 1)", "a and b", "c + 1"])
def test_what_is_not_known_is_refused(expression):
    with pytest.raises((ValueError, SyntaxError)):
        check(expression, {"a", "b"})


def test_an_alarm_looks_at_its_one_expression():
    rows = [{"Id": "e", "Expression": "a"}, {"Id": "a", "MetricStat": {}, "ReturnData": False}]
    assert queries_of({"Metrics": rows})[0] == "a"
    with pytest.raises(ValueError, match="exactly one"):
        queries_of({"Metrics": [*rows, {"Id": "f", "Expression": "a"}]})


def test_missing_days_do_not_breach():
    alarm = {
        "EvaluationPeriods": 3,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 5,
        "TreatMissingData": "notBreaching",
    }
    assert judged(alarm, [1.0, 1.0, 1.0]) == "ALARM"
    assert judged(alarm, [1.0, None, 1.0]) == "OK" and judged(alarm, [1.0, 9.0, 1.0]) == "OK"
