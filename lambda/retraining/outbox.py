"""What was found and is not told yet: figures for CloudWatch and an event for EventBridge, in outbox/ until both have them.

They may be told twice, never not at all; who gets them keeps one decision for each report.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from greensage.drift.events import Kind, Report
from retraining.errors import Transient
from retraining.metrics import put_figures
from retraining.store import Store

_FOLDER = "outbox/"


def outbox_name(report: str) -> str:
    """Return the name of the file of a report that is not told yet."""
    return f"{_FOLDER}{report}.json"


def message(report: Report, kind: Kind) -> dict[str, Any]:
    """Return what is told of a report: figures by name, and the event's detail."""
    below = sum(1 for row in report["kpi"].values() if row["state"] == "below")
    figures = {
        "CapturedRows": report["new_rows"],
        "DriftedColumns": len(report["drifted"]),
        "Violations": len(report["violations"]),
        "UnreadLines": sum(report["bad_lines"].values()) + report["bad_labels"],
        "KpisBelowThreshold": below,
    }
    values = {f"Kpi-{name}": row["value"] for name, row in report["kpi"].items() if row["value"] is not None}
    detail = {"model": report["model"], "kind": kind, "report": report["id"], "status": report["status"], **figures}
    return {"figures": {**figures, **values}, "detail": detail}


@dataclass(frozen=True)
class Outbox:
    """Tells what lies there."""

    given: dict[str, Any]
    store: Store
    cloudwatch: Any
    events: Any

    def deliver_all(self) -> None:
        """Tell what earlier evaluations could not."""
        for file in self.store.files(_FOLDER):
            self.deliver(file.key.rsplit("/", 1)[1].removesuffix(".json"))

    def deliver(self, report: str) -> None:
        """Tell of a report, if it is not told yet. Raises Transient where EventBridge did not take it."""
        content = self.store.read(outbox_name(report))
        if content is None:
            return
        if self.store.read(f"reports/{report}.json") is not None:  # else the evaluation failed, and the window comes again
            put_figures(self.cloudwatch, self.given, content["figures"])
            entry = {"Source": "greensage.drift", "DetailType": "Drift report", "Detail": json.dumps(content["detail"])}
            answer = self.events.put_events(Entries=[entry])
            if answer.get("FailedEntryCount"):
                raise Transient(f"EventBridge did not take the report {report}: {answer['Entries'][0].get('ErrorCode')}")
        self.store.remove(outbox_name(report))
