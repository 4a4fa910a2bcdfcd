"""Every error greensage raises, and the one place where they are rendered for a person.

GreensageError
├── SpecError      a model file says something that cannot be read or deployed
├── PlanError      a valid spec asks for what SageMaker would refuse
├── CatalogError   a fact that was asked for is not in the catalog
├── CheckError     a file to check, or the configuration of the checks, cannot be used
└── LocalError     the local cloud could not do what was asked
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class GreensageError(Exception):
    """Base of all errors that are the user's to mend; shown without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place of one file.

    `line` and `column` count from 1. `found` is what the file says, `allowed` what would be accepted,
    `hint` the nearest valid key or the way out; the last three may be empty.
    """

    file: str
    line: int
    column: int
    key_path: str
    message: str
    found: str = ""
    allowed: str = ""
    hint: str = ""

    def render(self) -> str:
        """Return the problem as one to four lines of text."""
        where = f"{self.file}:{self.line}:{self.column}"
        key = f" {self.key_path}:" if self.key_path else ""
        rows = [f"{where}:{key} {self.message}"]
        rows += [
            f"    {label}: {text}"
            for label, text in (("found", self.found), ("allowed", self.allowed), ("try", self.hint))
            if text
        ]
        return "\n".join(rows)


class ProblemsError(GreensageError):
    """An error made of all the problems that were found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))


class SpecError(ProblemsError):
    """A model file says something that cannot be read or deployed.

    Parameters
    ----------
    problems:
        What is wrong, each with file, line, what was found, what is allowed and the way out; at least one.
    """


class PlanError(ProblemsError):
    """A valid spec asks for what SageMaker would refuse at deploy time.

    Parameters
    ----------
    problems:
        What is wrong, each with file, line, what was found, what is allowed and the way out; at least one.
    """


class CatalogError(GreensageError):
    """A fact that was asked for is not in the catalog."""


class CheckError(GreensageError):
    """A file to check, or the configuration of the checks, cannot be used."""


class LocalError(GreensageError):
    """The local cloud could not do what was asked."""


def render(error: GreensageError) -> str:
    """Return `error` as the text that the command line and `app.py` print on standard error."""
    count = len(error.problems) if isinstance(error, ProblemsError) else 0
    tail = f"\n{count} problem{'s' if count != 1 else ''}; nothing was deployed." if count else ""
    return f"{error}{tail}"
