"""Where a value stands in a template's text, JSON or YAML: for annotations, comments and patches."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# A string of JSON from its first character on: the text and where it ends. It has no stub.
_scan: Callable[[str, int], tuple[str, int]] = getattr(json.decoder, "scanstring")  # noqa: B009
_SPACE = re.compile(r"[\s]*")
_LITERAL = re.compile(r"[^\s,\]}]+")


@dataclass
class Spot:
    """A value's span in the text. `keys` are a mapping's members: name to (start of the key, value); `repeated` those of JSON
    that are there twice: name, and where both are."""

    start: int
    end: int
    kind: str
    flow: bool = True
    keys: dict[str, tuple[int, Spot]] = field(default_factory=lambda: dict[str, tuple[int, Spot]]())
    items: list[Spot] = field(default_factory=lambda: list[Spot]())
    repeated: list[tuple[str, int, int]] = field(default_factory=lambda: list[tuple[str, int, int]]())


class Positions:
    """The spans of all values of one text. Made once per file that has findings, not for every file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: list[int] = [0, *(match.end() for match in re.finditer("\n", text))]
        self.root = _json_spot(text, 0)[0] if is_json(text) else self._of_yaml()

    def of(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Return line and column, from 1, of the value at `path`, or of its nearest parent that is there."""
        start, spot = self.root.start, self.root
        for step in path:
            found = self._step(spot, step)
            if found is None:
                break
            start, spot = found
        return self.line_column(start)

    def find(self, path: tuple[str | int, ...]) -> Spot | None:
        """Return the span of the value at `path`, or None."""
        spot = self.root
        for step in path:
            found = self._step(spot, step)
            if found is None:
                return None
            spot = found[1]
        return spot

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column, from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def line_start(self, offset: int) -> int:
        """Return where the line of `offset` begins."""
        return self._lines[bisect_right(self._lines, offset) - 1]

    def resource_at(self, line: int) -> str | None:
        """Return the resource that stands right below a line of comment, or covers `line`."""
        resources = self.find(("Resources",))
        comment = self.text[self._lines[line - 1] :].lstrip(" \t").startswith("#")
        covering = None
        for name, (start, spot) in (resources.keys if resources else {}).items():
            # A YAML block ends where the next token begins, often on the next line; hence one character less.
            first, last = self.line_column(start)[0], self.line_column(max(spot.start, spot.end - 1))[0]
            if comment and first - 1 == line:
                return name
            if first <= line <= last and covering is None:
                covering = name
        return covering

    @staticmethod
    def _step(spot: Spot, step: str | int) -> tuple[int, Spot] | None:
        if isinstance(step, int):
            return (spot.items[step].start, spot.items[step]) if step < len(spot.items) else None
        return spot.keys.get(step)

    def _of_yaml(self) -> Spot:
        from ._yaml import compose

        return self._yaml_spot(compose(self.text), set())

    def _yaml_spot(self, node: Any, above: set[int]) -> Spot:
        start, end = self._offset(node.start_mark), self._offset(node.end_mark)
        spot = Spot(start, end, str(node.id), bool(getattr(node, "flow_style", True)))
        if id(node) in above:
            return spot
        if node.id == "mapping":
            spot.keys = {
                str(key.value): (self._offset(key.start_mark), self._yaml_spot(value, above | {id(node)}))
                for key, value in node.value
            }
        elif node.id == "sequence":
            spot.items = [self._yaml_spot(item, above | {id(node)}) for item in node.value]
        return spot

    def _offset(self, mark: Any) -> int:
        line: int = mark.line
        return self._lines[line] + int(mark.column) if line < len(self._lines) else len(self.text)


def is_json(text: str) -> bool:
    """Return whether `text` is meant as JSON."""
    return text.lstrip()[:1] in ("{", "[")


def first_repeated(text: str) -> tuple[str, tuple[int, int]]:
    """Return the first key that an object of a JSON text has twice, and the lines of both."""
    spots, found = [_json_spot(text, 0)[0]], list[tuple[int, str, int]]()
    while spots:
        spot = spots.pop()
        found += [(second, name, first) for name, first, second in spot.repeated]
        spots += [*spot.items, *(value for _, value in spot.keys.values())]
    second, name, first = min(found)
    return name, (text.count("\n", 0, first) + 1, text.count("\n", 0, second) + 1)


def _json_spot(text: str, at: int) -> tuple[Spot, int]:
    # The text was parsed before, so every bracket and quote has its other half.
    at = _after_space(text, at)
    if text[at] == "{":
        return _json_mapping(text, at)
    if text[at] == "[":
        return _json_list(text, at)
    if text[at] == '"':
        end = _scan(text, at + 1)[1]
    else:
        match = _LITERAL.match(text, at)
        end = match.end() if match else at + 1
    return Spot(at, end, "scalar"), end


def _json_mapping(text: str, start: int) -> tuple[Spot, int]:
    spot = Spot(start, start, "mapping")
    at = _after_space(text, start + 1)
    while text[at] != "}":
        name, end = _scan(text, at + 1)
        value, end = _json_spot(text, _after_space(text, end) + 1)
        if name in spot.keys:
            spot.repeated.append((name, spot.keys[name][0], at))
        spot.keys[name] = (at, value)
        at = _next(text, end)
    spot.end = at + 1
    return spot, spot.end


def _json_list(text: str, start: int) -> tuple[Spot, int]:
    spot = Spot(start, start, "sequence")
    at = _after_space(text, start + 1)
    while text[at] != "]":
        value, end = _json_spot(text, at)
        spot.items.append(value)
        at = _next(text, end)
    spot.end = at + 1
    return spot, spot.end


def _next(text: str, at: int) -> int:
    """Where the next member begins, or the bracket that closes."""
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
