"""What a check finds, and where. Named tuples: a large app has thousands of them, and they are cheap to make."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from .impact import Impact

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
Path = tuple[str | int, ...]


def family_of_rule(name: str) -> str:
    """Return the part of a rule's id that tells its family: GS-SIL of GS-SIL01."""
    return name.rstrip("0123456789")


class Place(NamedTuple):
    """A resource in a template, or (with an empty `resource`) the template itself. `construct` is the CDK's path."""

    file: str
    stack: str
    resource: str = ""
    type: str = ""
    construct: str | None = None


class Fail(NamedTuple):
    """What a rule yields: the words, the property they are about, and what fixing it would save in a month.

    `fix` is the value to set at `path` where that alone fixes it, else None.
    """

    message: str
    path: Path = ()
    saves: Impact | None = None
    fix: Any = None


class Finding(NamedTuple):
    """A rule that a resource breaks (`fail`), or that only the deployment can decide (`unknown`)."""

    rule: str
    title: str
    place: Place
    message: str
    path: Path
    status: Literal["fail", "unknown"]
    severity: Severity
    saves: Impact | None = None
    fix: Any = None

    @property
    def fingerprint(self) -> str:
        """What identifies it from run to run: everything but lines and figures."""
        where = self.place.construct or self.place.resource or self.place.stack
        return "|".join((self.rule, self.place.file, where, ".".join(map(str, self.path))))
