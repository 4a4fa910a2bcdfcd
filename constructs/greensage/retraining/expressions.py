"""Texts that are known only while a retraining runs: written once, and rendered for each engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..narrow import is_list, is_mapping


class Ref(Enum):
    """A value of the running retraining; what it is in the state machine."""

    NAME = "$.name"
    NUMBER = "$.number"
    ATTEMPT = "$.place.attempt"
    INSTANCE_TYPE = "$.place.candidate.type"
    CHAMPION = "$.prepared.champion"
    ARTIFACT = "$.artifact"


@dataclass(frozen=True)
class Text:
    """Strings and references, to be put together."""

    parts: tuple[str | Ref, ...]

    @classmethod
    def of(cls, *parts: str | Ref) -> Text:
        """Return the text of `parts`."""
        return cls(parts)


def for_states(request: Any) -> Any:
    """Return a request with its texts in Amazon States Language: keys that end in .$, and States.Format."""
    if is_mapping(request):
        return dict(_entry(key, value) for key, value in request.items())
    return [for_states(item) for item in request] if is_list(request) else request


def _entry(key: str, value: Any) -> tuple[str, Any]:
    if not isinstance(value, Text):
        return key, for_states(value)
    references = [part.value for part in value.parts if isinstance(part, Ref)]
    if len(value.parts) == 1 and references:
        return f"{key}.$", references[0]
    text = "".join("{}" if isinstance(part, Ref) else part for part in value.parts)
    return f"{key}.$", f"States.Format('{text}', {', '.join(references)})"


def for_pipelines(request: Any, known: Mapping[Ref, Any], join: Callable[[list[Any]], Any]) -> Any:
    """Return a request with its texts as `join` makes them of strings and of what stands for the references."""
    if is_mapping(request):
        return {key: for_pipelines(value, known, join) for key, value in request.items()}
    if is_list(request):
        return [for_pipelines(item, known, join) for item in request]
    if not isinstance(request, Text):
        return request
    parts = [known[part] if isinstance(part, Ref) else part for part in request.parts]
    return parts[0] if len(parts) == 1 else join(parts)
