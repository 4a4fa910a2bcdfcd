"""Evaluates what was captured since the last time: collect (how much is new), report; or acknowledge, accept, for people.

What was found is told at least once: it is written to outbox/ first, and taken away when CloudWatch and EventBridge have it;
what a failed evaluation left there is told by the next one.

Settings: model, bucket, prefix, baseline {bucket, key, source}, drift (or null), kpi, classes, codes, min_labels, label_days,
most_rows, judged_rows, every_rows, enough_rows, window_days, large_mb, namespace.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
import numpy as np

from greensage.drift import capture, quality
from greensage.drift.capture import BadLine, Batch
from greensage.drift.coding import CodingError
from greensage.drift.decide import History
from greensage.drift.effective import seconds_of
from greensage.drift.estimate import Unlabelled, estimate
from greensage.drift.evaluate import Settings, constraint_violations, unread_share
from greensage.drift.events import Evaluation, Kind, Quality, Report, Summary, Window
from greensage.drift.judge import by_day, judge
from greensage.drift.labels import Joined, Labels
from greensage.drift.monitor_files import from_statistics
from greensage.drift.quality import understood
from greensage.drift.rows import Rows, written
from greensage.drift.segments import kpi_by_slice
from greensage.drift.watch import evaluate_few
from greensage.drift.window import Statistics
from retraining import people
from retraining.errors import Permanent, with_error_class
from retraining.outbox import Outbox, message, outbox_name
from retraining.settings import settings
from retraining.store import File, Store

_MEGABYTE = 1_000_000
_DAY = 86_400.0
# Of a window that a job counts, about so much is read here too: many times the rows that the tests look at.
_SAMPLED_MB = 100


@with_error_class
def handler(event: dict[str, Any], context: Any) -> Window | Summary | dict[str, Any]:
    """Do the step that `event["step"]` names; collect is given the time of the schedule's event."""
    given = settings()
    store = Store(boto3.client("s3"), given["bucket"], given["prefix"])
    monitor, outbox = Monitor(given, store), Outbox(given, store, boto3.client("cloudwatch"), boto3.client("events"))
    if event["step"] == "collect":
        outbox.deliver_all()
        return monitor.collect(event.get("time", ""))
    if event["step"] in ("acknowledge", "accept"):
        return {"acknowledge": people.acknowledge, "accept": people.accept}[event["step"]](monitor)
    summary, _ = monitor.report(event["window"])
    outbox.deliver(event["window"]["id"])
    return summary


@dataclass
class Seen:
    """What was captured since the last time, the lines that were not read, with their files, and the rows themselves while
    they are `few`, too few to judge alone."""

    statistics: Statistics
    bad: list[tuple[str, BadLine]] = field(default_factory=list[tuple[str, BadLine]])
    few: list[Batch] = field(default_factory=list[Batch])


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
        history = self.store.history()
        after = max(history.evaluated.get(self.kind, 0.0), history.since)
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
        seen = self._seen(window)
        new_rows = seen.statistics.rows
        if new_rows < self.given["every_rows"]:
            return {"id": window["id"], "status": "waiting", "rows": new_rows, "drifted": []}, None
        report: Report = {
            **self._evaluated(seen, window), **self._quality(window),
            "id": window["id"], "model": self.given["model"], "engine": window["engine"], "files": window["files"],
            "after": window["after"], "until": window["until"], "new_rows": new_rows,
            "quarantine": self._quarantine(window["id"], seen.bad),
            "job_failure": (window.get("job_failure") or {}).get("Cause"), "files_left_out": window.get("left_out", 0),
        }  # fmt: skip
        if window["engine"] == "model-monitor":
            report["requests"] = None  # the container counts rows
        self.store.write(outbox_name(window["id"]), message(report, self.kind))
        self.store.write(f"reports/{window['id']}.violations.json", constraint_violations(report))
        self.store.write(f"reports/{window['id']}.json", report)
        self.store.change_history(lambda history: _evaluated(history, self.kind, window["until"], began_of(report)))
        return _summary(report), report

    def _seen(self, window: Window) -> Seen:
        """Return what was captured since the last time."""
        files = self._files(window)
        if window["engine"] == "model-monitor":
            content = self.store.read(f"reports/{window['id']}/statistics.json")
            if content is None:
                raise Permanent(f"the job left no reports/{window['id']}/statistics.json")
            made, bad = from_statistics(content), self._set_aside(window["id"])
            made.note_bad([line for _, line in bad])
            made.sample = self._sample(files)
            made.requests = made.rows  # the container counts rows
            return Seen(made, bad)
        seen = Seen(Statistics.of(self._names))
        for file in files:
            for batch in self.batches(file):
                seen.bad += [(file.key, line) for line in seen.statistics.add(batch)]
                # Many rows are judged alone, and must not be held.
                seen.few = [*seen.few, batch] if seen.statistics.rows < self.given["enough_rows"] else []
        return seen

    def batches(self, file: File) -> Iterator[Batch]:
        """Yield what was captured in a file."""
        return capture.read(self.store.lines(file), len(self._names), self._names)

    def _older(self, window: Window, rows: int) -> list[Batch]:
        """Return what came before the window, as much of it as the tests need to see a moderate change, without its unread
        lines, which were told before."""
        found: list[Batch] = []
        begin = max(window["until"] - self.given["window_days"] * _DAY, self.store.history().since)
        for file in reversed(self.store.files("capture/", after=begin, until=window["after"])):
            if rows >= self.given["enough_rows"]:
                break
            batches = list(self.batches(file))
            for batch in batches:
                batch.bad.clear()
            found = [*batches, *found]
            rows += sum(len(batch.features) for batch in batches)
        return found

    def _sample(self, files: list[File]) -> Rows | None:
        """Rows of a window that a job counted: of files all over it, as many as the tests look at."""
        made = Statistics.of(self._names)
        megabytes = sum(file.size for file in files) / _MEGABYTE
        for file in files[:: max(1, round(megabytes / _SAMPLED_MB))]:
            for batch in itertools.islice(self.batches(file), 1):
                made.add(batch)
        return made.sample

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

    @property
    def _names(self) -> list[str]:
        return list(self.baseline.features)

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

    def _evaluated(self, seen: Seen, window: Window) -> Evaluation:
        given, new = self.given.get("drift"), seen.statistics
        if not given:
            return {
                "status": "ok" if new.rows else "no-data", "drifted": [], "columns": [], "violations": [],
                "rows": new.rows, "requests": new.requests, "bad_lines": dict(new.bad),
                "unread": unread_share(new), "unusable_answers": new.unusable,
            }  # fmt: skip
        return evaluate_few(self.baseline, new, seen.few, lambda: self._older(window, new.rows), Settings(**given))

    def _quality(self, window: Window) -> Quality:
        """KPIs of the answers of the last `label_days`, by the labels there are now; labels may be late."""
        kpi = self.given["kpi"]
        found: Quality = {
            "kpi": {}, "kpi_estimate": {}, "kpi_problem": None, "kpi_by_day": {}, "unlabelled": 0, "bad_labels": 0,
            "label_problems": {}, "kpi_segments": [],
        }  # fmt: skip
        if not kpi:
            return found
        labels, rows = self.joined(window["until"])
        found["unlabelled"], found["bad_labels"] = rows.unlabelled, len(labels.bad)
        counted = {"conflicting": len(labels.conflicting), "duplicates": rows.duplicates, "of whole requests": len(rows.whole)}
        found["label_problems"] = {name: count for name, count in counted.items() if count}
        known, scores, features = rows.arrays()
        answers = None
        if len(known):
            try:
                answers = understood(known, quality.flat(scores), list(kpi), self.given.get("codes") or ())
            except CodingError as problem:
                found["kpi_problem"] = str(problem)
        if answers is not None:
            judged = self.given["judged_rows"]
            found["kpi"] = judge(answers, kpi, min_labels=self.given["min_labels"], judged_rows=judged)
            usable = np.flatnonzero(quality.usable(scores))
            for row in found["kpi"].values():
                if row["since"] is not None:
                    row["began"] = rows.times[int(usable[row["since"]])]
            cells = self._cells([rows.words[index] for index in usable], features[usable])
            found["kpi_segments"] = kpi_by_slice(answers, cells, kpi, min_labels=self.given["min_labels"], judged_rows=judged)
            found["kpi_by_day"] = by_day(answers, [rows.times[index] for index in usable], list(kpi))
            features = features[usable]
        latest, latest_features = rows.latest()
        if len(latest) and found["kpi_problem"] is None:
            found["kpi_estimate"] = estimate(Unlabelled(quality.flat(latest), latest_features), list(kpi), answers, features)
        return found

    def _cells(self, words: Sequence[dict[int, str]], features: np.ndarray) -> dict[str, np.ndarray]:
        """The values of the declared segments' features, one for each answer."""
        found: dict[str, np.ndarray] = {}
        for name in (self.given.get("drift") or {}).get("segments", ()):
            if name in self._names:
                index = self._names.index(name)
                numbers, texts = features[:, index], [row.get(index) for row in words]
                if any(text is not None for text in texts):
                    cells = [written(number) if text is None else text for text, number in zip(texts, numbers, strict=True)]
                    found[name] = np.array(cells, object)
                else:
                    found[name] = numbers
        return found

    def joined(self, until: float, *, after: float | None = None) -> tuple[Labels, Joined]:
        """Return the labels, and the newest answers that have one, oldest first: this champion's of the last `label_days`, or
        those `after` a time, whoever gave them.

        The newest file is read first, and no more than is needed: a large window is read by a job and not here.
        """
        labels = Labels(classes=self.given.get("classes") or ())
        # A champion is judged by its own answers, not by those of the one before.
        own = max(until - self.given["label_days"] * _DAY, self.store.history().promoted)
        for file in self.store.files("labels/"):
            labels.add(self.store.lines(file))
        rows = Joined(most=self.given["most_rows"])
        for file in reversed(self.store.files("capture/", after=own if after is None else after, until=until)):
            part = Joined(most=self.given["most_rows"], ids=rows.ids)  # an id counts once, in whatever file
            for batch in self.batches(file):
                part.add(batch, labels)
            rows.put_before(part)
            if rows.complete(labels):
                break
        rows.drop_other_shapes()
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


def _evaluated(history: History, kind: str, until: float, fell: float) -> None:
    history.evaluated[kind] = max(history.evaluated.get(kind, 0.0), until)
    history.fell = fell


def began_of(report: Report) -> float:
    """Return when the first fall of a KPI began, in seconds since 1970; 0 where none fell."""
    times = seconds_of([row["began"] for row in report["kpi"].values() if row["state"] == "below" and row.get("began")])
    return float(np.nanmin(times)) if len(times) and not np.isnan(times).all() else 0.0
