"""Checks what lies under some paths, one app at a time; what cannot be read is a problem, and the rest is still checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from ..errors import CheckError, ProblemsError
from .assembly import Acknowledgement, StackFile, stacks_of
from .config import Config, Selection, is_chosen, selected
from .discover import Source, discover
from .engine import Engine
from .finding import SEVERITIES, Finding, Severity
from .foreach import Written
from .positions import Positions
from .reading import NoTemplateError, read_template, read_text
from .review import Accepted, Reviewed, of_app, of_comments, of_config, of_metadata, review
from .rule import Rule
from .sam import as_cloudformation
from .template import Template


@dataclass
class Report(Reviewed):
    """All there is to say: findings, what was accepted, what is unknown, and the files that could not be checked.

    `notes` are what was passed by, for whom it may matter; `origins` the places of resources that loops made.
    """

    rules: tuple[Rule, ...] = ()
    problems: list[str] = field(default_factory=list[str])
    files: dict[str, Path] = field(default_factory=dict[str, Path])
    resources: int = 0
    notes: list[str] = field(default_factory=list[str])
    origins: dict[tuple[str, str], tuple[str | int, ...]] = field(default_factory=dict[tuple[str, str], tuple[str | int, ...]])

    def failing(self, fail_on: Severity | str) -> list[Finding]:
        """Return the findings of at least that severity; none for `never`."""
        if fail_on == "never":
            return []
        worst = SEVERITIES.index(fail_on)  # pyright: ignore[reportArgumentType]
        return [item for item in self.findings if SEVERITIES.index(item.severity) <= worst]

    def line_column(self, finding: Finding) -> tuple[int, int] | None:
        """Return where a finding stands in its file, from 1; None where it is in no file."""
        positions = self._positions(finding.place.file)
        if positions is None:
            return None
        name = finding.place.resource
        made = self.origins.get((finding.place.file, name), ("Resources", name)) if name else ()
        path = (*made, *finding.path)
        return positions.of(path)

    def _positions(self, file: str) -> Positions | None:
        if file not in self.files:
            return None
        if file not in self._known:
            try:
                self._known[file] = Positions(read_text(self.files[file], file))
            except RecursionError:
                self._known[file] = None
        return self._known[file]

    @cached_property
    def _known(self) -> dict[str, Positions | None]:
        return {}


def check(
    paths: Sequence[Path],
    rules: Sequence[Rule],
    config: Config,
    *,
    config_file: str = "the configuration",
    baseline: frozenset[str] = frozenset(),
    progress: Callable[[str], None] = lambda shown: None,
    others: bool = True,
    may_be_empty: bool = False,
) -> Report:
    """Check everything under `paths`. Without `others`, files that were named and are no templates are passed by.

    Where nothing is checked at all, that is a problem, unless it `may_be_empty`.

    Raises CheckError for a path that is not there, or a configuration that is wrong.
    """
    report = Report(rules=tuple(rules))
    engine = Engine(rules, config.parameters)
    tools: dict[str, list[str]] = {}
    sources = [source for path in paths for source in discover(path, report.problems, tools, others=others)]
    report.notes += [_of_tool(what, files) for what, files in tools.items()]
    found: list[Finding] = []
    accepted = list(of_config(config.suppress, config_file))
    known = frozenset(rule.id for rule in selected(config.model_copy(update={"rules": Selection()})))
    for source in sources:
        progress(source.shown)
        one = _Checked(report, engine, config, known)
        try:
            one.run(source)
        except CheckError as error:
            report.problems.append(str(error))
        except ProblemsError as error:
            report.problems.extend(problem.render().splitlines()[0] for problem in error.problems)
        found += one.findings
        accepted += one.accepted
    if others and not may_be_empty and not (report.resources or report.problems or _specs(sources)):
        where = ", ".join(str(path) for path in paths)
        report.problems.append(
            f"{where}: nothing was checked: no resource of a template is there (--allow-empty says so is right)"
        )
    # After the last source: an acceptance is unused only if no file had a use for it.
    fill(report, review(found, accepted, today=today(), active=engine.ids, baseline=baseline))
    return report


def _specs(sources: Sequence[Source]) -> bool:
    return any(source.kind == "spec" for source in sources)


def _of_tool(what: str, files: list[str]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}: {what}"


def today() -> date:
    """Return the day by which suppressions expire."""
    return datetime.now(UTC).date()


def fill(report: Report, reviewed: Reviewed) -> None:
    """Put what was reviewed into `report`, by file and worst first."""
    order = {severity: index for index, severity in enumerate(SEVERITIES)}
    report.findings = sorted(reviewed.findings, key=lambda item: (item.place.file, order[item.severity], item.rule))
    report.accepted, report.unknown = reviewed.accepted, reviewed.unknown


@dataclass
class _Checked:
    """One source being checked: what was found before an error stays found."""

    report: Report
    engine: Engine
    config: Config
    known: frozenset[str]
    findings: list[Finding] = field(default_factory=list[Finding])
    accepted: list[Accepted] = field(default_factory=list[Accepted])

    def run(self, source: Source) -> None:
        if source.kind == "spec":
            from .specs import check_spec

            self.report.files[source.shown] = source.path
            found = check_spec(source.path, source.shown, self.config.region)
            self.findings += [item for item in found if is_chosen(item.rule, self.config.rules)]
            self.accepted += of_comments(source.shown, read_text(source.path, source.shown))
            return
        for finding in self.engine.run(self._templates(source)):
            self.findings.append(finding)

    def _templates(self, source: Source) -> Iterator[Template]:
        if source.kind == "template":
            try:
                yield self._read(source.path, source.shown)
            except NoTemplateError:
                # A folder holds other files that speak of resources, for instance events of macros.
                if source.sure:
                    raise
            return
        for stack in stacks_of(source.path, source.shown):
            shown = str(Path(source.shown) / stack.path.relative_to(source.path))
            try:
                template = self._read(stack.path, shown, stack)
            except CheckError as error:
                self.report.problems.append(str(error))
                continue
            self._acknowledged(stack.acknowledgements, shown)
            yield template

    def _read(self, path: Path, shown: str, stack: StackFile | None = None) -> Template:
        raw = read_template(path, shown, may_be_empty=stack is not None)
        self.report.files[shown] = path
        template = as_template(raw, shown, stack, self.config.region)
        self.report.notes += [f"{shown}: {text}; what it makes is not checked" for text in template.unknown_loops]
        self.report.origins |= {(shown, name): place for name, place in template.origins.items()}
        self.report.resources += len(template.resources)
        self.accepted += of_metadata(shown, raw)
        if path.suffix != ".json":
            self.accepted += of_comments(shown, read_text(path, shown))
        return template

    def _acknowledged(self, rows: Iterable[Acknowledgement], shown: str) -> None:
        for item in of_app(rows, self.known, shown):
            if isinstance(item, Finding):
                self.findings.append(item)
            else:
                self.accepted.append(item)


def as_template(raw: dict[str, object], shown: str, stack: StackFile | None, region: str | None) -> Template:
    """Return what rules look at, loops written out and SAM's functions as CloudFormation's; with the names of its stack if there
    is one, else of its file."""
    loops = Written(raw)
    plain = as_cloudformation(loops.raw)
    if stack is None:
        made = Template(shown, Path(shown).stem, plain, region)
    else:
        made = Template(shown, stack.name, plain, stack.region or region, stack.paths, stack.construct, stack.name, stack.tagged)
    made.origins, made.unknown_loops = loops.origins, loops.unknown
    return made
