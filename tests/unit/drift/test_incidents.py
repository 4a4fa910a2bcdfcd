"""One message when something begins, one when it is over; a stream at the threshold does not flap."""

from __future__ import annotations

import numpy as np

from greensage.drift.incidents import follow, is_open

DAY = 86_400.0


def report(status: str = "ok", p_value: float = 0.01, **more) -> dict:
    drifted = status == "drift"
    columns = [{"name": "age", "drifted": drifted, "p_value": p_value}] if drifted else []
    given = {
        "status": status,
        "drifted": ["age"] if drifted else [],
        "columns": columns,
        "violations": [],
        "kpi": {},
        "alpha": 0.05,
    }
    return {**given, **more}


def told(reports: list[dict]) -> list[tuple[int, str, str]]:
    """Which days people heard of, and what."""
    known, found = {}, []
    for day, given in enumerate(reports):
        followed = follow(known, {**given, "after": day * DAY, "until": (day + 1) * DAY}, day * DAY)
        known = followed.incidents
        found += [(day, "opened", row["kind"]) for row in followed.opened] + [
            (day, "ended", row["kind"]) for row in followed.ended
        ]
    return found


DRIFT, OK = report("drift"), report()


def test_one_improbable_window_is_a_suspicion_and_two_are_an_incident():
    assert told([OK, DRIFT, OK, OK]) == []
    assert told([OK, DRIFT, DRIFT, DRIFT, OK, OK]) == [(2, "opened", "drift"), (5, "ended", "drift")]


def test_a_very_improbable_window_opens_one_at_once():
    assert told([report("drift", 1e-6)]) == [(0, "opened", "drift")]
    assert told([report("drift", violations=[{"feature_name": "age"}])]) == [(0, "opened", "drift")]


def test_a_stream_at_the_threshold_does_not_flap():
    assert told([DRIFT, OK] * 20) == []
    opened = [DRIFT, DRIFT, *[OK, DRIFT] * 20]
    assert told(opened) == [(1, "opened", "drift")]


def test_false_windows_of_a_year_seldom_make_an_incident():
    random = np.random.default_rng(3)
    days = [DRIFT if random.random() < 0.05 else OK for _ in range(365)]
    assert len(told(days)) <= 4


def test_nothing_captured_is_told_once_and_ends_with_the_first_capture():
    nothing = report("no-data")
    assert told([OK, nothing, nothing, nothing, OK]) == [(2, "opened", "no-data"), (4, "ended", "no-data")]
    assert told([OK, nothing, OK]) == []


def test_few_rows_are_told_after_a_week():
    assert told([report("few-rows")] * 10) == [(7, "opened", "few-rows")]


def test_silence_ends_no_incident():
    assert told([DRIFT, DRIFT, report("no-data"), OK, OK]) == [(1, "opened", "drift"), (4, "ended", "drift")]


def test_a_kpi_and_labels_that_do_not_fit_are_incidents_of_their_own():
    below = report(kpi={"auc": {"state": "below"}})
    assert told([below, below, OK, OK]) == [(0, "opened", "kpi"), (3, "ended", "kpi")]
    assert told([report(kpi_problem="4 classes")]) == [(0, "opened", "labels")]


def test_an_incident_says_of_what_and_since_when():
    pair = {"p_value": 1e-9, "drifted": True, "pair": ["a", "b"], "correlations": [0.9, 0.1]}
    given = {**report("drift", 1e-9), "joint": pair, "after": 5.0, "until": 9.0}
    (found,) = follow({}, given, 9.0).opened
    assert found["what"] == ["a with b", "age"] and found["started"] == 5.0 and is_open(found)
