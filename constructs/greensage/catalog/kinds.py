"""The hosting kinds: what differs between them and is a fact, one row each (data/hosting.json). What AWS supports on each,
down to scaling to zero, is the capability matrix (capabilities.py).

Whoever needs to know asks for a row's fact, never for a kind's name; docs/adding-a-kind.md says what a new kind takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal

from ..errors import CatalogError
from ..narrow import is_list
from ._data import load

Kind = str  # the name of a row


@dataclass(frozen=True)
class HostingKind:
    """One hosting kind. Limits are names of greensage.catalog.limits; None where there is none.

    Parameters
    ----------
    name:
        As `hosting:` of a model file says it.
    when, at_rest, because:
        When to use it, what it takes while nobody calls, and why the planner chose it; `because` may hold {group}.
    runs_on:
        What is chosen and billed: instances, memory by the millisecond, or the user's own devices.
    answers:
        How a caller gets its answer: at once (it waits), queued (it asks again), as files, or on the devices.
    shares:
        What the models of a group share: one server that loads all of them, an instance with a container each, or
        instances with copies of each; None where every model has its own hosting.
    members:
        The fewest and the most models of a group.
    payload, timeout, limits:
        The largest request, the longest answer, and other limits to show.
    dimensions:
        What CloudWatch tells its metrics apart by.
    no_graviton:
        Why it does not run on Graviton.
    one_gpu:
        The source that says that GPU types must have exactly one GPU.
    captured_by:
        Who writes captured requests for monitoring: SageMaker, or greensage's serving container.
    retrained:
        Whether a retrained model can be put behind it.
    auto, auto_options:
        Whether `hosting: auto` considers it for a model alone, and the options it then takes beside the defaults.
    notes:
        What the owner of a plan should know.
    not_built:
        Features that AWS offers, or may offer, and greensage does not build on it.
    near:
        All kinds, those most like it first: the way out where it cannot do what is asked.
    """

    name: Kind
    when: str
    at_rest: str
    because: str
    runs_on: Literal["instances", "memory", "devices"]
    answers: Literal["at-once", "queued", "files", "on-devices"]
    shares: Literal["server", "containers", "copies"] | None
    members: tuple[str, str] | None
    payload: str | None
    timeout: str | None
    limits: tuple[str, ...]
    dimensions: tuple[str, ...]
    no_graviton: str | None
    one_gpu: str | None
    captured_by: Literal["service", "container"] | None
    retrained: bool
    auto: bool
    notes: tuple[str, ...]
    not_built: tuple[str, ...]
    near: tuple[Kind, ...]
    auto_options: dict[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @property
    def shown_limits(self) -> tuple[str, ...]:
        """All its limits, for people."""
        named = (*(self.members or ())[1:], *self.limits, self.payload, self.timeout)
        return tuple(name for name in named if name is not None)


@cache
def hosting_kinds() -> dict[Kind, HostingKind]:
    """Return the rows by name, in the order in which they are shown."""
    rows: dict[str, dict[str, Any]] = load("hosting")["kinds"]
    known = {item.name for item in fields(HostingKind)} - {"name"}
    for name, row in rows.items():
        if row.keys() != known:
            raise CatalogError(f"hosting.json, {name}: fields {', '.join(sorted(row.keys() ^ known))} are missing or unknown")
    return {name: HostingKind(name=name, **{key: _frozen(value) for key, value in row.items()}) for name, row in rows.items()}


def hosting_kind(name: Kind) -> HostingKind:
    """Return the row of a kind. Raises CatalogError for a name that is none."""
    found = hosting_kinds().get(name)
    if found is None:
        raise CatalogError(f"{name!r} is no hosting kind; there are: {', '.join(hosting_kinds())}")
    return found


def kind_that_shares(what: Literal["server", "containers", "copies"]) -> Kind:
    """Return the kind whose models share `what`."""
    return next(row.name for row in hosting_kinds().values() if row.shares == what)


def _frozen(value: Any) -> Any:
    return tuple(value) if is_list(value) else value
