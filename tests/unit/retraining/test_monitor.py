"""Collecting, evaluating and deciding: one window is evaluated once, one report decided once, and all of it is told."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from botocore.exceptions import ClientError
from retraining.decide import Decider
from retraining.errors import Permanent, Transient
from retraining.monitor import Monitor
from retraining.outbox import Outbox, message, outbox_name
from retraining.store import Store

from greensage.drift.labels import label_line
from greensage.drift.monitor_files import to_statistics
from greensage.drift.window import Statistics
from tests.unit.drift.test_statistics import line
from tests.unit.retraining.aws import S3, Recorder, figures, refused
from tests.unit.retraining.test_steps import GIVEN

DRIFT = {"method": "psi", "threshold": 0.2, "alpha": 0.05, "min_rows": 20, "missing": 0.05, "new_values": 0.01}
DAY = 86_400.0


def rows_of(shift: float, count: int = 300) -> list[bytes]:
    values = np.random.default_rng(7).normal(shift, 1, (count, 2))
    return [line(f"{a:.6f},{b:.6f}", identity=str(index)) for index, (a, b) in enumerate(values)]


def baseline() -> dict:
    from greensage.drift import capture

    made = Statistics.of(["a", "b"])
    for batch in capture.read(rows_of(0.0), 2):
        made.add(batch)
    return to_statistics(made)


class Loop:
    def __init__(self, **given) -> None:
        self.files = S3()
        self.files.put_object(Bucket="files", Key="statistics.json", Body=json.dumps(baseline()).encode())
        self.store = Store(self.files, "loop", "churn/")
        self.given = {**GIVEN, "drift": DRIFT, "kpi": {}, **given}
        self.monitor = Monitor(self.given, self.store)
        self.until = self.files.now.timestamp() + 60

    def capture(self, rows: list[bytes], name: str = "1") -> None:
        self.store.write_bytes(f"capture/{name}.jsonl", b"\n".join(rows), "text/plain")

    def collected(self) -> dict:
        from datetime import UTC, datetime

        return self.monitor.collect(datetime.fromtimestamp(self.until, UTC).isoformat())


def test_a_window_is_what_came_since_the_last_one():
    loop = Loop()
    loop.capture(rows_of(0.0))
    found = loop.collected()
    assert found == {
        "id": "20261101T000100000-drift", "after": 0.0, "until": loop.until, "files": 1, "engine": "lambda",
        "bytes": len(b"\n".join(rows_of(0.0))),
    }  # fmt: skip
    assert loop.collected() == found  # an event that comes twice is one window
    loop.store.change_history(lambda history: history.evaluated.update(drift=loop.until))
    assert loop.collected()["files"] == 0
    quality = Monitor({**loop.given, "drift": None}, loop.store)  # the other monitor has its own time
    again = quality.collect("2026-11-01T00:01:00+00:00")
    assert again["files"] == 1 and again["id"].endswith("-quality")


def test_a_large_window_is_a_jobs_and_its_files_are_listed():
    loop = Loop(large_mb=0.001)
    loop.capture(rows_of(0.0))
    found = loop.collected()
    assert found["engine"] == "model-monitor"
    listed = loop.store.read(f"reports/{found['id']}/manifest.json")
    assert listed == [{"prefix": "s3://loop/"}, "churn/capture/1.jsonl"]


@pytest.mark.parametrize(("shift", "status", "drifted"), [(0.0, "ok", []), (2.0, "drift", ["a", "b"])])
def test_a_window_is_evaluated_once(shift, status, drifted):
    loop = Loop()
    loop.capture(rows_of(shift))
    window = loop.collected()
    summary, report = loop.monitor.report(window)
    assert summary == {"id": window["id"], "status": status, "rows": 300, "drifted": drifted}
    assert report is not None and loop.store.read(f"reports/{window['id']}.json") == json.loads(json.dumps(report))
    assert report["model"] == "churn" and report["engine"] == "lambda" and report["files"] == 1 and report["after"] == 0.0
    assert report["quarantine"] is None and report["job_failure"] is None and report["files_left_out"] == 0
    assert loop.store.history().evaluated == {"drift": loop.until}
    assert loop.store.read(f"reports/{window['id']}.violations.json") == {"violations": []}
    assert loop.monitor.report(window) == ({**summary, "status": "done"}, None)


def test_few_rows_wait_for_more():
    loop = Loop(every_rows=301)
    loop.capture(rows_of(0.0))
    window = loop.collected()
    assert loop.monitor.report(window) == ({"id": window["id"], "status": "waiting", "rows": 300, "drifted": []}, None)
    assert loop.store.history().evaluated == {} and loop.store.read(f"reports/{window['id']}.json") is None


def test_lines_that_cannot_be_read_are_kept_with_their_place():
    loop = Loop()
    loop.capture([*rows_of(0.0, 30), b"{", rows_of(0.0, 1)[0]])
    window = loop.collected()
    _, report = loop.monitor.report(window)
    assert report is not None and sum(report["bad_lines"].values()) == 1 and report["rows"] == 31
    (kept,) = loop.files.objects[f"churn/{report['quarantine']}"][0].splitlines()
    row = json.loads(kept)
    assert (row["file"], row["line"], row["content"]) == ("churn/capture/1.jsonl", 31, "{") and row["reason"]


def test_a_job_that_failed_is_replaced_by_what_a_function_can_read():
    loop = Loop(large_mb=0.05)
    for name in ("1", "2", "3"):
        loop.capture(rows_of(0.0, 60), name)
    window = {**loop.collected(), "job_failure": {"Error": "x", "Cause": "no capacity"}, "engine": "lambda"}
    _, report = loop.monitor.report(window)
    size = len(b"\n".join(rows_of(0.0, 60)))
    kept = int(0.05e6 // size)
    assert report is not None and report["job_failure"] == "no capacity"
    assert (report["rows"], report["files_left_out"]) == (60 * kept, 3 - kept) and 0 < kept < 3


def test_a_job_that_left_nothing_is_an_error_and_one_that_did_is_read():
    loop = Loop(large_mb=0.001)
    loop.capture(rows_of(0.0))
    window = loop.collected()
    with pytest.raises(Permanent, match=r"the job left no reports/.*/statistics\.json"):
        loop.monitor.report(window)
    loop.store.write(f"reports/{window['id']}/statistics.json", baseline())
    aside = json.dumps({"reason": "not JSON", "content": {"a": 1}}).encode()
    loop.store.write_bytes(f"reports/{window['id']}/set-aside-0.jsonl", aside, "text/plain")
    summary, report = loop.monitor.report(window)
    assert report is not None and summary["rows"] == 300 and report["requests"] is None
    assert sum(report["bad_lines"].values()) == 1 and report["quarantine"] == f"quarantine/{window['id']}.jsonl"


def test_without_a_baseline_nothing_is_evaluated():
    loop = Loop()
    del loop.files.objects["statistics.json"]
    loop.capture(rows_of(0.0))
    with pytest.raises(Permanent, match=r"there is no baseline at s3://files/statistics\.json"):
        loop.monitor.report(loop.collected())


def test_a_promoted_models_baseline_counts_as_long_as_its_archive_is_deployed():
    loop = Loop()
    own = to_statistics(Statistics.of(["c"]))
    loop.store.write("state/baseline.json", {"source": "one", "statistics": own})
    assert list(loop.monitor.baseline.features) == ["c"]
    loop.store.write("state/baseline.json", {"source": "another", "statistics": own})
    assert list(Monitor(loop.given, loop.store).baseline.features) == ["a", "b"]


def test_kpis_are_judged_by_the_labels_there_are():
    loop = Loop(kpi={"accuracy": 0.9}, drift=None, judged_rows=40, min_labels=10)
    loop.capture([line(f"{row},1", identity=str(row)) for row in range(60)])
    labels = [label_line(str(row), 1).encode() for row in range(50)] + [b"{"]
    loop.store.write_bytes("labels/1.jsonl", b"\n".join(labels), "text/plain")
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["kpi"]["accuracy"]["labels"] == 40 and report["bad_labels"] == 1
    assert report["unlabelled"] == 10 and report["status"] == "ok" and report["columns"] == []


def test_a_report_is_told_in_figures_and_an_event():
    report = {
        "id": "w", "model": "churn", "status": "drift", "rows": 99, "new_rows": 9, "drifted": ["a", "b"], "violations": [{}], "bad_lines": {"x": 2, "y": 1},
        "bad_labels": 1, "kpi": {
            "auc": {"state": "below", "value": 0.6}, "f1": {"state": "few-labels", "value": None}, "r2": {"state": "holds", "value": 1.0},
        },
    }  # fmt: skip
    cloudwatch, events, store = Recorder("cloudwatch"), Recorder("events"), Store(S3(), "loop", "churn/")
    store.write("reports/w.json", report)
    store.write(outbox_name("w"), message(report, "drift"))  # type: ignore[arg-type]
    Outbox(GIVEN, store, cloudwatch, events).deliver("w")
    assert store.read(outbox_name("w")) is None
    told = {"CapturedRows": 9, "DriftedColumns": 2, "Violations": 1, "UnreadLines": 4, "KpisBelowThreshold": 1}
    assert figures(cloudwatch) == {**told, "Kpi-auc": 0.6, "Kpi-r2": 1.0}
    ((entry,),) = (given["Entries"] for given in events.asked("put_events"))
    assert (entry["Source"], entry["DetailType"]) == ("greensage.drift", "Drift report")
    detail = {"model": "churn", "kind": "drift", "report": "w", "status": "drift", **told}
    assert json.loads(entry["Detail"]) == detail


@pytest.mark.parametrize("broken", ["cloudwatch", "events", "refused"])
def test_what_could_not_be_told_is_told_by_the_next_evaluation(broken):
    loop = Loop()
    loop.capture(rows_of(2.0))
    window = loop.collected()
    loop.monitor.report(window)
    throttled = refused("ThrottlingException")
    rejected = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalException"}]}
    cloudwatch = Recorder("cloudwatch", put_metric_data=throttled if broken == "cloudwatch" else {})
    answers = {"events": throttled, "refused": rejected}
    events = Recorder("events", put_events=answers.get(broken, {}))
    with pytest.raises((Transient, ClientError)):
        Outbox(loop.given, loop.store, cloudwatch, events).deliver(window["id"])
    # The step is tried again: the report is known, and is told all the same.
    assert loop.monitor.report(window)[1] is None
    events = Recorder("events")
    Outbox(loop.given, loop.store, Recorder("cloudwatch"), events).deliver_all()
    assert len(events.asked("put_events")) == 1 and loop.store.read(outbox_name(window["id"])) is None


def test_what_was_never_kept_is_not_told():
    loop, events = Loop(), Recorder("events")
    loop.store.write(outbox_name("lost"), {"figures": {}, "detail": {}})
    Outbox(loop.given, loop.store, Recorder("cloudwatch"), events).deliver_all()
    assert not events.told and loop.store.read(outbox_name("lost")) is None


def test_few_new_rows_are_judged_with_those_before_them():
    """150 rows a day, all of them moved: an alarm on the first or the second day."""
    loop = Loop(enough_rows=1_000, drift={**DRIFT, "method": "wasserstein", "threshold": 0.05, "min_rows": 100})
    start = loop.files.now
    seen = []
    for day in range(12):
        loop.files.now = start + timedelta(days=day)
        loop.until = loop.files.now.timestamp() + 60
        loop.capture(rows_of(3.0 if day >= 10 else 0.0, 150), f"{day}")
        _, report = loop.monitor.report(loop.collected())
        assert report is not None and report["new_rows"] == 150
        seen.append((report["rows"], report["status"]))
    assert seen[:3] == [(150, "ok"), (300, "ok"), (450, "ok")] and seen[9] == (1_050, "ok") and seen[10][1] == "drift"


def test_nothing_and_too_little_are_states():
    loop = Loop()
    assert loop.monitor.report(loop.collected())[0]["status"] == "no-data"
    loop.files.now += timedelta(seconds=90)
    loop.until += 90
    loop.capture(rows_of(0.0, 5))
    assert loop.monitor.report(loop.collected())[0]["status"] == "few-rows"


def test_a_client_that_adds_a_column_breaks_the_schema():
    loop = Loop()
    loop.capture([line("1,2,3", identity=str(number)) for number in range(60)])
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["status"] == "drift"
    (found,) = report["violations"]
    assert found["constraint_check_type"] == "extra_column_check" and "3 features, 2 are expected" in found["description"]


def test_half_of_the_lines_unread_is_a_state():
    loop = Loop()
    loop.capture([*rows_of(0.0, 60), *[b"{"] * 60])
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["status"] == "unread" and report["unread"] == 0.5


def test_labels_that_cannot_be_used_are_counted_and_said():
    loop = Loop(kpi={"accuracy": 0.9}, drift=None, judged_rows=400, min_labels=10)
    rows = [line(f"{row},1", "0.9", identity=str(row)) for row in range(40)]
    loop.capture([*rows, rows[0], line("1,1\n2,2", "0.9\n0.9", identity="many")])
    labels = [label_line(str(row), 1) for row in range(40)]
    labels += [label_line("3", 0), label_line("3", 1), label_line("many", 1)]
    loop.store.write_bytes("labels/1.jsonl", "\n".join(labels).encode(), "text/plain")
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["kpi"]["accuracy"]["labels"] == 40
    assert report["label_problems"] == {"conflicting": 1, "duplicates": 1, "of whole requests": 1}


def test_labels_that_do_not_fit_the_answers_are_a_problem_and_no_crash():
    loop = Loop(kpi={"accuracy": 0.9}, drift=None)
    loop.capture([line(f"{row},1", "0.1,0.9", identity=str(row)) for row in range(40)])
    labels = [label_line(str(row), row % 4) for row in range(40)]
    loop.store.write_bytes("labels/1.jsonl", "\n".join(labels).encode(), "text/plain")
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["kpi"] == {} and "4 classes" in str(report["kpi_problem"])


def test_a_new_champion_is_judged_by_its_own_answers():
    loop = Loop(kpi={"accuracy": 0.9}, drift=None, min_labels=10, judged_rows=400)
    loop.capture([line(f"{row},1", "0.1", identity=f"old{row}") for row in range(60)], "old")
    promoted = loop.files.now.timestamp() + 10
    loop.files.now += timedelta(seconds=20)
    loop.capture([line(f"{row},1", "0.9", identity=f"new{row}") for row in range(60)], "new")
    names = [f"{age}{row}" for age in ("old", "new") for row in range(60)]
    loop.store.write_bytes("labels/1.jsonl", "\n".join(label_line(name, 1) for name in names).encode(), "text/plain")
    loop.store.change_history(lambda history: setattr(history, "promoted", promoted))
    _, report = loop.monitor.report(loop.collected())
    assert report is not None and report["kpi"]["accuracy"]["value"] == 1.0


def test_late_labels_change_the_day_they_belong_to():
    loop = Loop(kpi={"accuracy": 0.9}, drift=None, min_labels=10)
    loop.capture([line(f"{row},1", "0.9", identity=str(row)) for row in range(60)])
    _, first = loop.monitor.report(loop.collected())
    loop.store.write_bytes("labels/1.jsonl", "\n".join(label_line(str(row), 1) for row in range(60)).encode(), "text/plain")
    loop.until += 6 * DAY
    _, second = loop.monitor.report(loop.collected())
    assert first is not None and second is not None and first["kpi_by_day"] == {}
    assert second["kpi_by_day"] == {"2026-11-25": {"labels": 60.0, "accuracy": 1.0}}


# Decisions


class Runs:
    def __init__(self, *outcomes: str, running: tuple[str, ...] = ()) -> None:
        self.outcomes, self.running, self.started = list(outcomes), running, []

    def start(self, name: str, given: dict) -> str:
        self.started.append((name, given))
        return self.outcomes.pop(0)

    def is_running(self, name: str) -> bool:
        return name in self.running


REPORT = {
    "status": "drift", "drifted": ["a"], "violations": [], "bad_lines": {}, "kpi_estimate": {}, "until": 9_000.0,
    "id": "w", "model": "churn", "rows": 1_500, "after": 0.0, "method": "wasserstein", "threshold": 0.05,
    "columns": [{
        "name": "a", "role": "feature", "drifted": True, "value": 0.4, "p_value": 1e-9, "why": "shape", "effective_rows": 1_500.0,
        "missing": 0.0, "missing_baseline": 0.0,
    }],
    "kpi": {"auc": {"state": "below", "value": 0.6, "threshold": 0.8, "more_is_better": True, "labels": 50, "interval": [0.5, 0.7]}},
}  # fmt: skip
POLICY = {
    "policy": {"on_drift": "alert", "cooldown_days": 7, "retrainings_per_month": 2, "dry_run": False, "can_retrain": True},
    "footprint": {"kwh": 0.02, "grams": 4.0, "usual_days": 30}, "topic": "arn:aws:sns:eu-north-1:111111111111:topic",
}  # fmt: skip
NOW = 100 * DAY


def decider(runs: Runs | None, report: dict | None = None, **given):
    store, topics, cloudwatch = Store(S3(), "loop", "churn/"), Recorder("sns"), Recorder("cloudwatch")
    store.write("reports/w.json", report or REPORT)
    return Decider({**GIVEN, **POLICY, **given}, store, runs, topics, cloudwatch), store, topics, cloudwatch


def test_a_kpi_that_fell_starts_one_retraining():
    runs = Runs("started")
    made, store, topics, cloudwatch = decider(runs)
    found = made.decide("w", NOW)
    assert found["action"] == "retrain" and found["execution"] == "retraining-1" and found["joined"] is False
    assert (found["report"], found["model"], found["decided"]) == ("w", "churn", NOW)
    reasons = ["auc is 0.6, below 0.8", "drift of a"]
    assert runs.started == [("retraining-1", {"number": 1, "name": "retraining-1", "report": "w", "reasons": reasons})]
    history = store.history()
    assert (history.running, history.sequence, history.started, history.decided) == ("retraining-1", 1, [NOW], NOW)
    assert store.read("decisions/w.json") == found
    assert figures(cloudwatch) == {
        "Retrainings": 1.0, "Alerts": 0.0, "RetrainingGramsAvoided": 0.0, "RetrainingGramsSpent": 4.0,
    }  # fmt: skip
    ((told),) = topics.asked("publish")
    assert told["Subject"] == "greensage: retrain for churn" and told["MessageStructure"] == "json"
    content = json.loads(told["Message"])
    page = "https://console.aws.amazon.com/s3/object/loop?region=&prefix=churn%2Freports%2Fw.html"
    assert json.loads(content["default"]) == {**found, "told": False, "page": page}
    assert content["email"].startswith("churn: auc is 0.6, below 0.8; drift of a.") and page in content["email"]
    assert b"<h1>churn: drift</h1>" in store.s3.get_object(Bucket="loop", Key="churn/reports/w.html")["Body"].read()
    assert made.decide("w", NOW + DAY) == found and len(runs.started) == 1 and len(topics.told) == 1


def test_a_retraining_under_way_is_joined_and_counted_once():
    runs = Runs("joined")
    made, store, _, _ = decider(runs)
    found = made.decide("w", NOW)
    assert found["joined"] is True and store.history().started == [] and store.history().running == "retraining-1"


def test_names_that_were_used_are_passed_over():
    runs = Runs("ended", "ended", "started")
    made, store, _, _ = decider(runs)
    assert made.decide("w", NOW)["execution"] == "retraining-3" and store.history().sequence == 3


@pytest.mark.parametrize(("running", "action"), [(("retraining-4",), "alert"), ((), "retrain")])
def test_only_what_really_runs_holds_a_retraining_back(running, action):
    made, store, _, _ = decider(Runs("started", running=running))
    store.change_history(lambda history: history.__dict__.update(running="retraining-4", sequence=4))
    assert made.decide("w", NOW)["action"] == action


@pytest.mark.parametrize(
    ("pipeline", "started", "recorded", "action"),
    [
        ("p", NOW - 60, False, "alert"),
        ("p", NOW - 1_800, False, "retrain"),
        ("p", NOW - 60, True, "retrain"),
        ("", NOW - 60, False, "retrain"),
    ],
)
def test_between_two_executions_of_a_pipeline_a_retraining_is_under_way(pipeline, started, recorded, action):
    made, store, _, _ = decider(Runs("started"), pipeline=pipeline)
    store.change_history(lambda history: history.__dict__.update(running="retraining-4", sequence=4, started=[started]))
    if recorded:
        store.write("records/retraining-4.json", {})
    assert made.decide("w", NOW)["action"] == action


def test_nothing_is_told_of_nothing_but_counted_as_avoided():
    fine = {**REPORT, "status": "ok", "kpi": {}, "drifted": []}
    made, store, topics, cloudwatch = decider(None, fine)
    store.change_history(lambda history: setattr(history, "decided", NOW - 15 * DAY))
    found = made.decide("w", NOW)
    assert found["action"] == "none" and not topics.told
    assert figures(cloudwatch)["RetrainingGramsAvoided"] == pytest.approx(2.0)
    assert store.history().grams_avoided == pytest.approx(2.0) and store.history().kwh_avoided == pytest.approx(0.01)


def test_an_old_report_changes_no_history_and_a_missing_one_is_an_error():
    made, store, _, _ = decider(None, {**REPORT, "kpi": {}})
    store.change_history(lambda history: setattr(history, "decided", NOW + 1))
    assert made.decide("w", NOW)["action"] == "alert" and store.history().decided == NOW + 1
    with pytest.raises(Permanent, match="there is no report x"):
        made.decide("x", NOW)


def test_a_write_that_lost_the_race_is_done_again_on_what_won():
    store = Store(S3(), "loop", "churn/")
    store.change_history(lambda history: setattr(history, "kwh_spent", 1.0))
    store.s3.before_write = lambda: store.change_history(lambda history: setattr(history, "kwh_spent", history.kwh_spent + 1))
    store.change_history(lambda history: setattr(history, "kwh_spent", history.kwh_spent + 1))
    assert store.history().kwh_spent == 3.0
