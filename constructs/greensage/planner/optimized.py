"""What an optimized model changes in a plan: less CPU time and memory, and with luck a smaller size or another kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..catalog.optimized import optimized
from ..footprint.demand import cpu_seconds
from ..text import signed_percent
from .choose import Chosen, choose_all
from .context import Request
from .types import Choice, Rejected


def chosen_as_given(asked: Iterable[Request], default_region: str | None) -> dict[str, Chosen]:
    """Return what would be chosen without `optimize`, by name, for the models that are optimized."""
    given = [replace(item, spec=item.spec.as_given) for item in asked if item.spec.model.given is not None]
    return {item.request.spec.name: item for item in choose_all(given, default_region)[0]} if given else {}


def why_optimized(chosen: Chosen, as_given: Chosen | None) -> Iterator[Choice]:
    """Yield what optimizing brought, for a model that is. Raises PlanError where its archive is for other silicon."""
    request = chosen.option.request
    source, row = request.spec.model, optimized(request.spec.name)
    if source.given is None or row is None:
        return
    architecture = chosen.option.image.architecture
    if architecture not in row.architectures:
        name, made_for = request.spec.name, " and ".join(row.architectures)
        raise request.refuse(
            "optimize", f"the archive was made for {made_for}, and the plan runs on {architecture}", found=made_for,
            allowed=architecture, hint=f"greensage optimize {name} --for {architecture}",
        )  # fmt: skip
    before, after = cpu_seconds(request.spec.as_given) * 1e3, cpu_seconds(request.spec) * 1e3
    parts = [
        f"{signed_percent(1 - after / before)} CPU a request ({before:.2g} to {after:.2g} ms)",
        f"{signed_percent(1 - row.after.memory_mb / row.before.memory_mb)} memory of the model"
        if row.before.memory_mb >= 1 else "",
        *_smaller(chosen, as_given),
    ]  # fmt: skip
    reason = f"{', '.join(part for part in parts if part)}; measured by {row.source}"
    lost = (Rejected("as it is", _as_it_is(as_given)),) if as_given else ()
    yield Choice("optimize", row.how, reason, lost)


def _smaller(chosen: Chosen, as_given: Chosen | None) -> Iterator[str]:
    now, before = chosen.option, as_given.option if as_given else None
    if before is None or (now.kind, now.size) == (before.kind, before.size):
        return
    if now.kind != before.kind:
        yield f"{now.kind} instead of {before.kind}"
    elif now.item and before.item and now.item.family == before.item.family and now.item.memory_gib < before.item.memory_gib:
        yield f"a smaller size ({now.size} instead of {before.size})"
    else:
        yield f"{now.size} instead of {before.size}"


def _as_it_is(as_given: Chosen) -> str:
    winner = as_given.winner
    return f"{winner.option.kind} on {winner.option.size} would take {winner.words}"
