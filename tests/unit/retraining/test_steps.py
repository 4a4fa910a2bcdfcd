"""The data steps of a retraining: what they read, write and remember, whatever comes out."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from retraining.errors import Permanent
from retraining.steps import STEPS, Steps
from retraining.store import Store

from greensage.drift.labels import label_line
from greensage.drift.monitor_files import to_statistics
from greensage.drift.window import Statistics
from tests.unit.drift.test_statistics import line
from tests.unit.retraining.aws import S3, Recorder, figures
from tests.unit.retraining.test_deploy import TRAINED

STATISTICS = to_statistics(Statistics.of(["a", "b"]))
GIVEN = {
    "model": "churn", "bucket": "loop", "prefix": "churn/", "namespace": "greensage/Test", "label": "left", "drift": None,
    "kpi": {"auc": 0.8}, "min_labels": 1, "label_days": 7, "most_rows": 100, "judged_rows": 2, "every_rows": 0, "large_mb": 1, "enough_rows": 0,
    "window_days": 7,
    "baseline": {"bucket": "files", "key": "statistics.json", "source": "one"}, "champion": "/champion", "flexible_hours": 0,
    "candidates": [{"type": "ml.c7i.large", "spot": True}, {"type": "ml.m7i.large", "spot": False}],
    "rules": {"metric": "auc", "margin": 0.01, "tolerance": 0.02}, "max_run_minutes": 60, "footprint": {"kwh": 0.02, "grams": 4.0, "seconds": 60},
}  # fmt: skip
RUN = {"name": "retraining-3", "number": 3, "report": "r1", "reasons": ["auc is 0.6"], "outcome": "promoted"}


class Runs:
    def __init__(self, first: str | None = None) -> None:
        self.oldest = first

    def first(self) -> str | None:
        return self.oldest


class Loop:
    """One model's loop in memory."""

    def __init__(self, first: str | None = None, **given) -> None:
        self.files, self.cloudwatch = S3(), Recorder("cloudwatch")
        self.files.now = datetime.now(UTC)
        self.files.put_object(Bucket="files", Key="statistics.json", Body=json.dumps(STATISTICS).encode())
        self.store = Store(self.files, "loop", "churn/")
        ssm = Recorder("ssm", get_parameter={"Parameter": {"Value": json.dumps({"artifact": "s3://in/old.tar.gz"})}})
        self.steps = Steps({**GIVEN, **given}, self.store, Runs(first), ssm, self.cloudwatch)

    def capture(self, rows: int, labelled: int) -> None:
        lines = [line(f"{row},{row + 1}", identity=str(row)) for row in range(rows)]
        self.store.write_bytes("capture/1.jsonl", b"\n".join(lines), "text/plain")
        labels = "\n".join(label_line(str(row), row % 2) for row in range(labelled))
        self.store.write_bytes("labels/1.jsonl", labels.encode(), "text/plain")


def test_each_step_has_its_name():
    assert set(STEPS) == {"prepare", "next", "compare", "record"} and all(work.__name__ == name for name, work in STEPS.items())


def test_one_retraining_at_a_time():
    loop = Loop(first="retraining-2")
    found = loop.steps.prepare(RUN)
    assert found == {
        "refused": True, "champion": "", "reason": "retraining-2 is under way; one retraining at a time",
    }  # fmt: skip
    assert loop.store.history().running == ""


@pytest.mark.parametrize("first", [None, "retraining-3"])
def test_rows_with_labels_are_split_into_older_and_newest(first):
    loop = Loop(first)
    loop.capture(rows=8, labelled=6)
    before = time.time()
    found = loop.steps.prepare(RUN)
    begin = found.pop("begin")
    assert found == {
        "refused": False, "champion": "s3://in/old.tar.gz", "rows": {"recent": 4, "window": 2},
        "place": {"again": True, "attempt": 0, "candidate": {"type": "ml.c7i.large", "spot": True}, "spent": 0.0},
    }  # fmt: skip
    assert abs(time.mktime(time.strptime(begin, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - before) < 90
    assert loop.files.objects["churn/retraining/retraining-3/recent/before.csv"][0].decode().split() == ["a,b,left"]
    recent = loop.files.objects["churn/retraining/retraining-3/recent/recent.csv"][0].decode().split()
    window = loop.files.objects["churn/retraining/retraining-3/window/window.csv"][0].decode().split()
    assert [len(recent), len(window)] == [5, 3] and recent[0] == window[0] == "a,b,left"
    assert recent[1] == "0.0,1.0,0.0" and window[-1] == "5.0,6.0,1.0"
    history = loop.store.history()
    assert (history.running, history.sequence, len(history.started)) == ("retraining-3", 3, 1)
    loop.steps.prepare(RUN)  # a step that is tried again changes nothing
    assert loop.store.history() == history


def test_rows_from_before_the_change_are_for_learning_only():
    loop = Loop()
    loop.capture(rows=8, labelled=6)
    loop.store.change_history(lambda history: history.__dict__.update(fell=time.time() + 60))
    loop.steps.prepare(RUN)
    parts = {name: loop.files.objects[f"churn/retraining/retraining-3/{name}.csv"][0].count(b"\n") - 1
             for name in ("recent/before", "recent/recent", "window/window")}  # fmt: skip
    assert parts == {"recent/before": 4, "recent/recent": 0, "window/window": 2}


FAILED = {"Error": "TrainingFailed", "Cause": json.dumps({"FailureReason": "CapacityError: none", "BillableTimeInSeconds": 30})}


def test_where_to_train_next_counts_what_was_lost():
    place = {"again": True, "attempt": 0, "candidate": GIVEN["candidates"][0], "spent": 5.0}
    found = Loop().steps.next({**RUN, "place": place, "failure": FAILED})
    assert found == {
        "again": True, "attempt": 1, "candidate": {"type": "ml.m7i.large", "spot": False}, "spent": 35.0,
        "why": "TrainingFailed: CapacityError: none",
    }  # fmt: skip
    last = Loop().steps.next({**RUN, "place": found, "failure": FAILED})
    assert last["again"] is False and last["spent"] == 65.0 and "no instance type is left" in last["why"]
    stopped = {**RUN, "place": {"attempt": 0}, "failure": {"Error": "Stopped", "Cause": "CapacityError"}, "trained": TRAINED}
    assert Loop().steps.next(stopped)["spent"] == 90.0


def test_a_training_that_may_cost_more_than_is_allowed_is_not_begun():
    prices = [{**row, "usd_per_hour": 0.5} for row in GIVEN["candidates"]]
    place = {"again": True, "attempt": 0, "candidate": prices[0], "spent": 3_600.0}
    asked = {**RUN, "place": place, "failure": FAILED}
    assert Loop(candidates=prices, max_usd=1.1).steps.next(asked)["again"] is True
    refused = Loop(candidates=prices, max_usd=0.9).steps.next(asked)
    assert (
        refused["again"] is False and "max_usd is 0.9: 0.50 USD are spent, and another training may cost 0.50" in refused["why"]
    )


def results(old: float, new: float) -> dict:
    return {
        "metrics": {
            "window": {"champion": {"auc": old}, "challenger": {"auc": new}, "rows": 900, "low": (new - old) / old - 0.01}
        }
    }


def test_a_winners_statistics_wait_for_its_promotion():
    loop = Loop()
    loop.store.write("retraining/retraining-3/compared/evaluation.json", results(0.7, 0.8))
    loop.store.write("retraining/retraining-3/compared/statistics.json", STATISTICS)
    assert loop.steps.compare(RUN)["promote"] is True
    assert loop.store.read("state/challenger.json") == {"retraining": "retraining-3", "statistics": STATISTICS}
    loser = Loop()
    loser.store.write("retraining/retraining-3/compared/evaluation.json", results(0.8, 0.7))
    assert loser.steps.compare(RUN)["promote"] is False and loser.store.read("state/challenger.json") is None
    with pytest.raises(Permanent, match=r"left no evaluation\.json"):
        Loop().steps.compare(RUN)


def test_a_promotion_is_recorded_with_what_it_took():
    loop = Loop()
    loop.store.change_history(lambda history: setattr(history, "running", "retraining-3"))
    loop.store.write("state/challenger.json", {"retraining": "retraining-3", "statistics": STATISTICS})
    state = {
        **RUN, "verdict": {"promote": True, "gain": 0.1, "reasons": ["better"]}, "trained": TRAINED,
        "place": {"again": False, "spent": 30.0}, "registered": {"package": "arn"},
    }  # fmt: skip
    found = loop.steps.record({**state, "place": {"again": True, "spent": 30.0}})
    record = loop.store.read("records/retraining-3.json")
    assert 0 <= time.time() - record.pop("ended") < 60
    assert record == {
        "name": "retraining-3", "outcome": "promoted", "report": "r1", "reasons": ["auc is 0.6"], "verdict": state["verdict"],
        "training": {"job": "churn-3-a", "status": "Completed", "type": "ml.c7i.large", "seconds": 90.0}, "failure": None, "not_optimized": None,
        "package": "arn", "kwh": pytest.approx(0.04), "grams": pytest.approx(8.0),
    }  # fmt: skip
    assert found["outcome"] == "promoted" and found["record"] == "records/retraining-3.json"
    told = json.loads(found["message"])
    assert told["model"] == "churn" and set(told) == {
        "model", "name", "outcome", "reasons", "verdict", "failure", "kwh", "grams",
    }  # fmt: skip
    assert loop.store.read("state/baseline.json")["source"] == "one"
    assert loop.store.read("state/baseline.json")["statistics"] == STATISTICS
    history = loop.store.history()
    assert history.running == "" and history.ended > 0 and history.kwh_spent == pytest.approx(0.04)
    assert history.grams_spent == pytest.approx(8.0) and figures(loop.cloudwatch) == {"RetrainingsFailed": 0.0}
    loop.steps.record(state)
    assert loop.store.history().kwh_spent == pytest.approx(0.04)  # told twice, counted once


def test_a_failure_is_recorded_and_the_baseline_stays():
    loop = Loop()
    loop.store.write("state/challenger.json", {"retraining": "retraining-2", "statistics": STATISTICS})
    loop.store.change_history(lambda history: setattr(history, "running", "retraining-4"))
    place = {"again": False, "spent": 60.0}
    found = loop.steps.record({**RUN, "outcome": "failed", "failure": FAILED, "place": place, "trained": TRAINED})
    record = loop.store.read("records/retraining-3.json")
    assert found["outcome"] == record["outcome"] == "failed" and record["failure"] == FAILED
    # The training that came last was counted with those that were lost.
    assert record["kwh"] == pytest.approx(0.02) and loop.store.read("state/baseline.json") is None
    assert figures(loop.cloudwatch) == {"RetrainingsFailed": 1.0} and loop.store.history().running == "retraining-4"


def test_another_retrainings_challenger_is_no_baseline():
    loop = Loop()
    loop.store.write("state/challenger.json", {"retraining": "retraining-2", "statistics": STATISTICS})
    loop.steps.record(RUN)
    assert loop.store.read("state/baseline.json") is None


def test_what_failed_but_serves_is_promoted():
    found = Loop().steps.record({**RUN, "outcome": "failed", "cleaned": {"in_use": True}})
    assert found["outcome"] == "promoted"
    assert Loop().steps.record({**RUN, "outcome": "failed", "cleaned": {"in_use": False}})["outcome"] == "failed"
