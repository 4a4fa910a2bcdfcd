"""A rule: one function that looks at a resource, or at a whole app, and yields what is wrong with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from ..errors import CheckError
from .finding import Fail, Place, Severity, family_of_rule
from .template import Template

Verdict = Iterable[Fail] | Fail | None
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """`check` is called with a resource of one of `types`, or (with `collect`) with the facts of all templates of an app.

    `parameters` are the function's keyword-only arguments with their defaults. `severity` is fixed for what has no
    figure; otherwise the figure decides.
    """

    id: str
    title: str
    types: tuple[str, ...]
    check: Callable[..., Any]
    severity: Severity | None = None
    collect: Callable[[Template], Iterable[Any]] | None = None

    @property
    def family(self) -> str:
        """The part of the id that tells the family: GS-SIL of GS-SIL01."""
        return family_of_rule(self.id)

    @property
    def parameters(self) -> Parameters:
        """What may be set, with the defaults."""
        arguments = inspect.signature(self.check).parameters.values()
        return {item.name: item.default for item in arguments if item.kind is inspect.Parameter.KEYWORD_ONLY}

    def with_parameters(self, given: Parameters) -> Parameters:
        """Return the arguments to call it with. Raises CheckError for what it does not have, or of another kind."""
        found = self.parameters
        for name, value in given.items():
            if name not in found:
                raise CheckError(f"{self.id} has no parameter {name}; it has {', '.join(found) or 'none'}")
            if not _same_kind(value, found[name]):
                raise CheckError(f"{self.id}: {name} is {value!r}; give it {_kind(found[name])}, as in {found[name]!r}")
            found[name] = value
        return found


def rule(id: str, title: str, *types: str, severity: Severity | None = None) -> Callable[[Callable[..., Verdict]], Rule]:
    """Make a function a rule for resources of `types`: it takes the resource, and yields `resource.fails(…)` or nothing.

    Keyword-only arguments are its parameters. What only the deployment knows becomes "unknown" by itself, because
    `resource.get` raises then. `id` must be unique, in capitals: ACME-1.

    Example::

        @rule("ACME-1", "Queues keep messages for four days at most", "AWS::SQS::Queue")
        def short_queues(queue, *, max_days=4):
            if (queue.number("MessageRetentionPeriod", default=345_600) or 0) > max_days * 86_400:
                yield queue.fails(f"keeps messages for more than {max_days} days", "MessageRetentionPeriod")
    """
    return lambda check: Rule(id, title, types, check, severity)


def app_rule(
    id: str, title: str, collect: Callable[[Template], Iterable[Any]], *, severity: Severity | None = None
) -> Callable[[Callable[..., Iterable[tuple[Place, Fail]]]], Rule]:
    """Make a function a rule for a whole app: it takes the facts that `collect` yields for each of its templates.

    Facts should be small: the templates themselves are dropped one by one, so that large apps take little memory.
    """
    return lambda check: Rule(id, title, (), check, severity, collect)


def _same_kind(value: Any, default: Any) -> bool:
    # Python's bool is an int: without this, True would pass for a number.
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in cast("list[object]", value))
    return isinstance(value, type(default))


def _kind(default: Any) -> str:
    if isinstance(default, int | float) and not isinstance(default, bool):
        return "a number"
    return "a list of texts" if isinstance(default, list | tuple) else "text"
