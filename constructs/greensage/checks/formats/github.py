"""For pull requests on GitHub: workflow commands that annotate the lines."""

from __future__ import annotations

from ..finding import Finding
from ..labels import place_label, saving_label
from ..run import Report

_COMMANDS = {"high": "error", "medium": "warning", "low": "notice"}


def write(report: Report) -> str:
    """Return a workflow command per finding, and one per file that cannot be read."""
    rows = [_command(report, item) for item in report.findings]
    rows += [f"::error title=greensage check::{_data(text)}" for text in report.problems]
    return "\n".join(rows)


def _command(report: Report, item: Finding) -> str:
    spot = report.line_column(item)
    where = f",line={spot[0]},col={spot[1]}" if spot else ""
    saved = f"; saves {saving_label(item.saves)}" if item.saves else ""
    message = _data(f"{place_label(item)}: {item.message}{saved}")
    title = _property(f"{item.rule} {item.title}")
    return f"::{_COMMANDS[item.severity]} file={_property(item.place.file)}{where},title={title}::{message}"


def _data(text: str) -> str:
    # The percent sign first: it is part of the other escapes.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
