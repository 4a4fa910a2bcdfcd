"""Gets the event that there is a report, decides, keeps the decision, starts a retraining and tells people.

It gets the ends of failed executions too. Settings: model, bucket, prefix, policy, footprint {kwh, grams, usual_days},
machine (ARN, or ""), pipeline (name, or ""), topic (ARN, or ""), namespace ("" for no metrics).
"""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import urlencode

import boto3

from greensage.drift.decide import Footprint, History, Policy, decide
from greensage.drift.events import Decision, Report
from greensage.drift.page import page
from greensage.drift.runs import Start
from greensage.drift.words import message
from retraining.errors import Permanent, with_error_class
from retraining.failures import Failures
from retraining.metrics import put_figures
from retraining.runs import Runs, runs_of
from retraining.settings import settings
from retraining.store import Store

# The event of a failed execution may wait for its function, and that for the endpoint.
_BETWEEN_SECONDS = 1_800


@with_error_class
def handler(event: dict[str, Any], context: Any) -> Decision | dict[str, str]:
    """Decide on the report that an event of the monitor names, or on {"report": id} given by hand."""
    given = settings()
    store = Store(boto3.client("s3"), given["bucket"], given["prefix"])
    if event.get("source") == "aws.states":
        return Failures(given, store, boto3.client("sns")).see_to(event["detail"])
    runs = runs_of(given) if given.get("machine") or given.get("pipeline") else None
    decider = Decider(given, store, runs, boto3.client("sns"), boto3.client("cloudwatch"))
    return decider.decide(event.get("detail", event)["report"], time.time())


class Decider:
    """Decides once on each report, however often it is asked."""

    def __init__(self, given: dict[str, Any], store: Store, runs: Runs | None, topics: Any, cloudwatch: Any) -> None:
        self.given, self.store, self.runs, self.topics, self.cloudwatch = given, store, runs, topics, cloudwatch

    def decide(self, name: str, now: float) -> Decision:
        """Return the decision on report `name`."""
        known: Decision | None = self.store.read(f"decisions/{name}.json")
        made = self._made(name, now) if known is None else known
        if not made["told"]:  # or it was made, and could not be told
            self.store.change_history(lambda history: _note(history, made))
            self._tell(made)
            made["told"] = True
            self.store.write(f"decisions/{name}.json", made)
        return made

    def _made(self, name: str, now: float) -> Decision:
        """Decide, and keep the decision before anybody hears of it."""
        report: Report | None = self.store.read(f"reports/{name}.json")
        if report is None:
            raise Permanent(f"there is no report {name}")
        history = self.store.history()
        if history.running and not self._is_under_way(history, now):
            history.running = ""
        policy, footprint = Policy(**self.given["policy"]), Footprint(**self.given["footprint"])
        choice = decide(report, policy, history, footprint, now=now)
        made: Decision = {"report": name, "model": self.given["model"], "told": False, **choice}
        if made["action"] == "retrain":
            made["execution"], made["joined"] = self._start(history, made)
        self.store.write(f"decisions/{name}.json", made)
        return made

    def _is_under_way(self, history: History, now: float) -> bool:
        """Between two executions of a pipeline, on one instance type and the next, none runs; until there is a record, and
        for some minutes, the retraining is under way all the same."""
        if self.runs is None or self.runs.is_running(history.running):
            return True
        if not self.given.get("pipeline") or self.store.read(f"records/{history.running}.json") is not None:
            return False
        return bool(history.started) and now - history.started[-1] < _BETWEEN_SECONDS

    def _start(self, history: History, made: Decision) -> tuple[str, bool]:
        """Start the next retraining; return its name, and whether it was under way already.

        Its name is its number, and a name is taken once, so two decisions at the same moment start one retraining: the
        second joins it.
        """
        number = history.sequence + 1
        while True:
            name = f"retraining-{number}"
            given: Start = {"number": number, "name": name, "report": made["report"], "reasons": made["reasons"]}
            assert self.runs is not None
            outcome = self.runs.start(name, given)
            if outcome != "ended":
                return name, outcome == "joined"
            number += 1  # a retraining that ended without leaving a record

    def _tell(self, made: Decision) -> None:
        """Count what was decided, and write to the topic if it is more than nothing."""
        figures = {
            "Retrainings": float(made["action"] == "retrain"),
            "Alerts": float(made["action"] == "alert"),
            "RetrainingGramsAvoided": made["grams"]["avoided"],
            "RetrainingGramsSpent": made["grams"]["spent"],
        }
        put_figures(self.cloudwatch, self.given, figures)
        if made["action"] != "none" or made["ended"]:
            self._write_to_people(made)

    def _write_to_people(self, made: Decision) -> None:
        """Keep a page with the pictures, and send its link: as JSON, and as words to who reads e-mail."""
        report: Report = self.store.read(f"reports/{made['report']}.json")
        name = f"reports/{made['report']}.html"
        self.store.write_bytes(
            name, page(report, made["opened"] or made["incidents"].values()).encode(), "text/html; charset=utf-8"
        )
        if not self.given["topic"]:
            return
        link = console_link(self.given["bucket"], f"{self.given['prefix']}{name}", os.environ.get("AWS_REGION", ""))
        what = made["action"] if made["action"] != "none" else "all clear"
        content = {
            "default": json.dumps({**made, "page": link}, indent=1),
            "email": message(made["model"], made, report, link),
        }
        self.topics.publish(
            TopicArn=self.given["topic"], Subject=f"greensage: {what} for {made['model']}"[:100], MessageStructure="json",
            Message=json.dumps(content),
        )  # fmt: skip


def console_link(bucket: str, key: str, region: str) -> str:
    """Return where AWS's console shows a file; who may read the bucket opens it there."""
    host = "console.amazonaws.cn" if region.startswith("cn-") else "console.aws.amazon.com"
    host = "console.amazonaws-us-gov.com" if region.startswith("us-gov-") else host
    return f"https://{host}/s3/object/{bucket}?{urlencode({'region': region, 'prefix': key})}"


def _note(history: History, made: Decision) -> None:
    now = made["decided"]
    if now <= history.decided:
        return
    history.decided = now
    ended = {incident["kind"] for incident in made["ended"]}
    history.incidents = {kind: row for kind, row in made["incidents"].items() if kind not in ended}
    history.kwh_avoided += made["kwh"]["avoided"]
    history.grams_avoided += made["grams"]["avoided"]
    if made["action"] == "retrain":
        known = history.running == made["execution"]
        history.running = made["execution"]
        history.sequence = max(history.sequence, int(made["execution"].rsplit("-", 1)[1]))
        if not made["joined"] and not known:
            history.started.append(now)
