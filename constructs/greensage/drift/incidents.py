"""From reports to incidents: one message when something begins, one when it is over, nothing in between.

A change that is very improbable opens an incident at once; one that is only improbable needs two windows in a row, which are
as improbable together. An incident ends after two windows without it. Nothing to evaluate is an incident too, and so is an
evaluation that fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from .events import Evaluation, Incident, Report

_DAY = 86_400.0
# Windows in a row that open an incident, and that end it.
_TO_OPEN, _TO_END = 2, 2
# How long nothing, or little, must come before people are told.
_QUIET_DAYS = {"no-data": 1.0, "few-rows": 7.0}
# The kind of incident of an evaluation that failed: any report ends it.
FAILING = "failing"


@dataclass(frozen=True)
class Seen:
    """Something in a report that may be an incident; `certain` opens one without a second window."""

    kind: str
    what: list[str]
    certain: bool = False


@dataclass
class Followed:
    """The incidents after a report: all that are open or suspected, and those that it opened or ended."""

    incidents: dict[str, Incident]
    opened: list[Incident]
    ended: list[Incident]


def follow_drift(known: dict[str, Incident], found: Evaluation, after: float, until: float) -> Followed:
    """Return how incidents stand after an evaluation of a window alone, without labels."""
    report: Report = {
        **found, "kpi": {}, "kpi_estimate": {}, "kpi_problem": None, "kpi_by_day": {}, "kpi_segments": [], "unlabelled": 0,
        "bad_labels": 0, "label_problems": {}, "id": "", "model": "", "engine": "lambda", "files": 0, "after": after,
        "until": until, "quarantine": None, "job_failure": None, "files_left_out": 0, "new_rows": found["rows"],
    }  # fmt: skip
    return follow(known, report, until)


def follow(known: dict[str, Incident], report: Report, now: float) -> Followed:
    """Return how incidents stand after a report. `known` are by kind; those of fewer windows than open one are suspicions."""
    seen = {item.kind: item for item in _seen(report)}
    silent = report["status"] in _QUIET_DAYS
    found = Followed({}, [], [])
    for kind in sorted({*known, *seen}):
        before, item = known.get(kind), seen.get(kind)
        if item is None and before is not None and (silent and kind not in (*_QUIET_DAYS, FAILING)):
            found.incidents[kind] = before  # nothing was seen, so nothing is over
        elif item is not None:
            _continue(found, before, item, report, now)
        elif before is not None:
            _calm(found, before, report, now)
    return found


def opened(kind: str, what: list[str], started: float) -> Incident:
    """Return an incident that people are told of at once."""
    return {"kind": kind, "what": what, "started": started, "windows": _TO_OPEN, "calm": 0, "acknowledged": False}


def is_open(incident: Incident) -> bool:
    """Return whether people were told of it; before that it is a suspicion."""
    return incident["windows"] >= _TO_OPEN


def _continue(found: Followed, before: Incident | None, item: Seen, report: Report, now: float) -> None:
    started = report.get("after") or report.get("until", now)
    incident: Incident = before or {
        "kind": item.kind, "what": [], "started": started, "windows": 0, "calm": 0, "acknowledged": False,
    }  # fmt: skip
    was_open = is_open(incident)
    windows = incident["windows"] + 1
    if item.kind in _QUIET_DAYS:
        long = report.get("until", now) - incident["started"] >= _QUIET_DAYS[item.kind] * _DAY
        windows = windows if long or was_open else 1
    elif item.certain:
        windows = max(windows, _TO_OPEN)
    what = sorted({*incident["what"], *item.what}) if was_open else item.what
    changed: Incident = {**incident, "what": what, "windows": windows, "calm": 0}
    found.incidents[item.kind] = changed
    if is_open(changed) and not was_open:
        found.opened.append(changed)


def _calm(found: Followed, before: Incident, report: Report, now: float) -> None:
    if not is_open(before):
        return  # a suspicion that a second window did not share
    changed: Incident = {**before, "calm": before["calm"] + 1}
    if changed["calm"] >= _TO_END or before["kind"] in (*_QUIET_DAYS, FAILING):
        found.ended.append({**changed, "ended": report.get("until", now)})
    else:
        found.incidents[before["kind"]] = changed


def _seen(report: Report) -> list[Seen]:
    found: list[Seen] = []
    status = report["status"]
    if status == "drift":
        found.append(Seen("drift", _what(report), certain=_certain(report)))
    elif status in ("unread", *_QUIET_DAYS):
        found.append(Seen(status, [], certain=status == "unread"))
    below = [name for name, row in report.get("kpi", {}).items() if row["state"] == "below"]
    if below:
        found.append(Seen("kpi", sorted(below), certain=True))
    sliced = [f"{row['kpi']} of {row['segment']}" for row in report.get("kpi_segments", []) if row["state"] == "below"]
    if sliced:
        found.append(Seen("segment", sorted(sliced)))
    if report.get("kpi_problem"):
        found.append(Seen("labels", [str(report.get("kpi_problem"))], certain=True))
    return found


def _what(report: Report) -> list[str]:
    joint = report.get("joint") or {}
    # That columns changed together says nothing more where one of them is named.
    together = [] if report.get("drifted") else ["columns together"]
    pair = ([" with ".join(joint["pair"])] if joint.get("pair") else together) if joint.get("drifted") else []
    broken = [row["feature_name"] for row in report.get("violations", [])]
    return sorted({*report.get("drifted", []), *pair, *broken, *sliced_drift(report)})


def sliced_drift(report: Report) -> list[str]:
    """Return what drifted in slices and not in the whole."""
    whole = report.get("drifted", [])
    rows = report.get("segments", [])
    return [f"{name} where {row['segment']}" for row in rows for name in row["drifted"] if name not in whole]


def _certain(report: Report) -> bool:
    """Whether a window is as improbable as two in a row would be; what breaks the schema is no chance."""
    if report.get("violations"):
        return True
    alpha, joint = report.get("alpha", 0.05), report.get("joint")
    values = [row["p_value"] for row in report.get("columns", []) if row["drifted"]]
    values += [joint["p_value"]] if joint and joint["drifted"] else []
    values += [row["p_value"] for row in report.get("segments", []) if row["drifted"]]
    return bool(values) and min(values) < alpha**2
