"""What remains of the findings when what is accepted, with a reason, is set aside; and what accepts nothing any more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from ..errors import CheckError
from ..narrow import is_list, is_mapping
from .assembly import Acknowledgement
from .config import Suppression
from .finding import Finding, Place, family_of_rule

PACK = "Greensage"
UNUSED = "GS-ACK01"
UNUSED_TITLE = "Acknowledgements and suppressions match something"
_COMMENT = re.compile(
    r"#\s*greensage:\s*ignore\s+(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)(?:\s+until\s+(?P<until>\S+?))?(?:\s*(?::|--)\s+(?P<reason>.*\S))?\s*$"
)


@dataclass
class Accepted:
    """One acceptance, from wherever: `construct` limits it to a part of the tree, `file` and `resource` are globs."""

    rule: str
    reason: str
    source: str
    file: str = "*"
    resource: str = "*"
    construct: str | None = None
    until: date | None = None
    used: bool = False
    place: Place | None = None

    def matches(self, finding: Finding) -> bool:
        """Return whether it is about `finding`."""
        if self.rule not in (finding.rule, family_of_rule(finding.rule)):
            return False
        if self.construct is not None:
            # The app itself has the empty path, and everything is below it.
            path = finding.place.construct or ""
            return path == self.construct or path.startswith(f"{self.construct}/") or not self.construct
        names = (finding.place.resource, finding.place.construct or "")
        return fnmatchcase(finding.place.file, self.file) and any(fnmatchcase(name, self.resource) for name in names)


@dataclass
class Reviewed:
    """The findings that count, those that were accepted (with why), and the unknown ones."""

    findings: list[Finding] = field(default_factory=list[Finding])
    accepted: list[tuple[Finding, str]] = field(default_factory=list[tuple[Finding, str]])
    unknown: list[Finding] = field(default_factory=list[Finding])


def review(
    findings: Iterable[Finding],
    accepted: Sequence[Accepted],
    *,
    today: date,
    active: frozenset[str] = frozenset(),
    baseline: frozenset[str] = frozenset(),
) -> Reviewed:
    """Sort `findings`. An acceptance that has expired gives its finding back; one of a rule that ran (`active`) and that
    matches nothing is a finding itself.
    """
    found = Reviewed()
    for original in findings:
        reason, finding = _accepted(original, accepted, today)
        if reason is None and finding.fingerprint in baseline:
            reason = "in the baseline"
        if reason is not None:
            found.accepted.append((finding, reason))
        elif finding.status == "unknown":
            found.unknown.append(finding)
        else:
            found.findings.append(finding)
    families = {family_of_rule(name) for name in active}
    found.findings += [_unused(item) for item in accepted if not item.used and item.rule in active | families]
    return found


def _accepted(finding: Finding, accepted: Sequence[Accepted], today: date) -> tuple[str | None, Finding]:
    """Why a finding is accepted, or None and the finding, which says so where it was accepted until a day that has passed."""
    for item in accepted:
        if item.matches(finding):
            item.used = True
            if item.until is None or item.until >= today:
                return item.reason, finding
            # Go on with this one: another acceptance may still hold.
            finding = finding._replace(
                message=f"{finding.message} (accepted until {item.until}, which has passed: {item.reason})"
            )
    return None, finding


def _unused(item: Accepted) -> Finding:
    place = item.place or Place(item.source, "", item.resource if item.resource != "*" else "", "", item.construct)
    return Finding(
        UNUSED,
        UNUSED_TITLE,
        place,
        f"{item.source} accepts {item.rule}, and nothing there breaks it: remove it",
        (),
        "fail",
        "low",
    )


def of_config(rows: Iterable[Suppression], source: str) -> Iterator[Accepted]:
    """Yield the acceptances of a configuration file."""
    for row in rows:
        yield Accepted(
            row.rule,
            row.reason,
            source,
            row.file,
            row.resource,
            None,
            row.until,
            place=Place(source, "", row.resource if row.resource != "*" else ""),
        )


def of_app(rows: Iterable[Acknowledgement], ids: frozenset[str], template: str) -> Iterator[Accepted | Finding]:
    """Yield what an app acknowledged of the rules `ids`; a Finding for an id without the pack's prefix, which matches nothing."""
    families: set[str] = set()
    for row in rows:
        families = families or {family_of_rule(item) for item in ids}
        prefix, _, name = row.id.rpartition("::")
        place = Place(template, "", "", "", row.construct)
        ours = name in ids or name in families
        if prefix == PACK and ours:
            yield Accepted(name, row.reason, "an acknowledgement", construct=row.construct, place=place)
        elif prefix == PACK or ours:
            right = f"{PACK}::{name}" if ours else f"{PACK}:: and the id of a rule"
            yield Finding(
                UNUSED,
                UNUSED_TITLE,
                place,
                # The CDK puts this namespace before an id that has none.
                f"acknowledges {row.id.removeprefix('Annotation::')}, which matches nothing: write {right}",
                (),
                "fail",
                "low",
            )


def of_metadata(file: str, raw: object) -> Iterator[Accepted]:
    """Yield what the Metadata of resources accept: `greensage: {suppress: [{rule, reason, until}]}`. Raises CheckError."""
    resources = raw.get("Resources") if is_mapping(raw) else None
    for name, row in (resources if is_mapping(resources) else {}).items():
        metadata = row.get("Metadata") if is_mapping(row) else None
        own = metadata.get("greensage") if is_mapping(metadata) else None
        items: Any = own.get("suppress") if is_mapping(own) else None
        for item in items if is_list(items) else []:
            try:
                given = Suppression.model_validate(item)
            except ValueError:
                raise CheckError(
                    f"{file}: {name}: Metadata.greensage.suppress needs rule and reason, and may have until"
                ) from None
            yield Accepted(
                given.rule, given.reason, file, _literal(file), _literal(name), None, given.until, place=Place(file, "", name)
            )


def of_comments(file: str, text: str) -> Iterator[Accepted]:
    """Yield what comments accept: `# greensage: ignore GS-RET01 until 2027-01-31: why`. Raises CheckError without a reason."""
    if "greensage:" not in text:
        return
    from .positions import Positions

    positions: Positions | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if "greensage: ignore" not in re.sub(r"\s+", " ", line) or "#" not in line:
            continue
        match = _COMMENT.search(line)
        # What is meant as an acceptance and cannot be read is an error: overlooked, it would seem to hold.
        if match is None or not match["reason"]:
            raise CheckError(f"{file}:{number}: needs a reason: # greensage: ignore GS-RET01: why, or … until 2027-01-31: why")
        positions = positions or Positions(text)
        resource = positions.resource_at(number)
        until = _date(match["until"], f"{file}:{number}")
        for rule in re.split(r"\s*,\s*", match["rules"]):
            yield Accepted(
                rule,
                match["reason"],
                f"{file}:{number}",
                _literal(file),
                _literal(resource or ""),
                None,
                until,
                place=Place(file, "", resource or ""),
            )


def _date(text: str | None, where: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CheckError(f"{where}: {text} is no date: until 2027-01-31") from None


def _literal(text: str) -> str:
    """A name in which nothing is a glob."""
    return re.sub(r"([*?\[])", r"[\1]", text)
