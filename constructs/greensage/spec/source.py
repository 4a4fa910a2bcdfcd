"""YAML with positions: reads a small, safe subset and remembers where each key and value stood."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..catalog import limits
from ..errors import Problem, SpecError
from ..narrow import is_mapping

_yaml: Any = yaml  # whose types are partial
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Located:
    """A file's content as plain Python values, with the position of every key and value.

    `keys` and `values` map a path such as ("sla", "latency_p95_ms") to (line, column), from 1. Where the content was merged
    from several files, `files` says which one a path stands in, and `origins` the same with its environment.
    """

    file: str
    content: Any
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict[Path_, tuple[int, int]])
    values: dict[Path_, tuple[int, int]] = field(default_factory=dict[Path_, tuple[int, int]])
    files: dict[Path_, str] = field(default_factory=dict[Path_, str])
    origins: dict[Path_, str] = field(default_factory=dict[Path_, str])

    def problem(self, path: Path_, message: str, *, at_key: bool = False, **details: str) -> Problem:
        """Return a Problem at `path`, or at its nearest parent that stands in the file."""
        table = self.keys if at_key else self.values
        probe = path
        while probe and probe not in table:
            probe = probe[:-1]
        line, column = table.get(probe) or self.values.get(probe) or (1, 1)
        return Problem(self.files.get(probe, self.file), line, column, ".".join(map(str, path)), message, **details)

    def settings(self) -> list[tuple[str, Any, str]]:
        """Return each single value or list with its dotted key and where it stands, `file:line` and the environment."""
        rows: list[tuple[str, Any, str]] = []
        for path, (line, _) in sorted(self.values.items(), key=lambda row: tuple(map(str, row[0]))):
            value: Any = self.content
            for part in path:
                value = value[part]
            if path and not is_mapping(value) and not any(isinstance(part, int) for part in path):
                file, _, environment = self.origins.get(path, self.file).partition(",")
                rows.append((".".join(map(str, path)), value, f"{file}:{line}{environment and f' ({environment.strip()})'}"))
        return rows


def read_yaml(file: Path, shown_as: str, *, may_be_empty: bool = False) -> Located:
    """Return the content of `file` with positions; of one with comments alone an empty mapping, if it `may_be_empty`.

    Raises SpecError for what is not UTF-8, not YAML, not one mapping, too large, nested too deep, has
    duplicate keys, tags, or aliases (an alias can expand without bound).
    """
    text = _text(file, shown_as)
    try:
        # By events first: composing would follow aliases and nesting before anyone could refuse them.
        _refuse_unsafe_events(text, shown_as)
        node: yaml.Node | None = _yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise SpecError([_syntax_problem(error, shown_as)]) from None
    if node is None and may_be_empty:
        return Located(shown_as, {})
    if node is None or not isinstance(node, yaml.MappingNode):
        found = (
            "an empty file"
            if node is None
            else {"sequence": "a list", "scalar": "plain text"}.get(str(getattr(node, "id", "")), "something else")
        )
        raise SpecError(
            [Problem(shown_as, 1, 1, "", "a model file is a mapping of keys to values", found, "name: ... and model: ...")]
        )
    return _Walk(shown_as).located(node)


def _text(file: Path, shown_as: str) -> str:
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SpecError([Problem(shown_as, 1, 1, "", "no regular file", hint="a file of text; a pipe or device has no end")])
        size = found.st_size
        # Looked at before reading: ten megabytes of YAML take long to parse.
        if size > limits.SPEC_FILE_BYTES:
            raise SpecError(
                [Problem(shown_as, 1, 1, "", "the file is too large to be a model file", f"{size:,} bytes",
                         f"at most {limits.SPEC_FILE_BYTES:,} bytes")]
            )  # fmt: skip
        # Editors on Windows may put a byte order mark in front.
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError([Problem(shown_as, 1, 1, "", "the file is not UTF-8 text", f"byte {error.start}")]) from None
    except OSError as error:
        raise SpecError([Problem(shown_as, 1, 1, "", f"the file cannot be read: {error.strerror}")]) from None


def _refuse_unsafe_events(text: str, shown_as: str) -> None:
    depth = documents = 0
    for event in _yaml.parse(text, Loader=_Loader):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        message = ""
        if isinstance(event, yaml.AliasEvent):
            message = f"aliases are not allowed, they can expand without bound (*{event.anchor}); write the value out"
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            message = f"nested deeper than {limits.SPEC_DEPTH} levels" if depth > limits.SPEC_DEPTH else ""
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            message = "one model per file: a second document starts here" if documents > 1 else ""
        tag = getattr(event, "tag", None)
        if tag:
            message = f"tags such as {tag} are not allowed"
        if message:
            raise SpecError([Problem(shown_as, line, column, "", message)])


def _syntax_problem(error: yaml.YAMLError, shown_as: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = getattr(error, "problem", None) or str(error).split("\n")[0]
    return Problem(shown_as, line, column, "", f"not valid YAML: {what}")


def _misread(node: yaml.Node) -> tuple[str, str, str, str] | None:
    """What YAML 1.1 takes for another number than is written: message, found, allowed, way out."""
    text, tag = str(node.value), str(node.tag)
    if not tag.endswith((":int", ":float")):
        return None
    value: Any = yaml.constructor.SafeConstructor().construct_object(node)  # type: ignore[no-untyped-call]
    if ":" in text:
        return "YAML reads this as a number to the base of 60", text, f"{value:g}, or in quotes as text", f'"{text}" or {value:g}'
    if re.fullmatch(r"[-+]?0[0-7_]+", text):
        meant = text.replace("_", "").lstrip("+0") or "0"
        return "YAML reads this as an octal number", text, f"{meant} for the decimal number, {value} for the octal", meant
    return None


class _Walk:
    """Turns composed nodes into values while noting positions and duplicate keys."""

    def __init__(self, shown_as: str) -> None:
        self._located = Located(shown_as, None)
        self._constructor: Any = yaml.constructor.SafeConstructor()
        self._problems: list[Problem] = []

    def located(self, node: yaml.Node) -> Located:
        content = self._value(node, ())
        if self._problems:
            raise SpecError(self._problems)
        return Located(self._located.file, content, self._located.keys, self._located.values)

    def _value(self, node: yaml.Node, path: Path_) -> Any:
        self._located.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        misread = _misread(node)
        if misread:
            where = (node.start_mark.line + 1, node.start_mark.column + 1)
            self._problems.append(Problem(self._located.file, *where, ".".join(map(str, path)), *misread))
        try:
            return self._constructor.construct_object(node)
        except (ValueError, yaml.YAMLError):
            # A date that is none, say: as text it reaches pydantic, which can say where and what is wrong.
            return node.value

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            # As it is written: YAML would read a key such as on or 1 as another type.
            key = str(key_node.value)
            here = (*path, key)
            position = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in result:
                first = self._located.keys[here][0]
                self._problems.append(
                    Problem(
                        self._located.file, *position, ".".join(map(str, here)), f"the key stands twice, first in line {first}"
                    )
                )
            self._located.keys[here] = position
            result[key] = self._value(value_node, here)
        return result
