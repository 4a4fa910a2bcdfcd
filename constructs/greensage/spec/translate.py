"""Turns pydantic's errors into Problems that point at the line and say what would be accepted."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..catalog.aliases import called_here
from ..catalog.discontinued import discontinued
from ..catalog.kinds import hosting_kinds
from ..errors import Problem
from ..narrow import is_list, is_mapping
from .model import ModelSpec
from .source import Located, Path_

# Read from the annotation, so that a new kind in hosting.py is known here without a list.
_KIND_MODELS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(get_args(ModelSpec.model_fields["hosting"].annotation)[1])[0])
}
_UNIT_OF_SUFFIX = {
    "_ms": "milliseconds", "_mb": "MB", "_days": "days", "_per_day": "requests a day",
    "_per_second": "requests a second", "instances": "instances", "concurrency": "concurrent requests",
}  # fmt: skip


def problems_of(error: ValidationError, located: Located) -> list[Problem]:
    """Return one Problem per error in `error`, in the order of the file."""
    problems = [_problem(row, located) for row in _relevant(error)]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _relevant(error: ValidationError) -> Iterator[dict[str, Any]]:
    """`hosting` is 'auto' or a kind: when it is a mapping, the complaint that it is not 'auto' says nothing."""
    for row in error.errors(include_url=False):
        loc = row["loc"]
        if loc[:1] == ("hosting",) and any("literal" in str(part) for part in loc[1:]):
            continue
        yield dict(row)


def _problem(row: dict[str, Any], located: Located) -> Problem:
    path = _path(row["loc"])
    key = str(path[-1]) if path else ""
    kind, context = row["type"], row.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path, located)
    if kind == "missing":
        return located.problem(path, "the key is missing", allowed=_describe(path))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind(path, row["input"], located)
    if kind == "value_error":
        # Our validators write what would be accepted after a bar.
        message, _, allowed = str(context["error"]).partition(" | ")
        # Of a check over several keys pydantic gives the whole part, which would say nothing.
        found = "" if isinstance(row["input"], dict | ModelSpec) else _shown(row["input"])
        return located.problem(path, message, found=found, allowed=allowed)
    gone = discontinued(str(row["input"])) if isinstance(row["input"], str) else None
    if gone:
        return located.problem(path, f"{gone.name} is discontinued", found=_shown(row["input"]), hint=gone.successor)
    allowed, hint = _allowed(kind, context, key), _hint(kind, row["input"], context, key)
    return located.problem(path, _message(kind), found=_shown(row["input"]), allowed=allowed, hint=hint)


def _path(loc: tuple[Any, ...]) -> Path_:
    """Drop the union tags that pydantic puts between `hosting` and its keys."""
    if loc[:1] == ("hosting",):
        return ("hosting", *(part for part in loc[1:] if part not in _KIND_MODELS and "[" not in str(part)))
    return tuple(loc)


def _unknown_key(path: Path_, located: Located) -> Problem:
    key = str(path[-1])
    gone = discontinued(key)
    if gone:
        return located.problem(path, f"{gone.name} is discontinued", at_key=True, hint=gone.successor)
    valid = _valid_keys(path[:-1], located)
    near = get_close_matches(key, valid, n=1, cutoff=0.6)
    # Another tool's name, or a key that stands elsewhere; then what looks most alike here.
    meant = called_here(key) or (f"{'.'.join(map(str, (*path[:-1], near[0])))}" if near else "")
    if not meant and (near := get_close_matches(key, valid, n=1, cutoff=0.5)):
        meant = near[0]
    hint = f"{meant}?" if meant else ""
    return located.problem(path, "unknown key", at_key=True, found=key, allowed=", ".join(valid), hint=hint)


def _valid_keys(parent: Path_, located: Located) -> list[str]:
    model: type[BaseModel] = ModelSpec
    for part in parent:
        if part == "hosting":
            model = _KIND_MODELS[located.content["hosting"]["kind"]]
        elif isinstance(part, str):
            model = _part_model(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _part_model(annotation: Any) -> type[BaseModel] | None:
    """The part behind an annotation: itself, or inside an optional or a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := _part_model(item))), None)


def _unknown_kind(path: Path_, value: Any, located: Located) -> Problem:
    kind = value.get("kind") if is_mapping(value) else value
    gone = discontinued(str(kind))
    if gone:
        return located.problem(path, f"{gone.name} is discontinued", found=str(kind), hint=gone.successor)
    message = "not a hosting kind"
    if kind is None:
        message = "hosting with options needs the key kind"
    known = ["auto", *hosting_kinds()]
    near = get_close_matches(str(kind), known, n=1, cutoff=0.5)
    return located.problem(path, message, found=_shown(kind), allowed=", ".join(known), hint=f"{near[0]}?" if near else "")


def _message(kind: str) -> str:
    wrong_type = {
        "int_type": "a whole number is needed", "int_from_float": "a whole number is needed",
        "float_type": "a number is needed", "string_type": "text is needed", "bool_type": "true or false is needed",
        "dict_type": "a mapping of keys to values is needed", "model_type": "a mapping of keys to values is needed",
        "tuple_type": "a list is needed",
    }  # fmt: skip
    return wrong_type.get(kind, "the value is not allowed")


def _allowed(kind: str, context: dict[str, Any], key: str) -> str:
    bounds = {
        "greater_than": "more than {gt}", "greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}",
        "literal_error": "{expected}", "string_pattern_mismatch": "text that matches {pattern}",
        "string_too_long": "at most {max_length} characters", "string_too_short": "at least {min_length} characters",
        "too_long": "at most {max_length} entries",
    }  # fmt: skip
    if kind in bounds:
        return bounds[kind].format(**context)
    unit = next((unit for suffix, unit in _UNIT_OF_SUFFIX.items() if key.endswith(suffix)), "")
    return f"a number of {unit}, without the unit" if unit and kind.startswith(("int", "float")) else ""


def _hint(kind: str, value: Any, context: dict[str, Any], key: str) -> str:
    if kind == "literal_error" and isinstance(value, str):
        choices = [part.strip(" '") for part in context["expected"].replace(" or ", ", ").split(",")]
        near = get_close_matches(value, choices, n=1, cutoff=0.5)
        return f"{near[0]}?" if near else ""
    if kind == "string_type" and isinstance(value, bool):
        return "quote the text: YAML reads yes, no, on and off as true or false"
    if kind == "string_type" and not (is_mapping(value) or is_list(value)):
        return f'quote it: {key}: "{value}"'
    if kind == "string_pattern_mismatch" and key in _EXAMPLES:
        return _EXAMPLES[key]
    if kind == "string_pattern_mismatch" and key in ("name", "group"):
        slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in str(value).lower()).split())
        return slug.lstrip("0123456789-") if slug else ""
    return ""


_EXAMPLES = {
    "kms_key_arn": "arn:aws:kms:REGION:ACCOUNT:key/ID (of an alias: aws kms describe-key --key-id alias/NAME)",
    "execution_role_arn": "arn:aws:iam::ACCOUNT:role/NAME",
    "permissions_boundary": "arn:aws:iam::ACCOUNT:policy/NAME",
    "notify": "arn:aws:sns:REGION:ACCOUNT:NAME",
}  # fmt: skip


def _describe(path: Path_) -> str:
    examples = {"name": "name: churn", "model": "model: with artifact and framework", "artifact": "a path or s3:// URI",
                "framework": "xgboost, lightgbm, sklearn, onnx, pytorch, tensorflow or triton"}  # fmt: skip
    return examples.get(str(path[-1]), "")


def _shown(value: Any) -> str:
    if is_mapping(value):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
