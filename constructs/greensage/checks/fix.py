"""Fixes findings that one value fixes: shown as a patch first; the rest of the file stays as it is, comments and all."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from .finding import Finding
from .positions import Positions, Spot, is_json

Edit = tuple[int, int, str]


def mended(text: str, findings: Iterable[Finding]) -> tuple[str, list[Finding]]:
    """Return `text` with the fixes of `findings` that have one, and those findings. Overlapping ones wait for the next run."""
    positions = Positions(text)
    edits: list[Edit] = []
    done: list[Finding] = []
    for finding in findings:
        if finding.fix is None or finding.status != "fail":
            continue
        path = ("Resources", finding.place.resource, *finding.path) if finding.place.resource else finding.path
        edit = _edit(positions, path, finding.fix)
        # Two additions at one place may both bring the same missing parent, and its key would stand there twice.
        if edit is not None and not any((edit[0] < end and start < edit[1]) or edit[0] == start for start, end, _ in edits):
            edits.append(edit)
            done.append(finding)
    # From the end, so that the offsets of edits further up stay true.
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text, done


def with_values(text: str, changes: Iterable[tuple[tuple[str | int, ...], Any]]) -> str:
    """Return `text` (YAML) with the value at each path replaced, or added where it is missing; the rest stays as it is."""
    for path, value in changes:
        positions = Positions(text)
        if positions.find(path[:1]) is None:
            added = f"{path[0]}: {_yaml_text(_nested(path[1:], value), '')}".replace(": \n", ":\n", 1)
            text = f"{text.rstrip()}\n{added}\n"
            continue
        edit = _edit(positions, path, value)
        if edit is None:
            continue
        start, end, replacement = edit
        before = text[:start].rstrip()
        # A scalar in place of a block stands on the line of its key.
        if end > start and before.endswith(":") and "\n" in text[len(before) : start]:
            text = f"{before} {replacement}{text[end:]}"
        else:
            text = text[:start] + replacement + text[end:]
    return text


def patch(before: str, after: str, shown: str) -> str:
    """Return a unified diff that `git apply` takes."""
    rows = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{shown}", f"b/{shown}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def _edit(positions: Positions, path: tuple[str | int, ...], value: Any) -> Edit | None:
    found = positions.find(path)
    if found is not None:
        return found.start, _end(positions, found), _inline(positions, value)
    for step in range(len(path) - 1, -1, -1):
        parent = positions.find(path[:step])
        if parent is not None:
            return _added(positions, parent, path[step], _nested(path[step + 1 :], value))
    return None


def _nested(path: tuple[str | int, ...], value: Any) -> Any:
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [value]
    return value


def _added(positions: Positions, parent: Spot, key: str | int, value: Any) -> Edit | None:
    if isinstance(key, int):
        return _appended(positions, parent, value) if parent.kind == "sequence" and parent.items else None
    if parent.kind != "mapping" or not parent.keys:
        return None
    first = min(start for start, _ in parent.keys.values())
    own_line = positions.text[positions.line_start(first) : first].strip() == ""
    if is_json(positions.text) or parent.flow:
        space = f"\n{' ' * (positions.line_column(first)[1] - 1)}" if own_line else " "
        return first, first, f"{json.dumps(key)}: {_json_text(positions, value, first)},{space}"
    indent = " " * (positions.line_column(first)[1] - 1)
    return first, first, f"{key}: {_yaml_text(value, indent)}\n{indent}"


def _appended(positions: Positions, parent: Spot, value: Any) -> Edit:
    last = parent.items[-1]
    column = positions.line_column(parent.items[0].start)[1] - 1
    if is_json(positions.text) or parent.flow:
        return last.end, last.end, f",\n{' ' * column}{_json_text(positions, value, parent.items[0].start)}"
    # In a block sequence an item's column is that of its first key; the dash stands two before.
    end = _end(positions, last)
    dash = " " * (column - 2)
    return end, end, f"\n{dash}- {_yaml_text(value, dash).lstrip()}"


def _end(positions: Positions, spot: Spot) -> int:
    """A block's mark ends at the next token; its text ends before the space and the comments in between."""
    if spot.flow or spot.kind == "scalar":
        return spot.end
    leaves = [child for _, child in spot.keys.values()] + spot.items
    return max((_end(positions, leaf) for leaf in leaves), default=spot.end)


def _inline(positions: Positions, value: Any) -> str:
    return json.dumps(value) if is_json(positions.text) or not isinstance(value, str | int | float) else str(value)


def _json_text(positions: Positions, value: Any, at: int) -> str:
    if not isinstance(value, dict | list):
        return json.dumps(value)
    column = positions.line_column(at)[1] - 1
    return json.dumps(value, indent=1).replace("\n", f"\n{' ' * column}")


def _yaml_text(value: Any, indent: str) -> str:
    """A value as block YAML below `indent`; the file's own style is two spaces as good as always."""
    if not isinstance(value, dict | list):
        # What is more than letters and digits may mean something to YAML; quoted as JSON, YAML reads it as text.
        return json.dumps(value) if isinstance(value, bool) or (isinstance(value, str) and not value.isalnum()) else str(value)
    import yaml

    rows = yaml.safe_dump(value, sort_keys=False, default_flow_style=False, width=10_000).rstrip().split("\n")
    return "".join(f"\n{indent}  {row}" for row in rows)
