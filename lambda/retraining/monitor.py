"""Evaluates what was captured since the last time: collect (how much is new), evaluate (in here), summarize (of a job).

Settings: model, bucket, prefix, baseline {bucket, key, source}, drift (or null), kpi, min_labels, label_days, most_rows,
every_rows, large_mb, namespace.
"""

from __future__ import annotations

import itertools
import json
import time
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3

from greensage.drift import capture, quality
from greensage.drift.capture import BadLine
from greensage.drift.decide import History
from greensage.drift.evaluate import Settings, constraint_violations, evaluate
from greensage.drift.events import Evaluation, Kind, Quality, Report, Summary, Window
from greensage.drift.labels import Joined, Labels
from greensage.drift.monitor_files import from_statistics
from greensage.drift.window import Statistics, kind_of
from retraining.errors import Permanent, with_error_class
from retraining.metrics import put_figures
from retraining.settings import settings
from retraining.store import File, Store

_MEGABYTE = 1_000_000
_DAY = 86_400.0


@with_error_class
def handler(event: dict[str, Any], context: Any) -> Window | Summary:
    """Do the step that `event["step"]` names; collect is given the time of the schedule's event."""
    given = settings()
    monitor = Monitor(given, Store(boto3.client("s3"), given["bucket"], given["prefix"]))
    if event["step"] == "collect":
        return monitor.collect(event.get("time", ""))
    summary, report = monitor.report(event["window"])
    if report is not None:
        _publish(report, monitor.kind, given, boto3.client("cloudwatch"), boto3.client("events"))
    return summary


class Monitor:
    """One model's evaluations."""

    def __init__(self, given: dict[str, Any], store: Store) -> None:
        self.given, self.store = given, store
        # Two monitors of one model each have windows and reports of their own.
        self.kind: Kind = "drift" if given.get("drift") else "quality"

    def collect(self, scheduled: str) -> Window:
        """Return the window to evaluate, and by which engine: a job when there is more than a function should read.

        The window's id is the time of the event, so that an event that comes twice is one window.
        """
        until = datetime.fromisoformat(scheduled).timestamp() if scheduled else time.time()
        after = self.store.history().evaluated.get(self.kind, 0.0)
        files = self.store.files("capture/", after=after, until=until)
        size = sum(file.size for file in files)
        large = self.given.get("drift") and size > self.given["large_mb"] * _MEGABYTE
        name = datetime.fromtimestamp(until, UTC).strftime("%Y%m%dT%H%M%S") + f"{int(until * 1000) % 1000:03d}-{self.kind}"
        if large:
            keys = [{"prefix": f"s3://{self.given['bucket']}/"}, *(file.key for file in files)]
            self.store.write(f"reports/{name}/manifest.json", keys)
        return {
            "id": name, "after": after, "until": until, "files": len(files), "bytes": size,
            "engine": "model-monitor" if large else "lambda",
        }  # fmt: skip

    def report(self, window: Window) -> tuple[Summary, Report | None]:
        """Evaluate a window; return what came out, and the report that is kept unless it waits or was kept before."""
        known: Report | None = self.store.read(f"reports/{window['id']}.json")
        if known is not None:
            return {**_summary(known), "status": "done"}, None
        statistics, bad = self._statistics(window)
        if statistics.rows < self.given["every_rows"]:
            return {"id": window["id"], "status": "waiting", "rows": statistics.rows, "drifted": []}, None
        report: Report = {
            **self._evaluated(statistics), **self._quality(window),
            "id": window["id"], "model": self.given["model"], "engine": window["engine"], "files": window["files"],
            "after": window["after"], "until": window["until"],
            "quarantine": self._quarantine(window["id"], bad),
            "job_failure": (window.get("job_failure") or {}).get("Cause"), "files_left_out": window.get("left_out", 0),
        }  # fmt: skip
        if window["engine"] == "model-monitor":
            report["requests"] = None  # the container counts rows
        self.store.write(f"reports/{window['id']}.violations.json", constraint_violations(report))
        self.store.write(f"reports/{window['id']}.json", report)
        self.store.change_history(lambda history: _evaluated(history, self.kind, window["until"]))
        return _summary(report), report

    def _statistics(self, window: Window) -> tuple[Statistics, list[tuple[str, BadLine]]]:
        if window["engine"] == "model-monitor":
            content = self.store.read(f"reports/{window['id']}/statistics.json")
            if content is None:
                raise Permanent(f"the job left no reports/{window['id']}/statistics.json")
            made, bad = from_statistics(content), self._set_aside(window["id"])
            made.bad.update(kind_of(line.reason) for _, line in bad)
            return made, bad
        made, bad = Statistics.of(list(self.baseline.features)), []
        for file in self._files(window):
            for batch in capture.read(self.store.lines(file), len(made.features)):
                bad += [(file.key, line) for line in made.add(batch)]
        return made, bad

    def _files(self, window: Window) -> list[File]:
        """Return the captures to read here; of what a job should have read, the newest that a function can."""
        files = self.store.files("capture/", after=window["after"], until=window["until"])
        if not window.get("job_failure"):
            return files
        sizes = itertools.accumulate(file.size for file in reversed(files))
        count = sum(1 for size in sizes if size <= self.given["large_mb"] * _MEGABYTE) or 1
        window["left_out"] = len(files) - min(count, len(files))
        return files[-count:]

    def _set_aside(self, name: str) -> list[tuple[str, BadLine]]:
        """Return what the container's preprocessor could not read."""
        found = []
        for file in self.store.files(f"reports/{name}/set-aside-"):
            for number, line in enumerate(self.store.lines(file), 1):
                row = json.loads(line)
                found.append((file.key, BadLine(number, row["reason"], json.dumps(row["content"]).encode())))
        return found

    @cached_property
    def baseline(self) -> Statistics:
        """Return the champion's baseline; a retrained one counts as long as the model it came from is the deployed one."""
        place = self.given["baseline"]
        own = self.store.read("state/baseline.json")
        if own is not None and own["source"] == place["source"]:
            return from_statistics(own["statistics"])
        found = Store(self.store.s3, place["bucket"]).read(place["key"])
        if found is None:
            raise Permanent(f"there is no baseline at s3://{place['bucket']}/{place['key']}")
        return from_statistics(found)

    def _evaluated(self, statistics: Statistics) -> Evaluation:
        if not self.given.get("drift"):
            return {
                "status": "ok", "drifted": [], "columns": [], "violations": [], "rows": statistics.rows,
                "requests": statistics.requests, "bad_lines": dict(statistics.bad),
            }  # fmt: skip
        return evaluate(self.baseline, statistics, Settings(**self.given["drift"]))

    def _quality(self, window: Window) -> Quality:
        """KPIs of the answers of the last `label_days`, by the labels there are now; labels may be late."""
        kpi = self.given["kpi"]
        if not kpi:
            return {"kpi": {}, "kpi_estimate": {}, "unlabelled": 0, "bad_labels": 0}
        labels, rows = self.joined(window["until"])
        known, scores, _ = rows.arrays()
        newest = slice(-self.given["judged_rows"], None)
        return {
            "kpi": quality.judge(known[newest], quality.flat(scores[newest]), kpi, min_labels=self.given["min_labels"]),
            "kpi_estimate": quality.estimate(quality.flat(rows.latest()[newest]), list(kpi)),
            "unlabelled": rows.unlabelled,
            "bad_labels": len(labels.bad),
        }

    def joined(self, until: float) -> tuple[Labels, Joined]:
        """Return the labels, and the newest answers of the last `label_days` that have one, oldest first.

        The newest file is read first, and no more than is needed: a large window is read by a job and not here.
        """
        labels, after = Labels(), until - self.given["label_days"] * _DAY
        for file in self.store.files("labels/"):
            labels.add(self.store.lines(file))
        rows, width = Joined(most=self.given["most_rows"]), len(self.baseline.features)
        for file in reversed(self.store.files("capture/", after=after, until=until)):
            part = Joined(most=self.given["most_rows"])
            for batch in capture.read(self.store.lines(file), width):
                part.add(batch, labels)
            rows.put_before(part)
            if rows.complete(labels):
                break
        return labels, rows

    def _quarantine(self, name: str, bad: list[tuple[str, BadLine]]) -> str | None:
        """Keep the lines that were not read, with where they came from; they are never dropped in silence."""
        if not bad:
            return None
        rows = (
            {"file": key, "line": line.number, "reason": line.reason, "content": line.content.decode(errors="backslashreplace")}
            for key, line in bad
        )
        self.store.write_bytes(f"quarantine/{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode(), "text/plain")
        return f"quarantine/{name}.jsonl"


def _summary(report: Report) -> Summary:
    return {"id": report["id"], "status": report["status"], "rows": report["rows"], "drifted": report["drifted"]}


def _evaluated(history: History, kind: str, until: float) -> None:
    history.evaluated[kind] = max(history.evaluated.get(kind, 0.0), until)


def _publish(report: Report, kind: Kind, given: dict[str, Any], cloudwatch: Any, events: Any) -> None:
    """Tell CloudWatch the figures and EventBridge that there is a report."""
    below = sum(1 for row in report["kpi"].values() if row["state"] == "below")
    figures = {
        "CapturedRows": report["rows"],
        "DriftedColumns": len(report["drifted"]),
        "Violations": len(report["violations"]),
        "UnreadLines": sum(report["bad_lines"].values()) + report["bad_labels"],
        "KpisBelowThreshold": below,
    }
    values = {f"Kpi-{name}": row["value"] for name, row in report["kpi"].items() if row["value"] is not None}
    put_figures(cloudwatch, given, {**figures, **values})
    detail = {
        "model": given["model"],
        "kind": kind,
        "report": report["id"],
        "status": report["status"],
        **figures,
    }
    events.put_events(Entries=[{"Source": "greensage.drift", "DetailType": "Drift report", "Detail": json.dumps(detail)}])
