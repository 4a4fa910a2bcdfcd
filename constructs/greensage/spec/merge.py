"""What model files share: `_defaults.yaml` beside them, and their `environments`, merged with where each value came from.

The order, the later wins: `_defaults.yaml`, its environment, the model file, the model file's environment. Mappings are
merged key by key; lists and single values are replaced; `hosting` of another kind is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from ..errors import Problem, SpecError
from ..narrow import is_mapping
from .source import Located, Path_, read_yaml

DEFAULTS_FILE = "_defaults.yaml"
ENVIRONMENTS = "environments"
# What says which model it is cannot be shared.
_OWN = ("name", "environments")


def shared_settings(folder: Path, shown_as: str) -> Located | None:
    """Return what `_defaults.yaml` in `folder` says; None where there is none. Raises SpecError."""
    file = folder / DEFAULTS_FILE
    if not file.is_file():
        return None
    found = read_yaml(file, shown_as, may_be_empty=True)
    if "name" in found.content:
        raise SpecError([found.problem(("name",), "each model has a name of its own", at_key=True, hint="take the key out")])
    return found


def merged(own: Located, shared: Located | None, environment: str | None) -> Located:
    """Return one file's content with what it shares, for one environment or for none.

    Raises SpecError where `environments` is no mapping of mappings.
    """
    layers: list[tuple[Located, Path_]] = []
    problems: list[Problem] = []
    for source in (shared, own):
        if source is None:
            continue
        layers.append((source, ()))
        problems += _shape_problems(source)
        if not problems and environment is not None and environment in source.content.get(ENVIRONMENTS, {}):
            layers.append((source, (ENVIRONMENTS, environment)))
    if problems:
        raise SpecError(problems)
    if len(layers) == 1 and ENVIRONMENTS not in own.content:
        return own
    result = Located(own.file, {}, {(): own.values.get((), (1, 1))}, {(): own.values.get((), (1, 1))})
    for source, at in layers:
        _lay(result, source, at)
    return result


def environments_of(files: Iterable[Located]) -> set[str]:
    """Return the environments that the files name."""
    return {str(name) for file in files if is_mapping(file.content.get(ENVIRONMENTS)) for name in file.content[ENVIRONMENTS]}


def check_environment(environment: str | None, known: set[str], place: str) -> None:
    """Raise SpecError when no file knows the environment that was asked for."""
    if environment is None or environment in known:
        return
    near = get_close_matches(environment, sorted(known), n=1, cutoff=0.5)
    message = f"no model file has an environment called {environment!r}"
    allowed = ", ".join(sorted(known)) or "none: there is no `environments` in any file"
    raise SpecError([Problem(place, 1, 1, ENVIRONMENTS, message, environment, allowed, f"{near[0]}?" if near else "")])


def _shape_problems(source: Located) -> Iterator[Problem]:
    given = source.content.get(ENVIRONMENTS, {})
    if not is_mapping(given):
        yield source.problem((ENVIRONMENTS,), "a mapping of names to settings is needed", hint="environments: {prod: {...}}")
        return
    for name, content in given.items():
        if not is_mapping(content):
            yield source.problem((ENVIRONMENTS, name), "a mapping of keys to values is needed")
            continue
        for key in sorted(_OWN & content.keys()):
            yield source.problem((ENVIRONMENTS, name, key), "is the same in every environment", at_key=True, hint="take it out")


def _lay(result: Located, source: Located, at: Path_) -> None:
    """Lay the part of `source` at `at` over what is there, with its positions."""
    content: Any = source.content
    for part in at:
        content = content[part]
    label = f"{source.file}, environment {at[1]}" if at else source.file
    rows = {key: value for key, value in content.items() if at or key != ENVIRONMENTS}
    _merge(result, source, cast(dict[str, Any], result.content), rows, at, (), label)


def _merge(
    result: Located, source: Located, into: dict[str, Any], rows: dict[str, Any], at: Path_, path: Path_, label: str
) -> None:
    for key, value in rows.items():
        here = (*path, key)
        old = into.get(key)
        if is_mapping(value) and is_mapping(old) and not (here == ("hosting",) and _another_kind(old, value)):
            result.keys[here], result.values[here] = source.keys[(*at, *here)], source.values[(*at, *here)]
            result.files[here], result.origins[here] = source.file, label
            _merge(result, source, old, value, at, here, label)
            continue
        for table in (result.keys, result.values, result.files, result.origins):
            for below in [place for place in table if place[: len(here)] == here]:
                del table[below]
        into[key] = _copied(value)
        for table, positions in ((result.keys, source.keys), (result.values, source.values)):
            whole = (*at, *here)
            table.update({place[len(at) :]: where for place, where in positions.items() if place[: len(whole)] == whole})
        for place in [place for place in result.values if place[: len(here)] == here]:
            result.files[place], result.origins[place] = source.file, label


def _another_kind(old: Any, new: Any) -> bool:
    return "kind" in new and new["kind"] != old.get("kind")


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if is_mapping(value) else value
