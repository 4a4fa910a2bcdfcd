"""SAM templates: what rules know of functions and state machines holds for SAM's, with the template's Globals."""

from __future__ import annotations

from typing import Any

from ..narrow import is_mapping

_TYPES = {
    "AWS::Serverless::Function": ("AWS::Lambda::Function", "Function"),
    "AWS::Serverless::StateMachine": ("AWS::StepFunctions::StateMachine", "StateMachine"),
}


def as_cloudformation(raw: dict[str, Any]) -> dict[str, Any]:
    """Return `raw` with SAM's types as CloudFormation's; anything else is left as it is."""
    rows = raw["Resources"]
    if not any(is_mapping(row) and str(row.get("Type")) in _TYPES for row in rows.values()):
        return raw
    everywhere = raw.get("Globals")
    shared = everywhere if is_mapping(everywhere) else {}
    return {**raw, "Resources": {name: _converted(row, shared) for name, row in rows.items()}}


def _converted(row: Any, shared: Any) -> Any:
    if not is_mapping(row) or str(row.get("Type")) not in _TYPES:
        return row
    kind, section = _TYPES[str(row["Type"])]
    common, own = shared.get(section), row.get("Properties")
    # Key by key is enough for what the rules read; SAM itself also merges maps and joins lists.
    merged = {**(common if is_mapping(common) else {}), **(own if is_mapping(own) else {})}
    return {**row, "Type": kind, "Properties": merged}
