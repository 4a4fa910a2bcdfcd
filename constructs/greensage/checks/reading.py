"""Reads a template, JSON or YAML with short-form intrinsics, from a file that nobody vouches for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..catalog import limits
from ..errors import CheckError
from ..narrow import is_list, is_mapping
from .foreach import LOOP
from .positions import first_repeated, is_json


class NoTemplateError(CheckError):
    """A file that can be read, and is something else than a template."""


def read_template(path: Path, shown: str, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the template in `path` as plain values.

    With `may_be_empty` it may have no Resources, as the CDK writes stacks that hold only outputs.

    Raises CheckError, in one line that names `shown`, for what is too large, binary, broken, nested or expanded without
    bound; NoTemplateError for what is none.
    """
    raw = parse(read_text(path, shown), shown)
    if may_be_empty and is_mapping(raw):
        raw.setdefault("Resources", {})
    elif not is_template(raw):
        raise NoTemplateError(f"{shown}: no CloudFormation template: it has no Resources")
    return raw


def read_text(path: Path, shown: str) -> str:
    """Return the file's text. Raises CheckError for what is no text, or too large for a template."""
    try:
        size = path.stat().st_size
        if size > limits.TEMPLATE_FILE_BYTES:
            raise CheckError(f"{shown}: {size / 1e6:,.0f} MB is too large for a template; CloudFormation takes 1 MB")
        data = path.read_bytes()
    except OSError as error:
        raise CheckError(f"{shown}: cannot be read: {error.strerror or error}") from None
    encoding = encoding_of(data)
    if encoding == "utf-8-sig" and b"\0" in data[:65536]:
        raise CheckError(f"{shown}: a binary file, no template")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CheckError(f"{shown}: not {'UTF-8' if encoding == 'utf-8-sig' else 'UTF-16'} text (byte {error.start})") from None


def encoding_of(data: bytes) -> str:
    """Return the encoding that a byte order mark says, as editors on Windows put it first; else UTF-8, with or without one."""
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def parse(text: str, shown: str) -> Any:
    """Return JSON or YAML as plain values. Raises CheckError with the line."""
    try:
        return _parse_json(text, shown) if is_json(text) else _parse_yaml(text, shown)
    except json.JSONDecodeError as error:
        raise CheckError(f"{shown}:{error.lineno}:{error.colno}: broken JSON: {error.msg}") from None
    except RecursionError:
        raise CheckError(f"{shown}: nested too deep for a template") from None
    except ValueError as error:
        raise CheckError(f"{shown}: {error}") from None


def _parse_json(text: str, shown: str) -> Any:
    """As json.loads; a key that an object has twice is an error, with both lines."""
    twice: list[str] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice.append(next(name for name in names if names.count(name) > 1))
        return found

    raw = json.loads(text, object_pairs_hook=made)
    if twice:
        name, lines = first_repeated(text)
        raise CheckError(_repeated(shown, name, *lines))
    return raw


def _repeated(shown: str, name: str, first: int, second: int) -> str:
    return f"{shown}:{second}: {name} is there already in line {first}; CloudFormation takes the last in silence"


def is_template(raw: Any) -> bool:
    """Return whether plain values are a template: resources with types."""
    if not is_mapping(raw) or not isinstance(raw.get("Resources"), dict):
        return False
    rows = raw["Resources"].values()
    if any(str(name).startswith(LOOP) for name in raw["Resources"]):
        return True
    return any(is_mapping(row) and isinstance(row.get("Type"), str) for row in rows) or "AWSTemplateFormatVersion" in raw


def _parse_yaml(text: str, shown: str) -> Any:
    import yaml

    from ._yaml import compose

    try:
        return Plain(shown).value(compose(text)) if text.strip() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        hint = "; a source of cookiecutter or Jinja is rendered first" if "{%" in text or "{{" in text else ""
        raise CheckError(f"{shown}{where}: broken YAML: {error.problem or error.context}{hint}") from None
    except yaml.YAMLError as error:
        raise CheckError(f"{shown}: broken YAML: {str(error).splitlines()[0]}") from None


class Plain:
    """Turns composed YAML into plain values. Anchors are shared, not copied, and bounded; a cycle is an error."""

    def __init__(self, shown: str) -> None:
        import yaml

        self._shown = shown
        self._scalars = yaml.constructor.SafeConstructor()
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def value(self, node: Any) -> Any:
        """Return the value of `node`."""
        return self._value(node)[0]

    def _value(self, node: Any) -> tuple[Any, int]:
        """The value, and how many values it would be if anchors were copied."""
        if node is None:
            return None, 1
        key = id(node)
        if key in self._done:
            return self._done[key]
        if key in self._open:
            raise CheckError(f"{self._shown}:{node.start_mark.line + 1}: an anchor contains itself")
        self._open.add(key)
        value, size = self._made(node)
        self._open.discard(key)
        if size > limits.TEMPLATE_VALUES:
            raise CheckError(
                f"{self._shown}:{node.start_mark.line + 1}: anchors expand to more than {limits.TEMPLATE_VALUES:,} values"
            )
        self._done[key] = _short_form(node.tag, value), size
        return self._done[key]

    def _made(self, node: Any) -> tuple[Any, int]:
        if node.id == "scalar":
            return self._scalar(node), 1
        if node.id == "sequence":
            pairs = [self._value(item) for item in node.value]
            return [value for value, _ in pairs], 1 + sum(size for _, size in pairs)
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        total = 1
        for key, item in node.value:
            if key.id != "scalar":
                where = f"{self._shown}:{key.start_mark.line + 1}"
                raise CheckError(f"{where}: a key that is no text; a source of cookiecutter or Jinja is rendered first")
            value, size = self._value(item)
            total += size
            if key.tag == "tag:yaml.org,2002:merge":
                # The mapping's own keys win, and of several merged mappings the first (YAML's merge key).
                for merged in value if is_list(value) else [value]:
                    found = {**(merged if is_mapping(merged) else {}), **found}
            else:
                name = str(key.value)
                if name in lines:
                    raise CheckError(_repeated(self._shown, name, lines[name], key.start_mark.line + 1))
                lines[name] = key.start_mark.line + 1
                found[name] = value
        return found, total

    def _scalar(self, node: Any) -> Any:
        """Dates stay text: CloudFormation knows none."""
        kind = node.tag.rsplit(":", 1)[-1]
        # What stands behind a short form such as !Ref is text, whatever it looks like.
        if not node.tag.startswith("tag:yaml.org") or kind in ("str", "timestamp", "value"):
            return node.value
        make = getattr(self._scalars, f"construct_yaml_{kind}", None)
        try:
            return make(node) if make else node.value
        except (ValueError, KeyError):
            return node.value


def _short_form(tag: str, value: Any) -> Any:
    if not tag.startswith("!") or tag == "!":
        return value
    name = tag[1:]
    if name in ("Ref", "Condition"):
        return {name: value}
    if name == "GetAtt" and isinstance(value, str):
        # An attribute may have dots of its own: Outputs.Name.
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{name}": value}
