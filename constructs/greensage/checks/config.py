"""greensage-checks.yaml: which rules, with which parameters, what fails, and what is accepted with a reason."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import CheckError
from .finding import Severity, family_of_rule
from .reading import parse, read_text
from .rule import Rule
from .rules import FAMILIES, all_rules

FILE_NAME = "greensage-checks.yaml"
# What is checked of our own model files (specs.py), beside the rules for templates.
MODEL_FILE_RULES = {
    "GS-SPC01": "Model files leave the kind of hosting to the planner",
    "GS-SPC02": "Model files leave the silicon to the planner",
    "GS-SPC03": "Model files let the model share an endpoint",
    "GS-SPC04": "Model files keep logs for weeks, not years",
}


class Suppression(BaseModel):
    """A finding that is accepted: by rule, file and resource (logical id or construct path), with globs; why, and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rule: str
    reason: str = Field(min_length=8)
    file: str = "*"
    resource: str = "*"
    until: date | None = None


class Selection(BaseModel):
    """Ids of rules, or of families: GS-SIL is all of silicon."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


class Config(BaseModel):
    """The whole file; every key may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rules: Selection = Selection()
    parameters: dict[str, dict[str, Any]] = {}
    fail_on: Severity | Literal["never"] = "low"
    region: str | None = Field(default=None, description="For figures, where a stack does not say one.")
    plugins: tuple[str, ...] = Field(default=(), description="Python files with rules of your own.")
    suppress: tuple[Suppression, ...] = ()


def read_config(path: Path | None) -> Config:
    """Return the configuration in `path`, or in greensage-checks.yaml here if there is one. Raises CheckError."""
    chosen = path or Path(FILE_NAME)
    if path is None and not chosen.exists():
        return Config()
    raw = parse(read_text(chosen, str(chosen)), str(chosen))
    try:
        return Config.model_validate({} if raw is None else raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckError(f"{chosen}: {where}: {first['msg'].lower()}{_hint(where)}") from None


def _hint(where: str) -> str:
    if where.endswith("reason"):
        return "; every suppression needs a reason of some words, for who reads it next"
    return ""


def selected(config: Config, more: Iterable[Rule] = ()) -> tuple[Rule, ...]:
    """Return the rules to run: greensage's, `more` and the plugins', without what the selection leaves out."""
    rules = (*all_rules(), *more, *(rule for file in config.plugins for rule in _of_plugin(Path(file))))
    # Of suppressions too: a misspelt rule would accept nothing, in silence.
    named = [row.rule for row in config.suppress]
    _check_ids(rules, (*config.rules.only, *config.rules.skip, *config.parameters, *named))
    return tuple(rule for rule in rules if _chosen(rule, config.rules))


def _chosen(rule: Rule, selection: Selection) -> bool:
    return is_chosen(rule.id, selection)


def is_chosen(name: str, selection: Selection) -> bool:
    """Return whether the rule called `name` is to run."""
    names = {name, family_of_rule(name)}
    return (not selection.only or bool(names & {*selection.only})) and not names & {*selection.skip}


def _check_ids(rules: Sequence[Rule], named: Iterable[str]) -> None:
    ids = [rule.id for rule in rules]
    double = sorted({name for name in ids if ids.count(name) > 1})
    if double:
        raise CheckError(f"two rules are called {double[0]}")
    known = {*ids, *FAMILIES, *(rule.family for rule in rules), *MODEL_FILE_RULES, "GS-SPC"}
    for name in named:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, sorted(known), n=1)
            raise CheckError(f"there is no rule {name}{f'; did you mean {near[0]}?' if near else ''} (greensage check --list)")


def _of_plugin(path: Path) -> list[Rule]:
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise CheckError(f"{path}: no Python file with rules")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is the user's: whatever it raises is theirs to mend
        raise CheckError(f"{path}: {type(error).__name__}: {error}") from None
    return [value for value in vars(module).values() if isinstance(value, Rule)]
