"""From a report to a decision: nothing, an alert, or a retraining; with the evidence and what it saves or spends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .events import Action, Choice, Incident, Report
from .incidents import Followed, follow, is_open, sliced_drift

_DAY = 86_400.0


@dataclass(frozen=True)
class Policy:
    """When to retrain. `cooldown_days` counts from the end of the last retraining, won or lost."""

    on_drift: Literal["alert", "retrain"] = "alert"
    cooldown_days: float = 7
    retrainings_per_month: int = 2
    dry_run: bool = False
    can_retrain: bool = True


@dataclass(frozen=True)
class Footprint:
    """What one retraining takes, an estimate: energy in kWh, carbon in gCO2e; and how often it is usual to retrain."""

    kwh: float
    grams: float
    usual_days: float


@dataclass
class History:
    """What happened so far; kept beside the reports. Times are seconds since 1970."""

    sequence: int = 0
    running: str = ""
    ended: float = 0.0
    started: list[float] = field(default_factory=list[float])
    evaluated: dict[str, float] = field(default_factory=dict[str, float])  # by monitor: captures up to then were evaluated
    decided: float = 0.0
    kwh_avoided: float = 0.0
    grams_avoided: float = 0.0
    kwh_spent: float = 0.0
    grams_spent: float = 0.0
    incidents: dict[str, Incident] = field(default_factory=dict[str, "Incident"])
    fell: float = 0.0  # when the KPI that is below now began to fall
    promoted: float = 0.0  # answers before it are another champion's
    since: float = 0.0  # captures before it belong to no window: a promotion, or a baseline that was accepted

    def to_json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)


def decide(report: Report, policy: Policy, history: History, footprint: Footprint, *, now: float) -> Choice:
    """Return the decision on a report, ready for JSON: `action`, `reasons`, the evidence, and kWh and gCO2e.

    An alert is for what begins: `opened` are the incidents that this report opens, `ended` those that it ends.

    A KPI below its threshold asks for a retraining; drift alone asks for one only if the policy says so, else for an
    alert. Cool-down, the month's budget, a retraining under way or a dry run turn a retraining into an alert, and say so.
    """
    followed = follow(history.incidents, report, now)
    wanted, reasons = _wanted(report, policy, followed)
    held = _held_back(policy, history, now) if wanted == "retrain" else []
    action: Action = wanted if not held else "alert" if followed.opened else "none"
    days = (now - history.decided) / _DAY if history.decided else 0.0
    avoided = 0.0 if action == "retrain" else min(1.0, days / footprint.usual_days)
    return {
        "action": action,
        "wanted": wanted,
        "reasons": reasons,
        "held_back": held,
        "dry_run": policy.dry_run,
        "drifted": list(report.get("drifted", [])),
        "violations": list(report.get("violations", [])),
        "kpi": dict(report.get("kpi", {})),
        "kpi_estimate": dict(report.get("kpi_estimate", {})),
        "bad_lines": dict(report.get("bad_lines", {})),
        "kwh": {"spent": footprint.kwh if action == "retrain" else 0.0, "avoided": footprint.kwh * avoided},
        "grams": {"spent": footprint.grams if action == "retrain" else 0.0, "avoided": footprint.grams * avoided},
        "note": f"kWh and gCO2e are estimates; avoided is counted against a retraining every {footprint.usual_days:g} days",
        "decided": now,
        "opened": followed.opened,
        "ended": followed.ended,
        "incidents": followed.incidents,
    }


def _wanted(report: Report, policy: Policy, followed: Followed) -> tuple[Action, list[str]]:
    reasons: list[str] = []
    action: Action = "alert" if followed.opened else "none"
    below = [name for name, row in report.get("kpi", {}).items() if row["state"] == "below"]
    doubtful = [name for name, row in report.get("kpi", {}).items() if row["state"] == "uncertain"]
    for name in (*below, *doubtful):
        row = report["kpi"][name]
        side = "below" if row["more_is_better"] else "above"
        doubt = (
            "" if name in below else " just now, which may be chance: the sequential test of all labelled rows has not alarmed"
        )
        reasons.append(f"{name} is {row['value']:.4g}, {side} {row['threshold']:g}{doubt}")
    for segment in report.get("kpi_segments", []):
        if segment["state"] == "below" and segment["value"] is not None:
            value, threshold = f"{segment['value']:.4g}", f"{segment['threshold']:g}"
            reasons.append(f"{segment['kpi']} of {segment['segment']} is {value}, the whole must keep {threshold}")
    drift = followed.incidents.get("drift")
    if report.get("status") == "drift":
        reasons += [_drift_reason(report)]
    if drift and is_open(drift) and not drift["acknowledged"] and policy.on_drift == "retrain" and report["status"] == "drift":
        action = "retrain"
    reasons += [_SAID[incident["kind"]] for incident in followed.opened if incident["kind"] in _SAID]
    reasons += [str(report.get("kpi_problem"))] if report.get("kpi_problem") else []
    reasons += [f"{incident['kind']} is over" for incident in followed.ended]
    return ("retrain" if below else action), reasons


_SAID = {
    "no-data": "nothing was captured for a day or more: does anybody call the endpoint, and is capture switched on?",
    "few-rows": "for a week too few requests came to judge them",
    "unread": "so many captured lines cannot be read that the rest says little; they lie in quarantine/",
}


def _drift_reason(report: Report) -> str:
    drifted, broken = report.get("drifted", []), [row["feature_name"] for row in report.get("violations", [])]
    joint = report.get("joint") or {}
    parts = [f"drift of {', '.join(drifted)}"] if drifted else []
    if joint.get("drifted"):
        pair = joint.get("pair") or []
        together = [] if drifted else ["columns changed together"]
        parts += [f"the relation of {pair[0]} and {pair[1]} changed"] if pair else together
    sliced = sliced_drift(report)
    parts += [f"drift of {', '.join(sliced)}"] if sliced else []
    parts += [f"violations of {', '.join(sorted(set(broken)))}"] if broken else []
    return " and ".join(parts)


def _held_back(policy: Policy, history: History, now: float) -> list[str]:
    found: list[str] = []
    if not policy.can_retrain:
        found.append("no retraining is set up for this model")
    if history.running:
        found.append(f"{history.running} is under way")
    if history.ended and now - history.ended < policy.cooldown_days * _DAY:
        left = policy.cooldown_days - (now - history.ended) / _DAY
        found.append(f"cool-down for {left:.1f} days more")
    recent = months_retrainings(history.started, now)
    if recent >= policy.retrainings_per_month:
        found.append(f"{recent} retrainings in 30 days, the budget is {policy.retrainings_per_month}")
    if policy.dry_run:
        found.append("dry run")
    return found


def months_retrainings(started: Sequence[float], now: float) -> int:
    """Return how many retrainings started in the 30 days before `now`."""
    return sum(1 for time in started if now - time < 30 * _DAY)
