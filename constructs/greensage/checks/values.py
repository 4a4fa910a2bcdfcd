"""Works out intrinsic functions where a template says all that is needed; raises Unresolved where it does not, never guesses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..narrow import is_list, is_mapping

# ${!Name} is text and no reference (CloudFormation, Fn::Sub).
_PSEUDO = re.compile(r"\$\{([^!}][^}]*)\}")
_LITERAL = re.compile(r"\$\{!([^}]*)\}")
_UNKNOWN_PART = "*"
_DYNAMIC = "{{resolve:"


class Unresolved(Exception):
    """A value that only the deployment knows; the message says why."""


class Undecided(Exception):
    """A condition that only the deployment decides; the engine then looks at both cases."""

    def __init__(self, condition: str) -> None:
        self.condition = condition
        super().__init__(condition)


class _NoValue:
    """AWS::NoValue: the property is as good as absent."""


NO_VALUE = _NoValue()


@dataclass
class Scope:
    """What a template's functions may look at. `world` are the conditions that the engine tries out.

    `defaults_used` collects the parameters whose default entered a value, so that a finding can say so.
    """

    parameters: dict[str, Any]
    mappings: dict[str, Any]
    conditions: dict[str, Any]
    resources: dict[str, Any]
    region: str | None = None
    stack_name: str | None = None
    world: dict[str, bool] = field(default_factory=dict[str, bool])
    defaults_used: set[str] = field(default_factory=set[str])

    def condition(self, name: str, *, seen: frozenset[str] = frozenset()) -> bool:
        """Return whether condition `name` holds. Raises Undecided where only the deployment knows."""
        if name in self.world:
            return self.world[name]
        if name not in self.conditions or name in seen:
            raise Undecided(name)
        try:
            return _holds(self.conditions[name], self, seen | {name})
        except Unresolved:
            raise Undecided(name) from None


def resolve(raw: Any, scope: Scope) -> Any:
    """Return the value of `raw`: mappings as they are, lists with each item resolved, functions worked out.

    Raises Unresolved or Undecided.
    """
    kind: Any = raw.__class__
    if kind is dict:
        mapping: dict[str, Any] = raw
        if len(mapping) == 1:
            ((name, argument),) = mapping.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(argument, scope)
            if str(name).startswith("Fn::"):
                raise Unresolved(f"{name} is known at deployment only")
        return mapping
    if kind is list:
        items: list[Any] = raw
        return [value for value in (resolve(item, scope) for item in items) if value is not NO_VALUE]
    return known_text(raw) if kind is str else raw


def known_text(text: str) -> str:
    """Return `text`. Raises Unresolved for a dynamic reference, {{resolve:…}}, whose value only the deployment knows."""
    if _DYNAMIC in text:
        raise Unresolved("a dynamic reference is known at deployment only")
    return text


def text_of(raw: Any, scope: Scope) -> str:
    """Return `raw` as text with a * for every part that only the deployment knows."""
    try:
        value = resolve(raw, scope)
    # Undecided goes on to the engine, which looks at both cases.
    except Unresolved:
        value = None
    if isinstance(value, str | int | float):
        return str(value)
    if not is_mapping(raw) or len(raw) != 1:
        return _UNKNOWN_PART
    ((name, argument),) = raw.items()
    if name == "Fn::Join" and is_list(argument) and len(argument) == 2 and is_list(argument[1]):
        return str(argument[0]).join(text_of(part, scope) for part in argument[1])
    if name == "Fn::Sub":
        template, own = _sub_parts(argument)
        return _LITERAL.sub(r"${\1}", _PSEUDO.sub(lambda match: _sub_text(match[1], own, scope), template))
    return _UNKNOWN_PART


def expression_of(raw: Any) -> str:
    """Return `raw` as text with ${…} for every reference, so that equal expressions are equal texts; * for other functions."""
    if isinstance(raw, str | int | float):
        return str(raw)
    if not is_mapping(raw) or len(raw) != 1:
        return _UNKNOWN_PART
    ((name, argument),) = raw.items()
    if name == "Ref":
        return f"${{{argument}}}"
    if name == "Fn::GetAtt":
        return f"${{{argument if isinstance(argument, str) else '.'.join(map(str, argument))}}}"
    if name == "Fn::Join" and is_list(argument) and len(argument) == 2 and is_list(argument[1]):
        return str(argument[0]).join(map(expression_of, argument[1]))
    if name == "Fn::Sub":
        template, own = _sub_parts(argument)
        return _PSEUDO.sub(lambda match: expression_of(own[match[1]]) if match[1] in own else match[0], template)
    return _UNKNOWN_PART


def mentions(raw: Any) -> Iterator[str]:
    """Yield every logical id and parameter that `raw` refers to, however deep."""
    stack: list[Any] = [raw]
    while stack:
        item: Any = stack.pop()
        kind: Any = item.__class__
        if kind is list:
            # Plain values mention nothing, and are most of a template.
            items: list[Any] = item
            stack.extend(value for value in items if value.__class__ in (dict, list))
        elif kind is dict:
            mapping: dict[str, Any] = item
            for key, value in mapping.items():
                if key == "Ref" and isinstance(value, str):
                    yield value
                elif key == "Fn::GetAtt":
                    yield str(value[0] if is_list(value) and value else value).split(".")[0]
                elif key == "Fn::Sub":
                    yield from _mentioned_by_sub(value)
                    # The variables that it brings may be functions in turn.
                    stack.append(value)
                elif type(value) is dict or type(value) is list:
                    stack.append(value)


def _mentioned_by_sub(argument: Any) -> Iterator[str]:
    template, _ = _sub_parts(argument)
    for match in _PSEUDO.finditer(template):
        yield match[1].strip().split(".")[0]


def _sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    if is_list(argument) and len(argument) == 2 and is_mapping(argument[1]):
        return str(argument[0]), argument[1]
    return (argument if isinstance(argument, str) else _UNKNOWN_PART), {}


def _sub_text(name: str, own: dict[str, Any], scope: Scope) -> str:
    name = name.strip()
    return text_of(own[name], scope) if name in own else text_of({"Ref": name}, scope)


def _ref(name: Any, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    if name == "AWS::Region" and scope.region:
        return scope.region
    if name == "AWS::StackName" and scope.stack_name:
        return scope.stack_name
    if isinstance(name, str) and name in scope.parameters:
        return _parameter(name, scope)
    if isinstance(name, str) and name in scope.resources:
        raise Unresolved(f"refers to the resource {name}")
    raise Unresolved(f"{name} is known at deployment only")


def _parameter(name: str, scope: Scope) -> Any:
    row = scope.parameters[name]
    if not is_mapping(row) or "Default" not in row:
        raise Unresolved(f"the parameter {name} has no default")
    kind = str(row.get("Type", "String"))
    # The default of such a parameter is a name in SSM, not the value.
    if kind.startswith(("AWS::SSM::", "AWS::Secrets")):
        raise Unresolved(f"the parameter {name} is read at deployment")
    scope.defaults_used.add(name)
    value = row["Default"]
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [part.strip() for part in str(value).split(",")]
    return value


def _if(argument: Any, scope: Scope) -> Any:
    if not is_list(argument) or len(argument) != 3:
        raise Unresolved("Fn::If needs a condition and two values")
    return resolve(argument[1] if scope.condition(str(argument[0])) else argument[2], scope)


def _join(argument: Any, scope: Scope) -> str:
    separator, parts = _list(argument, 2, "Fn::Join")
    values = resolve(parts, scope)
    if not is_list(values):
        raise Unresolved("the list of Fn::Join is known at deployment only")
    return str(separator).join(map(str, values))


def _sub(argument: Any, scope: Scope) -> str:
    template, own = _sub_parts(argument)

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        return str(resolve(own[name], scope) if name in own else _ref(name, scope))

    return _LITERAL.sub(r"${\1}", _PSEUDO.sub(value, template))


def _find_in_map(argument: Any, scope: Scope) -> Any:
    if not is_list(argument) or len(argument) < 3:
        raise Unresolved("Fn::FindInMap needs a map and two keys")
    name, first, second = (resolve(part, scope) for part in argument[:3])
    try:
        return resolve(scope.mappings[name][str(first)][str(second)], scope)
    except (KeyError, TypeError):
        raise Unresolved(f"the mapping {name} has no {first}.{second}") from None


def _select(argument: Any, scope: Scope) -> Any:
    index, items = _list(argument, 2, "Fn::Select")
    values = resolve(items, scope)
    try:
        return resolve(values[int(resolve(index, scope))], scope)
    except (IndexError, ValueError, TypeError, KeyError):
        raise Unresolved("Fn::Select points outside its list") from None


def _split(argument: Any, scope: Scope) -> list[str]:
    separator, text = _list(argument, 2, "Fn::Split")
    return str(resolve(text, scope)).split(str(separator))


def _get_att(argument: Any, scope: Scope) -> Any:
    name = argument if isinstance(argument, str) else ".".join(map(str, argument)) if is_list(argument) else "Fn::GetAtt"
    raise Unresolved(f"{name} is known at deployment only")


def _list(argument: Any, length: int, name: str) -> list[Any]:
    if not is_list(argument) or len(argument) != length:
        raise Unresolved(f"{name} needs {length} values")
    return argument


def _holds(raw: Any, scope: Scope, seen: frozenset[str]) -> bool:
    """Whether the body of a condition holds; parameters' defaults do not decide, because any deployment may differ."""
    if not is_mapping(raw) or len(raw) != 1:
        raise Unresolved("not a condition")
    ((name, argument),) = raw.items()
    if name == "Condition":
        return scope.condition(str(argument), seen=seen)
    parts = argument if is_list(argument) else [argument]
    if name == "Fn::Not":
        return not _holds(parts[0], scope, seen)
    if name == "Fn::And":
        return all(_holds(part, scope, seen) for part in parts)
    if name == "Fn::Or":
        return any(_holds(part, scope, seen) for part in parts)
    if name == "Fn::Equals" and len(parts) == 2:
        without = Scope({}, scope.mappings, {}, {}, scope.region, scope.stack_name)
        return str(resolve(parts[0], without)) == str(resolve(parts[1], without))
    raise Unresolved(f"{name} is known at deployment only")


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref, "Fn::If": _if, "Fn::Join": _join, "Fn::Sub": _sub, "Fn::FindInMap": _find_in_map, "Fn::Select": _select,
    "Fn::Split": _split, "Fn::GetAtt": _get_att, "Fn::Base64": resolve, "Fn::ToJsonString": resolve,
}  # fmt: skip
