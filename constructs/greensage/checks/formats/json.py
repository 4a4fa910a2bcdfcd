"""For programs: every finding with its figures as low, mid and high; null is unknown."""

from __future__ import annotations

import json
from typing import Any

from ..finding import Finding
from ..run import Report


def write(report: Report) -> str:
    """Return the report as one JSON object."""
    whole = {
        "findings": [_finding(report, item) for item in report.findings],
        "unknown": [_finding(report, item) for item in report.unknown],
        "accepted": [{**_finding(report, item), "reason": reason} for item, reason in report.accepted],
        "problems": report.problems,
        "files": sorted(report.files),
        "resources": report.resources,
    }
    return json.dumps(whole, indent=2)


def _finding(report: Report, item: Finding) -> dict[str, Any]:
    spot = report.line_column(item)
    return {
        "rule": item.rule,
        "title": item.title,
        "severity": item.severity,
        "status": item.status,
        "message": item.message,
        "file": item.place.file,
        "line": spot[0] if spot else None,
        "column": spot[1] if spot else None,
        "stack": item.place.stack,
        "resource": item.place.resource,
        "type": item.place.type,
        "construct": item.place.construct,
        "path": list(item.path),
        "fixable": item.fix is not None,
        "fingerprint": item.fingerprint,
        "saves": saves_json(item),
    }


def saves_json(item: Finding) -> dict[str, Any] | None:
    """Return what fixing a finding saves in a month, with units in the names."""
    if item.saves is None:
        return None
    return {name: getattr(item.saves, name).to_json() for name in ("energy_kwh", "carbon_g", "cost_usd")}
