"""What people answer, and what they hear of executions that failed."""

from __future__ import annotations

import json
import time

import pytest
from retraining import people
from retraining.errors import Permanent
from retraining.failures import Failures
from retraining.store import Store

from greensage.drift.incidents import FAILING
from tests.unit.retraining.aws import S3, Recorder
from tests.unit.retraining.test_monitor import DRIFT, Loop, rows_of

SETTINGS = {"model": "churn", "machine": "arn:machine", "topic": "arn:aws:sns:eu-north-1:111111111111:topic"}


def drifting(count: int = 300) -> Loop:
    loop = Loop(drift={**DRIFT, "min_rows": 20}, enough_rows=100)
    loop.capture(rows_of(2.0, count))
    loop.monitor.report(loop.collected())
    incident = {"kind": "drift", "what": ["a"], "started": 1.0, "windows": 2, "calm": 0, "acknowledged": False}
    loop.store.change_history(lambda history: history.incidents.update(drift=incident))
    return loop


def test_what_people_know_is_marked():
    loop = drifting()
    assert [row["acknowledged"] for row in people.acknowledge(loop.monitor)["incidents"]] == [True]
    assert loop.store.history().incidents["drift"]["acknowledged"] is True


def test_what_is_accepted_is_the_baseline_and_drifts_no_more():
    loop = drifting()
    assert people.accept(loop.monitor) == {"rows": 300, "since": 1.0}
    history = loop.store.history()
    assert history.incidents == {} and time.time() - history.since < 60
    again = Loop(drift={**DRIFT, "min_rows": 20}, enough_rows=100)
    again.files.objects.update(loop.files.objects)
    again.store.change_history(lambda history: history.__dict__.update(since=0.0, evaluated={}))
    again.capture(rows_of(2.0), "2")
    _, report = again.monitor.report({**again.collected(), "id": "later"})
    assert report is not None and report["status"] == "ok"


def test_too_few_rows_are_no_baseline():
    loop = drifting(50)
    with pytest.raises(Permanent, match="50 rows came since then, and a baseline needs 100"):
        people.accept(loop.monitor)
    assert "drift" in loop.store.history().incidents
    loop.monitor.given["drift"] = None
    with pytest.raises(Permanent, match="no baseline of rows"):
        people.accept(loop.monitor)


def failures() -> tuple[Failures, Store, Recorder]:
    store, topics = Store(S3(), "loop", "churn/"), Recorder("sns")
    return Failures(SETTINGS, store, topics), store, topics


def ended(machine: str, name: str, status: str = "FAILED", **more) -> dict:
    return {"stateMachineArn": machine, "executionArn": f"{machine}:{name}", "name": name, "status": status, **more}


def test_of_evaluations_that_fail_in_a_row_people_hear_once():
    made, store, topics = failures()
    assert "nobody looks for drift" in made.see_to(ended("arn:monitor", "a", cause="no baseline"))["text"]
    assert made.see_to(ended("arn:monitor", "b")) == {}
    (told,) = topics.asked("publish")
    assert told["Subject"] == "greensage: churn is not watched" and json.loads(told["Message"])["cause"] == "no baseline"
    assert store.history().incidents[FAILING]["what"] == ["a"]


def test_a_retraining_that_its_machine_recorded_is_told_by_it():
    made, store, topics = failures()
    store.write("records/retraining-1.json", {"name": "retraining-1", "outcome": "failed"})
    assert made.see_to(ended("arn:machine", "retraining-1")) == {} and not topics.asked("publish")


@pytest.mark.parametrize(("status", "how"), [("TIMED_OUT", "took longer than it may"), ("ABORTED", "was stopped")])
def test_a_retraining_that_left_no_record_gets_one_and_the_next_may_start(status, how):
    made, store, topics = failures()
    store.change_history(lambda history: history.__dict__.update(running="retraining-2"))
    assert how in made.see_to(ended("arn:machine", "retraining-2", status))["text"]
    record = store.read("records/retraining-2.json")
    assert (record["outcome"], record["failure"]["Error"]) == ("unknown", status)
    assert store.history().running == "" and len(topics.asked("publish")) == 1


def test_a_promotion_whose_record_failed_is_one_all_the_same():
    made, store, _ = failures()
    store.write("records/retraining-3.json", {"name": "retraining-3", "outcome": "promoted", "failure_of_record": {"Error": "x"}})
    said = made.see_to(ended("arn:machine", "retraining-3"))
    assert "serves all the same" in said["text"] and "--accept" in said["text"]
    assert time.time() - store.history().promoted < 60
