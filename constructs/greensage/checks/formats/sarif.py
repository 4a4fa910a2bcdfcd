"""For code scanning: SARIF 2.1.0."""

from __future__ import annotations

import json
from typing import Any

from ..finding import Finding
from ..labels import place_label, saving_label
from ..pages import advice, markdown, page
from ..review import UNUSED_TITLE
from ..rule import Rule
from ..run import Report
from .json import saves_json

_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(report: Report) -> str:
    """Return the report as a SARIF log of one run; accepted findings are in it as suppressed ones."""
    from ... import __version__

    titles = {item.rule: item.title for item in [*report.findings, *(item for item, _ in report.accepted)]}
    known = {rule.id: rule for rule in report.rules}
    # Findings about model files and about acceptances (GS-ACK01) have no Rule.
    ids = [*known, *sorted(titles.keys() - known.keys())]
    index = {name: number for number, name in enumerate(ids)}
    results = [_result(report, item, index) for item in report.findings]
    results += [
        {**_result(report, item, index), "suppressions": [{"kind": "external", "justification": reason}]}
        for item, reason in report.accepted
    ]
    driver = {
        "name": "greensage",
        "semanticVersion": __version__,
        "rules": [_rule(known[name]) if name in known else _bare(name, titles.get(name, UNUSED_TITLE)) for name in ids],
    }
    run = {
        "tool": {"driver": driver},
        "results": results,
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": text}} for text in report.problems],
            }
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, Any]:
    found = page(rule)
    row: dict[str, Any] = {
        "id": rule.id,
        "name": rule.check.__name__,
        "shortDescription": {"text": rule.title},
        "defaultConfiguration": {"level": _LEVELS[rule.severity or "medium"]},
        "properties": {"tags": ["sustainability", rule.family]},
    }
    if found is not None:
        row |= {
            "fullDescription": {"text": found.why},
            "help": {"text": found.why, "markdown": markdown(rule)},
            "helpUri": advice(found.sources[0])[1],
        }
    return row


def _bare(name: str, title: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": title}, "properties": {"tags": ["sustainability"]}}


def _result(report: Report, item: Finding, index: dict[str, int]) -> dict[str, Any]:
    spot = report.line_column(item)
    physical: dict[str, Any] = {"artifactLocation": {"uri": item.place.file.replace("\\", "/").replace(" ", "%20")}}
    if spot:
        physical["region"] = {"startLine": spot[0], "startColumn": spot[1]}
    saved = f" It would save {saving_label(item.saves)}." if item.saves else ""
    return {
        "ruleId": item.rule,
        "ruleIndex": index[item.rule],
        "level": _LEVELS[item.severity],
        "message": {"text": f"{place_label(item)}: {item.message}.{saved}"},
        "locations": [
            {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": place_label(item), "kind": "resource"}]}
        ],
        "partialFingerprints": {"greensage/v1": item.fingerprint},
        "properties": {"severity": item.severity, "saves": saves_json(item)},
    }
