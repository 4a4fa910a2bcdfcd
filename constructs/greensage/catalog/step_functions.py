"""Which fields Step Functions' optimized integration with SageMaker is known to take, for those who use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..narrow import is_list, is_mapping
from ._data import load


def unsupported(kind: str, request: Mapping[str, Any]) -> list[str]:
    """Return the fields of a CreateXJob request that nobody is known to send through `createXJob`, each as a path."""
    row = load("step_functions")["jobs"].get(kind)
    return [] if row is None else list(_unknown(request, row["fields"], ""))


def _unknown(value: Any, known: Mapping[str, Any], path: str) -> Iterator[str]:
    if is_list(value):
        for item in value:
            yield from _unknown(item, known, path)
    elif is_mapping(value) and known:  # without known fields, the keys are the user's own
        for key, inner in value.items():
            if key not in known:
                yield f"{path}{key}"
            else:
                yield from _unknown(inner, known[key], f"{path}{key}.")
