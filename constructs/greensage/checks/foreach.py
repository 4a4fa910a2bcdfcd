"""Fn::ForEach written out, where the template says over what: a loop of the transform AWS::LanguageExtensions.

Source: AWS CloudFormation user guide, Fn::ForEach: `${Name}` in keys and values stands for the item, `&{Name}` for its letters
and digits. A collection is a list, or a parameter of the type CommaDelimitedList or a mapping's list, where these have values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..narrow import is_list, is_mapping

LOOP = "Fn::ForEach::"
_LETTERS = re.compile(r"[^A-Za-z0-9]")
# CloudFormation has limits of its own; this one is for templates that nobody vouches for.
_MOST_ITEMS = 1_000


class Written:
    """A template with its loops written out. `origins` are the places of resources that a loop made, `unknown` the loops whose
    collections only the deployment knows."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.origins: dict[str, tuple[str | int, ...]] = {}
        self.unknown: list[str] = []
        self._sections = {name: section for name, section in raw.items() if is_mapping(section)}
        self.raw = raw
        if self._has_loops(raw.get("Resources")):
            self.raw = {**raw, "Resources": self._resources(self._sections.get("Resources", {}))}

    def _has_loops(self, value: Any) -> bool:
        stack: list[Any] = [value]
        while stack:
            item = stack.pop()
            if is_mapping(item):
                if any(key.startswith(LOOP) for key in item):
                    return True
                stack.extend(item.values())
            elif is_list(item):
                stack.extend(item)
        return False

    def _resources(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, row in rows.items():
            if not name.startswith(LOOP):
                found[name] = self._inside(row, {})
                continue
            for made, content, place in self._turns(name, row, {}, ("Resources", name)):
                found[made] = content
                self.origins[made] = place
        return found

    def _turns(
        self, name: str, loop: Any, known: Mapping[str, str], at: tuple[str | int, ...]
    ) -> list[tuple[str, Any, tuple[str | int, ...]]]:
        """What a loop makes: name, content and place of each, loops in loops included."""
        if not is_list(loop) or len(loop) != 3 or not isinstance(loop[0], str) or not is_mapping(loop[2]):
            self.unknown.append(f"{name} is no loop: it takes a name, a collection and what is made")
            return []
        items = self._items(loop[1], known)
        if items is None:
            self.unknown.append(f"{name} goes over what only the deployment knows")
            return []
        found: list[tuple[str, Any, tuple[str | int, ...]]] = []
        for item in items[:_MOST_ITEMS]:
            inner = {**known, loop[0]: item}
            for key, value in loop[2].items():
                if key.startswith(LOOP):
                    found += self._turns(key, value, inner, (*at, 2, key))
                else:
                    found.append((_filled(key, inner), self._inside(value, inner), (*at, 2, key)))
        return found

    def _inside(self, value: Any, known: Mapping[str, str]) -> Any:
        """A value with the items put in, and loops of properties written out."""
        if isinstance(value, str):
            return _filled(value, known)
        if is_list(value):
            return [self._inside(item, known) for item in value]
        if not is_mapping(value):
            return value
        if len(value) == 1 and value.get("Ref") in known:
            return known[str(value["Ref"])]
        found: dict[str, Any] = {}
        for key, item in value.items():
            if key.startswith(LOOP):
                found |= {made: content for made, content, _ in self._turns(key, item, known, ())}
            else:
                found[_filled(key, known)] = self._inside(item, known)
        return found

    def _items(self, collection: Any, known: Mapping[str, str]) -> list[str] | None:
        """The items of a collection; None where only the deployment knows them."""
        if is_list(collection):
            filled = [self._item(item, known) for item in collection]
            return None if any(not isinstance(item, str | int) for item in filled) else [str(item) for item in filled]
        if is_mapping(collection) and len(collection) == 1:
            if "Ref" in collection:
                default = self._default(collection)
                return None if default is None else [part.strip() for part in str(default).split(",") if part.strip()]
            if "Fn::FindInMap" in collection:
                return self._mapped(collection["Fn::FindInMap"], known)
        return None

    def _item(self, item: Any, known: Mapping[str, str]) -> Any:
        """An item, which may be a parameter or another loop's."""
        if not (is_mapping(item) and len(item) == 1 and "Ref" in item):
            return item
        return known.get(str(item["Ref"])) or self._default(item)

    def _default(self, reference: Any) -> Any:
        parameter = self._sections.get("Parameters", {}).get(str(reference.get("Ref")))
        return parameter.get("Default") if is_mapping(parameter) else None

    def _mapped(self, path: Any, known: Mapping[str, str]) -> list[str] | None:
        value: Any = self._sections.get("Mappings", {})
        for step in path if is_list(path) and len(path) >= 3 else [None]:
            if is_mapping(step):
                step = self._item(step, known)
            value = value.get(str(step)) if is_mapping(value) else None
        return [str(item) for item in value] if is_list(value) else None


def _filled(text: str, known: Mapping[str, str]) -> str:
    for name, item in known.items():
        text = text.replace(f"${{{name}}}", item).replace(f"&{{{name}}}", _LETTERS.sub("", item))
    return text
