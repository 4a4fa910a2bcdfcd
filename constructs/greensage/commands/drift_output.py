"""What `greensage drift` prints: how a watched model stands, and the windows of a replay, in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..drift.page import at, kpi_cells
from ..drift.words import about, bars_of, where
from ..text import plural, table

if TYPE_CHECKING:
    from ..drift.evaluate import Settings
    from ..drift.events import ColumnRow, Incident, Report
    from ..drift.replay import Replayed
    from ..operate.drift import Watch

_MOST_COLUMNS, _MOST_WIDE, _MOST_WINDOWS = 10, 22, 14
_FACTORS = (0.5, 1.0, 2.0, 4.0)


def lines_of(watch: Watch) -> list[str]:
    """Return how a model stands."""
    lines = _state(watch)
    if watch.report is None:
        return [*lines, "No report has judged anything yet: nothing was captured, or too little, or no window has ended."]
    report = watch.report
    lines += ["", f"Newest report, {at(report['after'])} to {at(report['until'])} UTC, {plural(report['rows'], 'row')}:"]
    lines += [f"  {row['feature_name']}: {row['description']}" for row in report["violations"]]
    joint = report.get("joint") or None
    if joint and joint["drifted"]:
        pair = " and ".join(joint["pair"]) or "all columns"
        lines.append(f"  The relation of {pair} changed (p {joint['p_value']:.1g}).")
    lines += ["", *_columns(report), *_segments(report), *_kpis(report)]
    if watch.windows:
        shown = watch.windows[-_MOST_WINDOWS:]
        lines += ["", f"Windows until {at(shown[-1][0])}: {' '.join(status for _, status in shown)}"]
    if watch.incidents:
        page = f"s3://{watch.bucket}/{watch.page}" if watch.page else f"greensage drift {watch.model} --html FILE"
        lines += ["", *where(watch.model, page)[:-1]]
    return lines


def _state(watch: Watch) -> list[str]:
    if not watch.incidents:
        doubt = f"; suspected once: {', '.join(about(row) for row in watch.suspected)}" if watch.suspected else ""
        return [f"{watch.model}: nothing is open{doubt}."]
    return [f"{watch.model}: {_open(row)}" for row in watch.incidents]


def _open(row: Incident) -> str:
    known = "known" if row["acknowledged"] else "not acknowledged"
    return f"{about(row)} since {at(row['started'])} UTC, {plural(row['windows'], 'window')}, {known}"


def _columns(report: Report) -> list[str]:
    rows = sorted(report["columns"], key=lambda row: (not _changed(row), row["p_value"], -row["value"]))
    shown = [("COLUMN", "CHANGE", "P", "EFF. ROWS", "THEN", "NOW", "SEEN BY")]
    for row in rows[:_MOST_COLUMNS]:
        made = (report.get("pictures") or {}).get(row["name"])
        bars = (bars_of(made["then"], made), bars_of(made["now"], made)) if made else ("", "")
        mark = "*" if _changed(row) else " "
        shown.append((
            f"{mark}{row['name'][:_MOST_WIDE]}", f"{row['value']:.3f}", f"{row['p_value']:.1g}", f"{row['effective_rows']:,.0f}",
            bars[0], bars[1], _why(row),
        ))  # fmt: skip
    more = [f"and {len(rows) - _MOST_COLUMNS} more, less changed"] if len(rows) > _MOST_COLUMNS else []
    limit = f"* drifted: by {report.get('threshold', 0):g} ({report.get('method', '')}) or more, and improbable as chance"
    return [table(shown, right=(1, 2, 3)), *more, limit] if rows else []


def _changed(row: ColumnRow) -> bool:
    return bool(row["drifted"] or row.get("more_missing") or row.get("has_new_values"))


def _why(row: ColumnRow) -> str:
    if row.get("more_missing"):
        return f"missing {row['missing_baseline']:.0%} -> {row['missing']:.0%}"
    if row.get("has_new_values"):
        return f"new: {', '.join(row['new_examples'])}"[:_MOST_WIDE]
    return row["why"] if row["drifted"] else ""


def _segments(report: Report) -> list[str]:
    rows = report.get("segments", [])
    if not rows:
        return []
    worst, drifted = rows[0], [row for row in rows if row["drifted"]]
    said = f"{', '.join(worst['drifted'])} drifted" if drifted else f"no slice drifted; {worst['column']} changed the most"
    more = f", and in {plural(len(drifted) - 1, 'slice')} more" if len(drifted) > 1 else ""
    return ["", f"Worst slice: {worst['segment']} ({plural(worst['rows'], 'row')}): {said}{more} (p {worst['p_value']:.1g})"]


def _kpis(report: Report) -> list[str]:
    lines = [""] if report["kpi"] or report["kpi_estimate"] or report["kpi_problem"] else []
    for name, row in report["kpi"].items():
        value, interval, threshold, labels, state = kpi_cells(row)
        lines.append(
            f"KPI {name}: {value}{f' ({interval})' if interval else ''}, must keep {threshold}; {labels} labels: {state}"
        )
    for name, row in report["kpi_estimate"].items():
        how = "calibrated by labels" if row["calibrated"] else "the model's own word"
        lines.append(f"{name} without labels, an estimate ({how}): {row['value']:.4g} "
                     f"({row['interval'][0]:.4g} to {row['interval'][1]:.4g})")  # fmt: skip
    for segment in report.get("kpi_segments", [])[:1]:
        lines.append(f"Worst slice: {segment['kpi']} of {segment['segment']} is {segment['value']:.4g}: {segment['state']}")
    return [*lines, *([report["kpi_problem"]] if report["kpi_problem"] else [])]


def window_line(window: Replayed) -> str:
    """Return a line for a replayed window."""
    found = window.evaluation
    told = " ALARM" if window.opened else " over" if window.ended else ""
    what = sorted({row for incident in window.opened for row in incident["what"]} or set(found["drifted"]))
    joint = found.get("joint") or None
    together = ["columns together"] if not what and joint and joint["drifted"] else []
    shown = ", ".join([*what, *together])
    line = f"{_when(window):<16}  {found['rows']:>7,} rows  {found['status']:<8}{told:<6}  {shown}"
    return line if len(line) <= 80 else f"{line[:77]}..."


def _when(window: Replayed) -> str:
    """Its end, or its number where captures have no times."""
    return at(window.until) if window.until else f"window {window.name}"


def summary(made: Sequence[Replayed], settings: Settings) -> list[str]:
    """Return what a replay comes to, and what other thresholds would have said."""
    alarms = [_when(row) for row in made if row.opened]
    lines = ["", f"{plural(len(made), 'window')}, {plural(len(alarms), 'alarm')}{': ' if alarms else ''}{', '.join(alarms[:5])}"]
    judged = sum(1 for row in made if row.evaluation["status"] in ("ok", "drift"))
    if not judged:
        return [*lines, "No window could be judged: too few rows. Try --every week, or fewer with --min-rows."]
    counts = sensitivity(made, settings)
    lines.append("Windows in which a column would have drifted, by threshold:")
    return [*lines, *(f"  {key:>8}: {value} of {judged}" for key, value in counts.items())]


def sensitivity(made: Sequence[Replayed], settings: Settings) -> dict[str, int]:
    """Return in how many windows a column would have drifted, by threshold; what is seen by all columns together has none."""
    found: dict[str, int] = {}
    for factor in _FACTORS:
        limit = settings.threshold * factor
        found[f"{limit:g}"] = sum(
            1 for window in made
            if any(row["value"] >= limit and row["p_value"] < settings.alpha for row in window.evaluation["columns"])
        )  # fmt: skip
    return found
