"""Picks: the least carbon (SCI) among all legal options, then the least cost. One pass of figures over the whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ..catalog import traffic
from ..catalog.images import accelerated_images
from ..catalog.kinds import hosting_kind
from ..errors import PlanError, Problem
from ..footprint.demand import sources_of
from ..footprint.estimate import mid_figures
from .context import Request
from .kind import legal_kinds, with_kind
from .options import Option, memory_mb, options_of
from .refusals import why_not
from .region import regions_of
from .silicon import silicon_of
from .types import Kind


@dataclass(frozen=True)
class Scored:
    """An option with its mid figures a month."""

    option: Option
    carbon_g: float
    operational_g: float
    energy_kwh: float
    cost_usd: float

    @property
    def order(self) -> tuple[Any, ...]:
        """What is compared: the SLA first, then carbon and cost, or cost and carbon if the file says so."""
        figures = [rounded(self.carbon_g), rounded(self.cost_usd)]
        if self.option.request.spec.optimize_for == "cost":
            figures.reverse()
        return (not self.option.keeps_sla, *figures)

    @property
    def words(self) -> str:
        """The figures in a sentence."""
        return f"{grams(self.carbon_g)} and {usd(self.cost_usd)} a month"


@dataclass(frozen=True)
class Sharing:
    """An endpoint that the planner put several models on: carbon in grams a month, together and each alone."""

    members: tuple[str, ...]
    together_g: float
    alone_g: float


@dataclass(frozen=True)
class Chosen:
    """The option that won for one model, and all that lost."""

    request: Request
    winner: Scored
    options: tuple[Scored, ...]
    against: dict[Kind, str | None]
    regions: tuple[str, ...]
    why_silicon: str = ""
    sharing: Sharing | None = None
    alone: Scored | None = None
    errors: tuple[tuple[Kind, PlanError], ...] = field(default=(), compare=False)

    @property
    def option(self) -> Option:
        """The winner."""
        return self.winner.option

    def best(self, **wanted: str) -> Scored | None:
        """Return the best option with these values of kind, region or size, or None."""
        found = [item for item in self.options if all(_value(item.option, key) == value for key, value in wanted.items())]
        return min(found, key=lambda item: item.order, default=None)


def choose_all(requests: Sequence[Request], default_region: str | None) -> tuple[list[Chosen], list[Problem]]:
    """Return what is chosen for each request, and the problems of those for which nothing is legal."""
    drafts: list[_Draft] = []
    problems: list[Problem] = []
    for request in requests:
        try:
            drafts.append(_draft(request, default_region))
        except PlanError as error:
            problems += error.problems
    scored = score([option for draft in drafts for option in draft.options])
    chosen: list[Chosen] = []
    start = 0
    for draft in drafts:
        end = start + len(draft.options)
        chosen.append(draft.choose(scored[start:end]))
        start = end
    return _together(chosen), problems


@dataclass
class _Draft:
    request: Request
    options: list[Option]
    against: dict[Kind, str | None]
    regions: tuple[str, ...]
    errors: list[tuple[Kind, PlanError]]

    def choose(self, scored: Sequence[Scored]) -> Chosen:
        ordered = tuple(sorted(scored, key=lambda item: item.order))
        return Chosen(
            self.request, ordered[0], ordered, self.against, self.regions, _why_silicon(ordered), errors=tuple(self.errors)
        )


def _draft(request: Request, default_region: str | None) -> _Draft:
    regions = regions_of(request, default_region)
    # Looked at here, so that all that is made of the request carries it.
    _ = request.demand
    against = legal_kinds(request)
    legal: list[Kind] = [kind for kind, reason in against.items() if reason is None]
    options, errors = options_of(request, legal, regions)
    if _is_large(request):
        on_instances: list[Kind] = [kind for kind in legal if hosting_kind(kind).runs_on == "instances"]
        options += options_of(request.with_spec(silicon="x86"), on_instances, regions)[0]
    if _may_accelerate(request):
        faster = request.with_spec(silicon="gpu")
        options += options_of(faster, [kind for kind in legal if _runs_on_gpus(faster, kind)], regions)[0]
    if not options:
        raise errors[0][1] if errors else _nothing_legal(request, against)
    return _Draft(request, options, against, regions, errors)


def _nothing_legal(request: Request, against: dict[Kind, str | None]) -> PlanError:
    """Every kind is ruled out: said with the reason of each."""
    reasons = "; ".join(f"{kind}: {reason}" for kind, reason in against.items() if reason)
    said = f"no hosting kind keeps what the file asks for ({reasons})"
    return request.refuse("sla", said, hint="ask for less: a later answer, a cold start, or a smaller payload")


def _runs_on_gpus(request: Request, kind: Kind) -> bool:
    """Of a model alone, on a kind that AWS offers GPUs on: what shares an endpoint shares its silicon."""
    row = hosting_kind(kind)
    return row.runs_on == "instances" and row.shares is None and why_not(with_kind(request, kind), kind) is None


def _is_large(request: Request) -> bool:
    """Graviton is the default; for a model that takes types for their memory, x86 may have a leaner one, and is weighed too.

    By the model alone, so that a looser SLA or more traffic never take the choice away.
    """
    free = request.spec.silicon == "auto" and request.spec.group is None and silicon_of(request, request.spec.model) == "auto"
    return free and memory_mb(request) > traffic.usable_memory_mb(traffic.LARGE_GIB)


def _may_accelerate(request: Request) -> bool:
    """A GPU is an option where the user left it open, nothing was compiled for Neuron, and AWS has an image.

    Not beside other containers or in a group, which bring images of their own.
    """
    spec, model = request.spec, request.spec.model
    free = silicon_of(request, model) == "auto" and not model.package and model.image in ("auto", "prebuilt")
    alone = not (spec.variants or spec.shadow or spec.group) and len(sources_of(spec)) == 1
    return (
        free and alone and any(model.version in (None, image.version) for image in accelerated_images(model.image_family, "gpu"))
    )


def _why_silicon(ordered: Sequence[Scored]) -> str:
    """Why silicon won that is not the default, and that nobody asked for; empty where it did not."""
    winner = ordered[0].option
    other = next((item for item in ordered if item.option.image.architecture == "arm64"), None)
    if winner.image.processor == "cpu" and winner.request.spec.silicon == "x86" and other is not None:
        return f"x86 takes less than the best Graviton type that holds it, {other.option.label} with {other.words}"
    if winner.image.processor != "gpu" or not any(item.option.image.processor == "cpu" for item in ordered):
        return ""
    best = next(item for item in ordered if item.option.image.processor == "cpu")
    if winner.keeps_sla and not best.option.keeps_sla:
        return "no CPU type is estimated to keep the p95 of the SLA"
    return f"a GPU takes less than the best CPU type, {best.option.label} with {best.words}"


def score(options: Sequence[Option]) -> list[Scored]:
    """Return the options with their figures."""
    return [
        Scored(option, *figures) for option, figures in zip(options, mid_figures([item.usage for item in options]), strict=True)
    ]


def _together(chosen: list[Chosen]) -> list[Chosen]:
    """Members of one group go to the Region that is best for all of them, where one is open to all."""
    result = {id(item): item for item in chosen}
    grouped = sorted((item for item in chosen if item.request.spec.group), key=lambda item: str(item.request.spec.group))
    for _, found in groupby(grouped, key=lambda item: item.request.spec.group):
        members = list(found)
        common = [name for name in members[0].regions if all(item.best(region=name) for item in members)]
        if len(members) < 2 or not common:
            continue
        sums = {name: sum(_best_in(item, name).carbon_g for item in members) for name in common}
        best = min(common, key=lambda name: sums[name])
        for item in members:
            result[id(item)] = replace(item, winner=_best_in(item, best))
    return [result[id(item)] for item in chosen]


def _best_in(chosen: Chosen, region: str) -> Scored:
    found = chosen.best(region=region)
    assert found is not None
    return found


def _value(option: Option, key: str) -> str:
    return option.request.region if key == "region" else str(getattr(option, key))


def rounded(value: float) -> float:
    """Six digits: what differs less is the same, whatever the order of summing. NaN, a figure nobody has, goes last."""
    return float(f"{value:.6g}") if value == value else float("inf")


def least(chosen: Chosen) -> str:
    """Return what the choice minimizes: carbon or cost."""
    return "cost" if chosen.request.spec.optimize_for == "cost" else "carbon"


def grams(value: float) -> str:
    """Return grams of CO2e for people: in kg from 1,000 on."""
    return f"{value / 1000:,.1f} kg CO2e" if value >= 1000 else f"{value:,.1f} g CO2e" if value >= 0.1 else "less than 0.1 g CO2e"


def usd(value: float) -> str:
    """Return USD for people."""
    return "an unknown price" if value != value else f"${value:,.2f}"
