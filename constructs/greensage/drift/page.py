"""One report as a page of its own: what changed, how far, since when, and a picture of each column then and now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from .events import Incident, KpiRow, Picture, Report

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2a2f;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #d9e1e2}td.n,th.n{text-align:right}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1rem}figure{margin:0}
figcaption{font-size:.85rem}svg{width:100%;height:auto}.then{fill:#9fb3b8}.now{fill:#c4572d}small{color:#5a6b70}
@media(prefers-color-scheme:dark){body{color:#dfe8ea;background:#14201f}td,th{border-color:#2c3b3c}small{color:#9fb3b8}}
"""
_WIDTH, _HEIGHT, _TEXT = 300, 90, 14


def page(report: Report, incidents: Iterable[Incident] = ()) -> str:
    """Return a report as HTML that needs nothing else; times are UTC."""
    model = escape(report["model"])
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{model}: {escape(report['status'])}</title><style>{_STYLE}</style>",
        f"<h1>{model}: {escape(report['status'])}</h1>",
        f"<p>{report['rows']:,} rows, {at(report['after'])} to {at(report['until'])} <small>(UTC; report {escape(report['id'])})"
        "</small></p>",
        *_incidents(list(incidents)), *_pictures(report), *_columns(report), *_segments(report), *_kpis(report), *_unread(report),
    ]  # fmt: skip
    return "\n".join([*parts, "</html>"])


def at(time: float) -> str:
    """Return a time as people read it; "the start" for none."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M") if time else "the start"


def _incidents(incidents: list[Incident]) -> list[str]:
    rows = [[escape(row["kind"]), escape(", ".join(row["what"])), at(row["started"]), f"{row['windows']}"] for row in incidents]
    return _table("What is open", ("kind", "of", "since", "windows"), rows)


def _pictures(report: Report) -> list[str]:
    found = report.get("pictures") or {}
    if not found:
        return []
    figures = [f"<figure>{svg(made)}<figcaption>{escape(name)}</figcaption></figure>" for name, made in found.items()]
    key = "<p><small>grey: the baseline; orange: now; shares of the rows</small></p>"
    return ["<h2>Then and now</h2>", "<div class=pictures>", *figures, "</div>", key]


def svg(made: Picture) -> str:
    """Return a picture's bars, two a bin, with the ends of its scale."""
    most, count = max([*made["then"], *made["now"], 1e-9]), len(made["labels"])
    step, bars = _WIDTH / max(1, count), ""
    for index, label in enumerate(made["labels"]):
        said = f"{escape(label)}: {made['then'][index]:.1%} then, {made['now'][index]:.1%} now"
        for place, side in enumerate(("then", "now")):
            tall = made[side][index] / most * (_HEIGHT - _TEXT)
            x = index * step + step * (0.1 + 0.4 * place)
            bars += (
                f"<rect class={side} x={x:.1f} y={_HEIGHT - _TEXT - tall:.1f} width={step * 0.4:.1f} height={tall:.1f}>"
                f"<title>{said}</title></rect>"
            )
    ends = [escape(label[:18]) for label in (made["labels"][0], made["labels"][-1])]
    texts = (
        f"<text x=0 y={_HEIGHT} font-size=10 fill=currentColor>{ends[0]}</text>"
        f"<text x={_WIDTH} y={_HEIGHT} font-size=10 text-anchor=end fill=currentColor>{ends[1]}</text>"
    )
    return f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT + 3}' role=img aria-label='then and now'>{bars}{texts}</svg>"


def _columns(report: Report) -> list[str]:
    rows = [
        [escape(row["name"]), row["role"], f"{row['value']:.3f}", f"{row['p_value']:.2g}", f"{row['effective_rows']:,.0f}",
         f"{row['missing']:.1%} ({row['missing_baseline']:.1%})", escape(row["why"]) if row["drifted"] else ""]
        for row in sorted(report["columns"], key=lambda row: (not row["drifted"], row["p_value"]))
    ]  # fmt: skip
    names = ("column", "role", "change", "p-value", "effective rows", "missing (then)", "seen by")
    broken = [[escape(row["feature_name"]), escape(row["description"])] for row in report["violations"]]
    limit = report.get("threshold")
    title = (
        f"Columns <small>(a change counts from {limit:g}, {escape(str(report.get('method')))})</small>" if limit else "Columns"
    )
    return [*_table("Violations", ("column", "what"), broken), *_table(title, names, rows)]


def _segments(report: Report) -> list[str]:
    rows = [
        [escape(row["segment"]), f"{row['rows']:,}", escape(", ".join(row["drifted"]) or "none"),
         f"{escape(row['column'])} {row['value']:.3f}", f"{row['p_value']:.2g}"]
        for row in report.get("segments", [])
    ]  # fmt: skip
    kpis = [
        [escape(row["segment"]), escape(row["kpi"]), f"{row['value'] or 0:.4g}", f"{row['threshold']:g}", row["state"]]
        for row in report.get("kpi_segments", [])
    ]
    drifts = _table("Slices, the worst first", ("slice", "rows", "drifted", "changed the most", "p-value"), rows)
    return [*drifts, *_table("KPIs of slices, the worst first", ("slice", "KPI", "value", "must keep", "state"), kpis)]


def _kpis(report: Report) -> list[str]:
    rows = [[escape(name), *kpi_cells(row)] for name, row in report["kpi"].items()]
    guessed = [
        [escape(name), f"{row['value']:.4g}", f"{row['interval'][0]:.4g} to {row['interval'][1]:.4g}",
         "calibrated by labels" if row["calibrated"] else "takes the model's word for it"]
        for name, row in report["kpi_estimate"].items()
    ]  # fmt: skip
    found = _table("KPIs", ("KPI", "value", "95 % interval", "must keep", "labels", "state"), rows)
    return [*found, *_table("Estimates without labels", ("KPI", "value", "95 % interval", ""), guessed)]


def kpi_cells(row: KpiRow) -> list[str]:
    """Return value, interval, threshold, labels and state of a KPI as people read them."""
    value = "none yet" if row["value"] is None else f"{row['value']:.4g}"
    interval = "" if row["interval"] is None else f"{row['interval'][0]:.4g} to {row['interval'][1]:.4g}"
    return [value, interval, f"{row['threshold']:g}", f"{row['labels']:,}", row["state"]]


def _unread(report: Report) -> list[str]:
    rows = [[escape(kind), f"{count:,}"] for kind, count in report["bad_lines"].items()]
    return _table("Lines that could not be read (quarantine/)", ("kind", "lines"), rows)


def _table(title: str, names: Sequence[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return [f"<h2>{title}</h2>", f"<table><tr>{head}</tr>{body}</table>"]
