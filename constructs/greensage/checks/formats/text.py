"""For a terminal: by file, worst first, the sum last."""

from __future__ import annotations

from itertools import groupby

from ...text import bold, red
from ..finding import SEVERITIES, Finding
from ..impact import total
from ..labels import place_label, saving_label
from ..run import Report


def write(report: Report, *, unknown: bool = False) -> str:
    """Return the report; with `unknown` also what only the deployment can decide."""
    lines: list[str] = []
    for file, findings in groupby(report.findings, key=lambda item: item.place.file):
        lines += [bold(file), *(line for item in findings for line in _finding(report, item)), ""]
    if unknown:
        for item in report.unknown:
            lines.append(f"unknown  {item.rule}  {item.place.file}: {place_label(item)}: {item.message}")
        lines += [""] if report.unknown else []
    return "\n".join([*lines, *_summary(report, unknown)])


def _finding(report: Report, item: Finding) -> list[str]:
    spot = report.line_column(item)
    where = f"{spot[0]}:{spot[1]}" if spot else "-"
    severity = item.severity.ljust(6)
    saved = f"saves {saving_label(item.saves)}" if item.saves else "no figure: what it takes is not known from a template"
    return [
        f"  {where:<9} {red(severity) if item.severity == 'high' else severity}  {item.rule}  {place_label(item)}",
        f"    {'':<8}{item.message}",
        f"    {'':<8}{saved}",
    ]


def _summary(report: Report, unknown: bool) -> list[str]:
    counts = ", ".join(
        f"{count} {name}" for name in SEVERITIES if (count := sum(item.severity == name for item in report.findings))
    )
    resources = f"{report.resources} resource{'s' if report.resources != 1 else ''}"
    files = f"{len(report.files)} file{'s' if len(report.files) != 1 else ''} with {resources}" if report.files else resources
    if not report.findings and not report.resources and not report.files:
        lines = ["Nothing was checked."]
    elif not report.findings:
        lines = [f"No findings in {files}."]
    else:
        saved = total(item.saves for item in report.findings if item.saves)
        found = f"{len(report.findings)} finding{'s' if len(report.findings) != 1 else ''}"
        lines = [
            f"{bold(found)} ({counts}) in {files}. Together at most {saving_label(saved)}.",
            "Estimates for a month of 30 days; what a template does not say is assumed (greensage check --explain RULE).",
        ]
    if report.unknown and not unknown:
        lines.append(f"{len(report.unknown)} unknown: only the deployment can tell (--unknown shows them).")
    if report.accepted:
        lines.append(f"{len(report.accepted)} accepted, with a reason or in the baseline.")
    return lines
