"""The steps of a retraining that work on data: prepare, next, compare, record. Their rights are on the loop's files.

Settings: as monitor's, and: label, candidates, green_hour, flexible_hours, rules, max_usd, max_run_minutes,
machine (ARN, or "") or pipeline (name), champion, footprint {kwh, grams, seconds}.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import boto3

from greensage.drift.compare import Rules, verdict
from greensage.drift.decide import History
from greensage.drift.effective import seconds_of
from greensage.drift.payload import to_csv
from greensage.drift.retrain import affordable, next_candidate, seconds_of_failure, split, start_time, training_of
from greensage.drift.runs import Challenger, Prepared, Record, Recorded, Run, TrainingPlace, Verdict
from retraining.errors import Permanent, with_error_class
from retraining.metrics import put_figures
from retraining.monitor import Monitor
from retraining.runs import Runs, runs_of
from retraining.settings import settings
from retraining.store import Store


@with_error_class
def handler(event: dict[str, Any], context: Any) -> Any:
    """Do the step that `event["step"]` names, on `event["state"]`, what the state machine knows so far."""
    given = settings()
    store = Store(boto3.client("s3"), given["bucket"], given["prefix"])
    steps = Steps(given, store, runs_of(given), boto3.client("ssm"), boto3.client("cloudwatch"))
    return STEPS[event["step"]](steps, {**event["state"], "outcome": event.get("outcome")})


class Steps:
    """The data steps of one model's retraining."""

    def __init__(self, given: dict[str, Any], store: Store, runs: Runs, ssm: Any, cloudwatch: Any) -> None:
        self.given, self.store, self.runs, self.ssm, self.cloudwatch = given, store, runs, ssm, cloudwatch

    def prepare(self, state: Run) -> Prepared:
        """Refuse to run beside another; write the labelled rows of the window; choose where and when to train."""
        number, name = int(state["number"]), state["name"]
        other = self._other(name)
        if other:
            return {"refused": True, "champion": "", "reason": f"{other} is under way; one retraining at a time"}
        self.store.change_history(lambda history: _begun(history, name, number))
        rows = self._window_rows(name)
        begin = start_time(time.time(), self.given.get("green_hour"), self.given["flexible_hours"])
        return {
            "refused": False,
            "begin": datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "place": {"again": True, "attempt": 0, "candidate": self.given["candidates"][0], "spent": 0.0},
            "champion": json.loads(self.ssm.get_parameter(Name=self.given["champion"])["Parameter"]["Value"])["artifact"],
            "rows": rows,
        }

    def next(self, state: Run) -> TrainingPlace:
        """Return where to train after a failure: another type, or on demand; or that it makes no sense."""
        spent = float(state["place"].get("spent", 0.0)) + seconds_of_failure(state["failure"], state.get("trained"))
        candidates = self.given["candidates"]
        found = next_candidate(state["failure"], int(state["place"]["attempt"]), candidates)
        found = affordable(found, spent, candidates, self.given.get("max_usd"), self.given["max_run_minutes"])
        return {**state["place"], **found, "spent": spent}

    def compare(self, state: Run) -> Verdict:
        """Return whether the challenger won."""
        results = self.store.read(f"retraining/{state['name']}/compared/evaluation.json")
        if results is None:
            raise Permanent("the evaluation job left no evaluation.json")
        found = verdict(results["metrics"], Rules(**self.given["rules"]))
        if found["promote"]:  # a person may take longer than the files of a retraining are kept
            statistics = self.store.read(f"retraining/{state['name']}/compared/statistics.json")
            self.store.write("state/challenger.json", {"retraining": state["name"], "statistics": statistics})
        return found

    def record(self, state: Run) -> Recorded:
        """Keep what came out, whatever it was, and make the next retraining possible."""
        name = state["name"]
        serves = (state.get("cleaned") or {}).get("in_use")
        outcome = "promoted" if serves else state["outcome"]
        kwh, grams = self._spent(state)
        record: Record = {
            "name": name, "outcome": outcome, "report": state.get("report"), "reasons": state.get("reasons", []),
            "verdict": state.get("verdict"), "training": training_of(state.get("trained")), "failure": state.get("failure"),
            "package": (state.get("registered") or {}).get("package"), "ended": time.time(), "kwh": kwh, "grams": grams,
            "not_optimized": state.get("not_optimized"),
        }  # fmt: skip
        if outcome == "promoted":
            challenger: Challenger | None = self.store.read("state/challenger.json")
            source = self.given["baseline"]["source"]
            if challenger and challenger["retraining"] == name:
                self.store.write("state/baseline.json", {"source": source, **challenger})
        first = self.store.read(f"records/{name}.json") is None
        self.store.write(f"records/{name}.json", record)
        self.store.change_history(lambda history: _ended(history, record, first))
        put_figures(self.cloudwatch, self.given, {"RetrainingsFailed": float(outcome == "failed")})
        return {"outcome": outcome, "record": f"records/{name}.json", "message": _message(self.given["model"], record)}

    def _other(self, name: str) -> str | None:
        """Return an execution that runs and was started before this one."""
        first = self.runs.first()
        return None if first == name else first

    def _window_rows(self, name: str) -> dict[str, int]:
        """Write the captured rows that have labels: the older part to train on, the newer one to compare on."""
        monitor, now = Monitor(self.given, self.store), time.time()
        began = self._began()
        _, joined = monitor.joined(now, after=self._begin(now, began))
        labels, _, features = joined.arrays()
        if labels.ndim == 2:
            raise Permanent("labels of several values are no column of a CSV; train on what the script itself reads")
        header = [*monitor.baseline.features, self.given["label"]]
        older, newer = split(len(labels), self.given["judged_rows"])
        # Where the change has begun tells the rows that the new model is watched by from those it only learns from.
        early = seconds_of(joined.times) < began
        parts = {
            "recent/before": [row for row in older if early[row]], "recent/recent": [row for row in older if not early[row]],
            "window/window": newer,
        }  # fmt: skip
        for file, part in parts.items():
            rows = [[*_cells(features[index].tolist(), joined.words[index]), labels[index].item()] for index in part]
            self.store.write_bytes(f"retraining/{name}/{file}.csv", to_csv([header, *rows]), "text/csv")
        return {"recent": len(older), "window": len(newer)}

    def _begin(self, now: float, began: float) -> float:
        """Return from when on answers are used: since the change began and a window before, where it is known when it did."""
        usual = now - self.given["label_days"] * _DAY
        return max(usual, began - self.given["window_days"] * _DAY) if began else usual

    def _began(self) -> float:
        """Return when the first change began that people know of; 0 where none is known."""
        history = self.store.history()
        begun = [incident["started"] for incident in history.incidents.values() if incident["kind"] in ("drift", "kpi")]
        return min((time for time in (history.fell, *begun) if time), default=0.0)

    def _last_seconds(self, state: Run) -> float:
        """Billed seconds of the training that came last, unless it was counted with those that were lost."""
        counted = not (state.get("place") or {}).get("again", True)
        return 0.0 if counted else (training_of(state.get("trained")) or {}).get("seconds", 0.0)

    def _spent(self, state: Run) -> tuple[float, float]:
        """kWh and gCO2e of the training, in the proportion of its billed seconds to those that the estimate was made for."""
        lost = float((state.get("place") or {}).get("spent", 0.0))
        seconds = lost + self._last_seconds(state)
        share = seconds / self.given["footprint"]["seconds"]
        return self.given["footprint"]["kwh"] * share, self.given["footprint"]["grams"] * share


_DAY = 86_400.0
STEPS = {"prepare": Steps.prepare, "next": Steps.next, "compare": Steps.compare, "record": Steps.record}


def _cells(numbers: list[float], words: dict[int, str]) -> list[float | str]:
    return [words.get(column, number) for column, number in enumerate(numbers)]


def _begun(history: History, name: str, number: int) -> None:
    if history.sequence < number or history.running != name:
        history.sequence, history.running = max(history.sequence, number), name
        if not history.started or time.time() - history.started[-1] > 1:
            history.started.append(time.time())


def _ended(history: History, record: Record, first: bool) -> None:
    if history.running == record["name"]:
        history.running = ""
    if record["outcome"] == "promoted":
        # The endpoint answered with both while it moved: the new champion's own answers begin now.
        history.promoted = history.since = max(history.promoted, record["ended"])
        history.incidents = {}
    if first:
        history.ended = record["ended"]
        history.kwh_spent += record["kwh"]
        history.grams_spent += record["grams"]


def _message(model: str, record: Record) -> str:
    told = {key: record[key] for key in ("name", "outcome", "reasons", "verdict", "failure", "kwh", "grams")}
    if record["not_optimized"]:  # it is deployed as it was trained, which somebody should know
        told["not_optimized"] = record["not_optimized"]
    return json.dumps({"model": model, **told}, indent=1)
