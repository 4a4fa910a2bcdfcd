"""What people read of a decision: what began, what is over, which column, how far, since when, and where to look."""

from __future__ import annotations

from .events import Choice, Incident, Picture, Report
from .page import at

_BARS = "▁▂▃▄▅▆▇█"
_MOST_COLUMNS = 5


def message(model: str, made: Choice, report: Report, link: str) -> str:
    """Return the text of an e-mail; `link` is where the page with the pictures lies."""
    lines = [f"{model}: {'; '.join(made['reasons']) or 'nothing is worse than it should be'}.", ""]
    lines += [f"Since {at(row['started'])} UTC: {about(row)}" for row in made["opened"]]
    lines += [f"Over since {at(row.get('ended', 0.0))} UTC: {about(row)}" for row in made["ended"]]
    lines += ["", *columns(report)] if report["drifted"] else []
    if made["action"] == "retrain":
        lines += ["", f"A retraining was started: {', '.join(made['reasons'])}."]
    elif made["held_back"]:
        lines += ["", f"A retraining would help and is held back: {'; '.join(made['held_back'])}."]
    elif made["opened"] and made["wanted"] == "alert":
        lines += ["", "No retraining: drift alone does not say that the answers became worse. Labels tell."]
    return "\n".join([*lines, "", *where(model, link), made["note"]])


def where(model: str, link: str) -> list[str]:
    """Return where to look next, and what can be done about an alert."""
    return [
        f"Pictures: {link}",
        f"Here:     greensage drift {model}",
        f"Known:    greensage drift {model} --acknowledge",
        f"As it should be from now on: greensage drift {model} --accept",
        "",
    ]


def about(incident: Incident) -> str:
    """Return an incident in some words."""
    of = f" of {', '.join(incident['what'])}" if incident["what"] else ""
    return f"{incident['kind']}{of}"


def columns(report: Report) -> list[str]:
    """Return a line for each column that drifted: how far, and its distribution then and now."""
    rows = sorted((row for row in report["columns"] if row["drifted"]), key=lambda row: (row["p_value"], -row["value"]))
    found: list[str] = []
    for row in rows[:_MOST_COLUMNS]:
        made = (report.get("pictures") or {}).get(row["name"])
        bars = f"  then {bars_of(made['then'], made)}  now {bars_of(made['now'], made)}" if made else ""
        found.append(f"{row['name']}: {row['value']:.3g} from the baseline, p {row['p_value']:.1g}{bars}")
    return [*found, *([f"and {len(rows) - _MOST_COLUMNS} more"] if len(rows) > _MOST_COLUMNS else [])]


def bars_of(shares: list[float], made: Picture) -> str:
    """Return shares as bars of text, on the scale of both sides of a picture."""
    most = max([*made["then"], *made["now"], 1e-9])
    return "".join(_BARS[min(len(_BARS) - 1, round(share / most * (len(_BARS) - 1)))] if share else " " for share in shares)
