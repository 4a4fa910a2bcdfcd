"""The checks as a plugin of the CDK's validation, beside cdk-nag's packs: `Validations.of(app).add_plugins(…)`."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import jsii
from aws_cdk import (
    Acknowledgment,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    Validations,
)

from constructs import IConstruct

from ..narrow import is_mapping
from .assembly import Acknowledgement, StackFile, stacks_of
from .config import Config, Selection, read_config, selected
from .engine import Engine
from .finding import SEVERITIES, Finding, Severity, family_of_rule
from .labels import saving_label
from .pages import advice, page
from .reading import read_template
from .review import PACK, UNUSED, Accepted, of_app, of_config, of_metadata, review
from .rule import Parameters, Rule
from .run import as_template, today
from .template import Template


@jsii.implements(IPolicyValidationPlugin)
class SustainabilityChecks:
    """Checks every stack, nested stack and stage of an app when it is synthesized; one call from the CDK for all of them.

    Parameters
    ----------
    only, skip:
        Ids of rules (`GS-RET01`) or of families (`GS-RET`); default: all, and none.
    parameters:
        Per rule: `{"GS-RET02": {"max_days": 90}}`; `greensage check --explain RULE` names them. Default: as each rule says.
    errors_from:
        Findings of this severity or worse fail the synthesis, the others are warnings: high (the default), medium, low
        or never.
    rules:
        Rules of your own, made with `@rule`; default: none.
    region:
        The Region of stacks that name none, for figures; default: the one of catalog/data/checks.json.
    config:
        A greensage-checks.yaml, shared with the command line; what is given here is added to it.
        Default: none.

    Raises CheckError for a rule or a parameter that does not exist.

    Example::

        Validations.of(app).add_plugins(AwsSolutionsChecks(app), SustainabilityChecks(skip=["GS-MON"]))
        SustainabilityChecks.acknowledge(bucket, "GS-ART02", reason="the law wants these kept")
    """

    def __init__(
        self,
        *,
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        parameters: Mapping[str, Parameters] | None = None,
        errors_from: Severity | Literal["never"] = "high",
        rules: Sequence[Rule] = (),
        region: str | None = None,
        config: str | os.PathLike[str] | None = None,
    ) -> None:
        base = read_config(Path(config)) if config is not None else Config()
        self._config = base.model_copy(
            update={
                "rules": Selection(only=(*base.rules.only, *only), skip=(*base.rules.skip, *skip)),
                "parameters": {**base.parameters, **(parameters or {})},
                "region": region or base.region,
            }
        )
        self._source = str(config or "")
        self._errors = (
            frozenset[str]() if errors_from == "never" else frozenset[str](SEVERITIES[: SEVERITIES.index(errors_from) + 1])
        )
        # Skipped rules are known too: to accept what one of them found is no mistake.
        everything = selected(self._config.model_copy(update={"rules": Selection()}), rules)
        self._known = frozenset(rule.id for rule in everything)
        self._engine = Engine(selected(self._config, rules), self._config.parameters)

    @property
    def name(self) -> str:
        """The pack's name, which prefixes the ids of acknowledgements: Greensage::GS-RET01."""
        return PACK

    @property
    def version(self) -> str:
        """greensage's version."""
        from .. import __version__

        return __version__

    @property
    def rule_ids(self) -> list[str]:
        """The rules that run."""
        return [rule.id for rule in self._engine.rules]

    @staticmethod
    def acknowledge(construct: IConstruct, rule: str, *, reason: str) -> None:
        """Accept what `rule` finds on `construct` and below, and say why; the id gets the prefix that the CDK matches by."""
        Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{rule.removeprefix(f'{PACK}::')}", reason=reason))

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Check the templates of `context`; the CDK calls it, and sets aside what was acknowledged."""
        # Paths alone come across in one message; Regions and construct paths stand in the assembly.
        stacks = frozenset(map(os.path.abspath, context.template_paths))
        run = _Run(self._engine, self._known, self._config)
        with _collector_paused():
            # All at once: what the templates accept is known only after the last one was read.
            found = list(self._engine.run(run.templates(stacks)))
        run.acknowledged(_of_app(context.app_construct))
        accepted = [*of_config(self._config.suppress, self._source), *run.accepted]
        # The CDK suppresses what the app acknowledged: here those only tell which of them match nothing.
        for item in run.acknowledgements:
            item.used = any(item.matches(finding) for finding in found)
        reviewed = review(found, accepted, today=today(), active=frozenset(self.rule_ids))
        unused = review([], run.acknowledgements, today=today(), active=frozenset(self.rule_ids)).findings
        violations = list(self._violations([*reviewed.findings, *run.wrong, *unused], run.files))
        return PolicyValidationPluginReport(
            success=all(item["severity"] != "error" for item in violations),
            violations=violations,
            plugin_version=self.version,
            metadata={"unknown": str(len(reviewed.unknown)), "accepted": str(len(reviewed.accepted))},
        )

    def _violations(self, findings: Iterable[Finding], files: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
        """One PolicyViolation per rule and words, with all the resources that they are about.

        They are made as they go over to Node: the CDK's classes would check the type of each value, a third of the run.
        """
        groups: dict[tuple[str, str, Any], list[Finding]] = {}
        for item in findings:
            # Equal savings are one object, so their identity is as good, and cheaper.
            groups.setdefault((item.rule, item.message, id(item.saves)), []).append(item)
        rules = {rule.id: rule for rule in self._engine.rules}
        for (name, message, _), rows in groups.items():
            first = rows[0]
            saved = f"; fixing it saves {saving_label(first.saves)}" if first.saves else ""
            level = "error" if first.severity in self._errors else "warning"
            words = f"{first.title}: {message}{saved}"
            yield {
                "ruleName": name,
                "description": words,
                "severity": level,
                "fix": _fix(name, rules),
                "violatingResources": [_resource(item, files) for item in rows],
            }


@contextmanager
def _collector_paused() -> Generator[None, None, None]:
    """The cyclic collector would walk the whole app of the CDK's again and again; templates let go of themselves."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Run:
    """One validation: which templates there are, and what they acknowledge."""

    def __init__(self, engine: Engine, known: frozenset[str], config: Config) -> None:
        self._active = frozenset(rule.id for rule in engine.rules)
        self._known = known
        self._config = config
        self.files: dict[str, Path] = {}
        self.accepted: list[Accepted] = []
        self.acknowledgements: list[Accepted] = []
        self.wrong: list[Finding] = []

    def templates(self, stacks: frozenset[str]) -> Iterator[Template]:
        """Yield the templates in the files `stacks`, and their nested stacks', one at a time."""
        folders = {os.path.dirname(path) for path in stacks}
        # Stages lie in folders inside the app's: reading the outermost one finds them too.
        tops = [path for path in folders if not any(path != other and path.startswith(f"{other}{os.sep}") for other in folders)]
        for folder in sorted(tops):
            wanted = ""
            for stack in stacks_of(Path(folder)):
                # A stack comes before those nested in it, so the last one asked for is their parent.
                if os.path.abspath(stack.path) in stacks:
                    wanted = stack.construct
                if wanted and f"{stack.construct}/".startswith(f"{wanted}/"):
                    yield self._template(stack, Path(folder))

    def _template(self, stack: StackFile, folder: Path) -> Template:
        shown = str(stack.path.relative_to(folder))
        raw = read_template(stack.path, shown, may_be_empty=True)
        self.files[shown] = Path(os.path.abspath(stack.path))
        self.accepted += of_metadata(shown, raw)
        self.acknowledged(stack.acknowledgements, shown)
        return as_template(raw, shown, stack, self._config.region)

    def acknowledged(self, rows: Iterable[Acknowledgement], shown: str = "") -> None:
        """Sort what the app acknowledged into what is of ours, and what can match nothing."""
        for item in of_app(rows, self._known, shown):
            if isinstance(item, Finding):
                self.wrong.append(item)
            elif item.rule in self._active or item.rule in {family_of_rule(name) for name in self._active}:
                self.acknowledgements.append(item)


def _of_app(app: Any) -> Iterator[Acknowledgement]:
    """What the app itself acknowledges stands in no stack's metadata."""
    for entry in app.node.metadata:
        if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY and is_mapping(entry.data):
            for name, reason in entry.data.items():
                yield Acknowledgement(str(name), str(reason), "")


def _resource(item: Finding, files: Mapping[str, Path]) -> dict[str, Any]:
    """A PolicyViolatingResource."""
    at = [".".join(map(str, item.path))] if item.path else []
    if item.place.construct is not None:
        return {"locations": at, "constructPath": item.place.construct}
    file = {"templatePath": str(files[item.place.file])} if item.place.file in files else {}
    return {"locations": at, **({"resourceLogicalId": item.place.resource} if item.place.resource else {}), **file}


def _fix(name: str, rules: Mapping[str, Rule]) -> str:
    found = page(rules[name]) if name in rules else None
    if name == UNUSED:
        return "remove it, or write the id with its prefix: SustainabilityChecks.acknowledge does"
    if found is None:
        return "see where the rule comes from"
    return f"greensage check --explain {name} shows how, with the CDK; {advice(found.sources[0])[1]}"
