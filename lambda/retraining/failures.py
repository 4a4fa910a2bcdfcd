"""What becomes of an execution that failed, was aborted or took too long: people are told once, and it leaves a record."""

from __future__ import annotations

import json
import time
from typing import Any

from greensage.drift.decide import History
from greensage.drift.events import Incident
from greensage.drift.incidents import FAILING, opened
from retraining.store import Store

_LONGEST_CAUSE = 1_000
_FAILED = {
    "FAILED": "failed", "TIMED_OUT": "took longer than it may", "ABORTED": "was stopped",
}  # fmt: skip


class Failures:
    """Sees to the ends that Step Functions tells of; `given` are the decision's settings."""

    def __init__(self, given: dict[str, Any], store: Store, topics: Any) -> None:
        self.given, self.store, self.topics = given, store, topics

    def see_to(self, detail: dict[str, Any]) -> dict[str, str]:
        """Return what was said of an execution, {} where it was said before; `detail` is that of the status change's event."""
        if self.given.get("machine") and detail["stateMachineArn"] == self.given["machine"]:
            return self._retraining(detail)
        return self._evaluation(detail)

    def _evaluation(self, detail: dict[str, Any]) -> dict[str, str]:
        """An evaluation: what it should have seen is seen by the next one; of several in a row people hear once."""
        first: list[bool] = []

        def note(history: History) -> None:
            first[:] = [FAILING not in history.incidents]
            history.incidents.setdefault(FAILING, _failing(detail["name"]))

        self.store.change_history(note)
        if not first[0]:
            return {}
        how = _FAILED[detail["status"]]
        return self._tell(
            f"greensage: {self.given['model']} is not watched",
            f"An evaluation of {self.given['model']} {how}. The next one sees what it should have seen; until one succeeds, "
            "nobody looks for drift.",
            detail,
        )

    def _retraining(self, detail: dict[str, Any]) -> dict[str, str]:
        """A retraining: its own machine records how it ended and tells; what it could not is done here."""
        name, how = detail["name"], _FAILED[detail["status"]]
        known = self.store.read(f"records/{name}.json")
        if known is not None and "failure_of_record" not in known:
            return {}
        if known is None:
            failure = {"Error": detail["status"], "Cause": str(detail.get("cause") or how)[:_LONGEST_CAUSE]}
            record = {"name": name, "outcome": "unknown", "failure": failure, "ended": time.time()}
            self.store.create(f"records/{name}.json", record)
        serves = bool(known and known["outcome"] == "promoted")
        self.store.change_history(lambda history: _is_over(history, name, serves=serves))
        then = (
            f"Its challenger serves all the same, and is compared with the baseline before it: greensage drift "
            f"{self.given['model']} --accept takes what comes now as the new one." if serves
            else "Jobs and files of it may be left; the next retraining does not stumble over them."
        )  # fmt: skip
        subject = f"greensage: {name} of {self.given['model']} {how}"
        return self._tell(subject, f"The retraining {name} of {self.given['model']} {how}. {then}", detail)

    def _tell(self, subject: str, text: str, detail: dict[str, Any]) -> dict[str, str]:
        said = {"model": self.given["model"], "text": text, "execution": detail["executionArn"]}
        if detail.get("cause"):
            said["cause"] = str(detail["cause"])[:_LONGEST_CAUSE]
        if self.given["topic"]:
            self.topics.publish(TopicArn=self.given["topic"], Subject=subject[:100], Message=json.dumps(said, indent=1))
        return said


def _failing(name: str) -> Incident:
    return opened(FAILING, [name], time.time())


def _is_over(history: History, name: str, *, serves: bool) -> None:
    if history.running == name:
        history.running, history.ended = "", time.time()
    if serves:
        history.promoted = history.since = time.time()
