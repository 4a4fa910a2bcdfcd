"""Runs rules over the templates of an app. Templates are dropped one by one; only findings and small facts are kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalog.checks import severity_grams
from .finding import Fail, Finding, Place, Severity
from .rule import Parameters, Rule
from .template import Resource, Template
from .values import Scope, Undecided, Unresolved

# Conditions of one resource that are tried out both ways: more than any template we have seen needs.
_MOST_CONDITIONS = 6
# What a template may raise whose values are of another shape than CloudFormation documents.
_SHAPE_ERRORS = (TypeError, AttributeError, KeyError, IndexError, ValueError, RecursionError)


@dataclass(frozen=True)
class _Unknown:
    reason: str


_Verdict = list[Fail] | _Unknown


@dataclass
class Engine:
    """A selection of rules with their parameters. `strict` lets a rule's own mistakes through, for tests of rules."""

    rules: Sequence[Rule]
    parameters: Mapping[str, Parameters] = field(default_factory=dict[str, Parameters])
    strict: bool = False

    def __post_init__(self) -> None:
        self._arguments = {item.id: item.with_parameters(dict(self.parameters.get(item.id, {}))) for item in self.rules}
        self._by_type: dict[str, list[Rule]] = {}
        for item in self.rules:
            for name in item.types:
                self._by_type.setdefault(name, []).append(item)
        self.ids = frozenset(item.id for item in self.rules)
        self._of_apps = [item for item in self.rules if item.collect]

    def run(self, templates: Iterable[Template]) -> Iterator[Finding]:
        """Yield the findings of one app, template by template, and what concerns the app as a whole last."""
        facts: dict[str, list[Any]] = {item.id: [] for item in self._of_apps}
        for template in templates:
            for resource in template.resources.values():
                if not _never_made(resource):
                    for item in self._by_type.get(resource.type, ()):
                        yield from self._findings(item, resource)
            for item in self._of_apps:
                yield from self._collected(item, template, facts[item.id])
            template.let_go()
        for item in self._of_apps:
            for place, fail in item.check(facts[item.id], **self._arguments[item.id]):
                yield _finding(item, place, fail)

    def _collected(self, item: Rule, template: Template, facts: list[Any]) -> Iterator[Finding]:
        """Add what a rule of apps wants to know of a template to `facts`; yield a finding where only the deployment knows."""
        assert item.collect is not None
        try:
            facts.extend(item.collect(template))
        except Unresolved as unresolved:
            yield _unknown(item, template, str(unresolved))
        except Undecided as undecided:
            yield _unknown(item, template, f"depends on the condition {undecided.condition}")
        except _SHAPE_ERRORS as error:
            if self.strict:
                raise
            yield _unknown(item, template, f"a value has another shape than CloudFormation documents ({error})")

    def _findings(self, item: Rule, resource: Resource) -> list[Finding]:
        scope = resource.template.scope
        # What an earlier rule looked at is no part of what this one says.
        scope.defaults_used.clear()
        verdict = self._verdict(item, resource, scope)
        if isinstance(verdict, _Unknown):
            return [Finding(item.id, item.title, resource.place, verdict.reason, resource.path, "unknown", "low")]
        if not verdict:
            return []
        said = _said(scope.defaults_used)
        return [_finding(item, resource.place, fail, said) for fail in verdict]

    def _verdict(self, item: Rule, resource: Resource, scope: Scope) -> _Verdict:
        arguments = self._arguments[item.id]
        try:
            found = item.check(resource, **arguments) if arguments else item.check(resource)
            # Most rules are generators, which raise only while they are gone through: here, inside the try.
            return [] if found is None else [fail for fail in ([found] if isinstance(found, Fail) else found) if _saves(fail)]
        except Unresolved as unresolved:
            return _Unknown(str(unresolved))
        except Undecided as undecided:
            return self._both_ways(item, resource, scope, undecided.condition)
        except _SHAPE_ERRORS as error:
            if self.strict:
                raise
            return _Unknown(f"a value has another shape than CloudFormation documents ({error})")

    def _both_ways(self, item: Rule, resource: Resource, scope: Scope, condition: str) -> _Verdict:
        if len(scope.world) >= _MOST_CONDITIONS:
            return _Unknown("depends on too many conditions")
        found: dict[bool, _Verdict] = {}
        for holds in (True, False):
            scope.world[condition] = holds
            try:
                # A second condition, met in here, is tried both ways inside this one.
                found[holds] = self._verdict(item, resource, scope)
            finally:
                del scope.world[condition]
        return _combined(condition, found)


def _combined(condition: str, found: dict[bool, _Verdict]) -> _Verdict:
    yes, no = found[True], found[False]
    if isinstance(yes, _Unknown):
        return yes
    if isinstance(no, _Unknown):
        return no
    if {fail.message for fail in yes} == {fail.message for fail in no}:
        return yes
    case, fails = ("true", yes) if yes and not no else ("false", no) if no and not yes else ("", yes)
    if not case:
        return _Unknown(f"fails in different ways, as the condition {condition} decides")
    return _Unknown(f"fails where the condition {condition} is {case}: {fails[0].message}")


def _unknown(item: Rule, template: Template, reason: str) -> Finding:
    place = Place(template.file, template.name, construct=template.stack_path)
    return Finding(item.id, item.title, place, reason, (), "unknown", "low")


def _never_made(resource: Resource) -> bool:
    name = resource.attributes.get("Condition")
    if not isinstance(name, str):
        return False
    try:
        return not resource.template.scope.condition(name)
    except Undecided:
        return False


def _saves(fail: Fail) -> bool:
    """What our own figures say would emit more is no finding."""
    # NaN, a figure that nobody has, is not below zero: the finding stays.
    return fail.saves is None or not fail.saves.carbon_g.mid < 0


def _said(parameters: set[str]) -> str:
    if not parameters:
        return ""
    names = ", ".join(sorted(parameters))
    return f" (with the default of the parameter{'s' if len(parameters) > 1 else ''} {names})"


def _finding(item: Rule, place: Place, fail: Fail, said: str = "") -> Finding:
    severity = item.severity or _severity(fail)
    return Finding(item.id, item.title, place, fail.message + said, fail.path, "fail", severity, fail.saves, fail.fix)


def _severity(fail: Fail) -> Severity:
    """By the middle of the carbon it costs; what has no figure is low."""
    grams = fail.saves.carbon_g.mid if fail.saves else math.nan
    high, medium = severity_grams()
    return "high" if grams >= high else "medium" if grams >= medium else "low"
