"""A template as rules see it: resources whose values are worked out on demand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..narrow import is_list, is_mapping
from .finding import Fail, Place
from .impact import Impact
from .values import NO_VALUE, Scope, Unresolved, expression_of, known_text, mentions, resolve, text_of

_MISSING = object()
# What is a value already; most properties are.
_PLAIN = frozenset((str, int, bool, float))


class Node:
    """A mapping in a template, with its place. Paths are property names and list positions."""

    __slots__ = ("path", "raw", "resource")

    def __init__(self, resource: Resource, raw: Any, path: tuple[str | int, ...]) -> None:
        self.resource = resource
        self.raw = raw
        self.path = path

    def get(self, *path: str | int, default: Any = None) -> Any:
        """Return the value at `path`: text, a number, a bool, a Node, a list of these, or `default` where it is absent.

        Raises Unresolved for what only the deployment knows; the engine reports that as unknown.
        """
        found = self._find(path)
        if found is _MISSING:
            return default
        if type(found) in _PLAIN:
            return known_text(found) if type(found) is str else found
        value = resolve(found, self.resource.template.scope)
        return default if value is NO_VALUE else self._wrapped(value, (*self.path, *path))

    def list(self, *path: str | int) -> list[Any]:
        """Return the list at `path`, empty where it is absent; one value alone counts as a list of one."""
        value = self.get(*path, default=[])
        return value if is_list(value) else [value]

    def raw_list(self, *path: str | int) -> list[Any]:
        """Return the items of the list at `path` as they are written, functions and all; empty if there is none."""
        found = self._find(path)
        return found if is_list(found) else []

    def number(self, *path: str | int, default: float | None = None) -> float | None:
        """Return the number at `path`. Raises Unresolved for what is none."""
        value = self.get(*path, default=default)
        if value is None or isinstance(value, int | float):
            return value
        try:
            return float(value)
        except (TypeError, ValueError):
            raise Unresolved(f"{'.'.join(map(str, path))} is not a number") from None

    def true(self, *path: str | int) -> bool:
        """Return whether the value at `path` is true, as YAML, JSON and text write it."""
        return str(self.get(*path, default=False)).lower() == "true"

    def has(self, *path: str | int) -> bool:
        """Return whether there is something at `path`, known or not."""
        found = self._find(path)
        if found is _MISSING:
            return False
        if type(found) in _PLAIN:
            return True
        try:
            return resolve(found, self.resource.template.scope) is not NO_VALUE
        except Unresolved:
            return True

    def text(self, *path: str | int) -> str:
        """Return the value at `path` as text, with a * for each part that only the deployment knows; empty if absent."""
        found = self._find(path)
        if type(found) is str:
            return found
        return "" if found is _MISSING else text_of(found, self.resource.template.scope)

    def expression(self, *path: str | int) -> str:
        """Return the value at `path` as text with ${…} for references: equal ones are the same; empty if absent."""
        found = self._find(path)
        return "" if found is _MISSING else expression_of(found)

    def refers_to(self, *path: str | int) -> frozenset[str]:
        """Return the logical ids that the value at `path` mentions, however deep."""
        found = self._find(path)
        return frozenset() if found is _MISSING else frozenset(mentions(found))

    def target(self, *path: str | int) -> Resource | None:
        """Return the one resource of this template that the value at `path` refers to, or None."""
        resources = self.resource.template.resources
        found = [name for name in self.refers_to(*path) if name in resources]
        return resources[found[0]] if len(found) == 1 else None

    def fails(self, message: str, *at: str | int, saves: Impact | None = None, fix: Any = None) -> Fail:
        """Return a failure at the property `at`; `saves` is a month's saving, `fix` the value that fixes it if one does."""
        return Fail(message, (*self.path, *at), saves, fix)

    def _find(self, path: Iterable[str | int]) -> Any:
        current: Any = self.raw
        for step in path:
            kind: Any = current.__class__
            if kind is dict:
                mapping: dict[str | int, Any] = current
                if step in mapping:
                    current = mapping[step]
                    continue
                # A mapping of one key may be a function, whose value is then gone into.
                if len(mapping) == 1:
                    current = resolve(current, self.resource.template.scope)
            if is_mapping(current):
                current = current.get(str(step), _MISSING)
            elif is_list(current) and isinstance(step, int) and step < len(current):
                current = current[step]
            else:
                return _MISSING
        return current

    def _wrapped(self, value: Any, path: tuple[str | int, ...]) -> Any:
        if is_mapping(value):
            return Node(self.resource, value, path)
        if is_list(value):
            return [self._wrapped(item, (*path, index)) for index, item in enumerate(value)]
        return value


class Resource(Node):
    """A resource; paths start at its Properties."""

    __slots__ = ("attributes", "id", "template", "type")

    def __init__(self, template: Template, name: str, raw: dict[str, Any]) -> None:
        properties = raw.get("Properties")
        super().__init__(self, properties if is_mapping(properties) else {}, ("Properties",))
        self.template = template
        self.id = name
        self.type = str(raw.get("Type", ""))
        self.attributes = raw

    @property
    def region(self) -> str | None:
        """The Region of its stack, if that is known."""
        return self.template.scope.region

    @property
    def place(self) -> Place:
        """Where it stands, for findings."""
        return Place(self.template.file, self.template.name, self.id, self.type, self.template.paths.get(self.id))


@dataclass
class Template:
    """One template. `name` is the stack's, or the file's where no stack is known yet (`deployed_as` is None then).

    `paths` are construct paths by logical id, where the CDK made it; `tagged` tells that the stack itself carries tags;
    `origins` are the places of resources that loops made, `unknown_loops` say of which nothing is known.
    """

    file: str
    name: str
    raw: dict[str, Any]
    region: str | None = None
    paths: dict[str, str] = field(default_factory=dict[str, str])
    stack_path: str | None = None
    deployed_as: str | None = None
    tagged: bool = False
    origins: dict[str, tuple[str | int, ...]] = field(default_factory=dict[str, tuple[str | int, ...]])
    unknown_loops: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        sections = {key: value for key, value in self.raw.items() if is_mapping(value)}
        rows = sections.get("Resources", {})
        self.scope = Scope(
            sections.get("Parameters", {}), sections.get("Mappings", {}), sections.get("Conditions", {}), rows, self.region,
            self.deployed_as,
        )  # fmt: skip
        self.kept: dict[str, list[Node]] = {}
        self.outputs: dict[str, Any] = sections.get("Outputs", {})
        self.resources = {name: Resource(self, name, row) for name, row in rows.items() if is_mapping(row)}

    def let_go(self) -> None:
        """Drop the resources, which refer back to this: memory is free at once, not when the collector comes by."""
        self.resources.clear()
        self.kept.clear()
        self.__dict__.pop("by_type", None)
        self.__dict__.pop("_users", None)

    @cached_property
    def by_type(self) -> dict[str, list[Resource]]:
        """The resources by their type."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            found.setdefault(resource.type, []).append(resource)
        return found

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of `types`."""
        for name in types:
            yield from self.by_type.get(name, ())

    def users_of(self, resource: Resource, *types: str) -> list[Resource]:
        """Return the resources of `types` that refer to `resource`."""
        return [user for user in self.all_users_of(resource) if user.type in types]

    def all_users_of(self, resource: Resource) -> list[Resource]:
        """Return the resources that refer to `resource`."""
        return [self.resources[name] for name in self._users.get(resource.id, ()) if name != resource.id]

    @cached_property
    def speaks_of_sagemaker(self) -> bool:
        """Whether anything in it names SageMaker: a type, a permission, a call."""
        return "sagemaker" in json.dumps(self.raw, default=str).lower()

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for resource in self.resources.values():
            for name in frozenset(mentions(resource.attributes)):
                found.setdefault(name, []).append(resource.id)
        return found

    @cached_property
    def exported(self) -> frozenset[str]:
        """The logical ids that outputs mention: other stacks may use those resources."""
        return frozenset(mentions(self.outputs))
