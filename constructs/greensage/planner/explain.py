"""Why: the reasons of a choice, and its losers with their numbers."""

from __future__ import annotations

from ..catalog.instances import in_region
from ..catalog.kinds import hosting_kind
from ..catalog.regions import are_a_tie, grams_per_it_kwh, grams_range, known_regions, region
from ..footprint.kinds import cold_share
from ..text import duration_ms, number, plural
from .choose import Chosen, Scored, Sharing, grams, least
from .latency import LATE_SHARE
from .options import Option, kept_alive_seconds
from .region import why_not_region
from .types import Choice, Kind, Rejected


def why_kind(chosen: Chosen) -> Choice:
    """Return the kind, why, and the other kinds with what rules them out or what they would take."""
    spec, winner = chosen.request.spec, chosen.winner
    kind = winner.option.kind
    if spec.hosting != "auto":
        return Choice("kind", kind, "hosting in the spec")
    if chosen.sharing is not None and chosen.alone is not None:
        return _why_shared(chosen, chosen.sharing, chosen.alone)
    lost = [Rejected(name, reason) for name, reason in chosen.against.items() if reason and name != kind]
    legal = [name for name, reason in chosen.against.items() if reason is None and name != kind]
    for name in legal:
        rival = chosen.best(kind=name)
        why = against(rival, winner) if rival else first_error(chosen, name)
        lost.append(Rejected(name, why))
    return Choice("kind", kind, _because(chosen), tuple(lost))


def _why_shared(chosen: Chosen, sharing: Sharing, alone: Scored) -> Choice:
    others = [name for name in sharing.members if name != chosen.request.spec.name]
    listed = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
    reason = (
        f"shares an endpoint with {listed}: {grams(sharing.together_g)} a month together against "
        f"{grams(sharing.alone_g)} each alone (sharing: never keeps it alone, group: NAME keeps it where it is)"
    )
    lost = [
        Rejected(name, why)
        for name, why in chosen.against.items()
        if why and name != chosen.option.kind and hosting_kind(name).shares is None
    ]
    lost.append(Rejected(alone.option.kind, f"alone it takes {alone.words} ({alone.option.size})"))
    return Choice("kind", chosen.option.kind, reason, tuple(lost))


def why_region(chosen: Chosen) -> Choice:
    """Return the Region, why, what the others would take, and what the constraint costs in carbon."""
    spec, winner = chosen.request.spec.region, chosen.winner
    name = winner.option.request.region
    cost = constraint_cost(chosen)
    reason = _least_intensity(name)
    if not spec.allowed:
        reason = f"the Region of your AWS profile; region.allowed is empty; {reason}"
    elif len(chosen.regions) == 1:
        reason = f"the only Region that the file leaves; {reason}"
    else:
        reason = f"least {least(chosen)} of the {len(chosen.regions)} allowed Regions{_tie(chosen, name)}; {reason}"
    if cost:
        reason = f"{reason}; the constraint costs {grams(cost[1])} a month against {cost[0]}"
    lost = [Rejected(other, _why_lost(chosen, other)) for other in chosen.request.spec.region.allowed if other != name]
    return Choice("region", name, reason, tuple(lost))


def why_instance(chosen: Chosen) -> Choice:
    """Return the instance type, why, and the smallest types of the other families with what they would take."""
    winner, option = chosen.winner, chosen.option
    assert option.item is not None
    if getattr(option.request.spec.hosting, "instance_type", None):
        return Choice("instance", option.size, "instance_type in the spec")
    demand = option.request.demand
    estimate = f"; p95 about {duration_ms(option.p95_ms)}" if option.p95_ms is not None else ""
    keep = " and keep the SLA" if option.keeps_sla else ""
    reason = (
        f"least {least(chosen)} of the types that hold it{keep}; {number(demand.peak)} requests/s at peak (estimate){estimate}"
    )
    rivals = [
        item for item in chosen.options
        if (item.option.kind, item.option.request.region) == (option.kind, option.request.region) and item is not winner
    ]  # fmt: skip
    lost = tuple(Rejected(item.option.size, against(item, winner)) for item in rivals[:3])
    return Choice("instance", option.size, reason, lost)


def why_serverless_size(chosen: Chosen, concurrency: int) -> Choice:
    """Return the memory and the concurrency, and why."""
    option = chosen.option
    named = getattr(option.request.spec.hosting, "memory_mb", None)
    estimate = f"; p95 about {duration_ms(option.p95_ms)}, cold starts counted" if option.p95_ms is not None else ""
    reason = "memory_mb in the spec" if named else f"smallest step that holds server and model (estimate){estimate}"
    return Choice("size", f"{option.memory_mb} MB, {concurrency} at once", reason)


def _tie(chosen: Chosen, name: str) -> str:
    """What the ranking is worth: where the bands of the grids overlap, nobody knows which Region is the cleaner."""
    ties = [f"{other} ({grams_range(other)} g)" for other in chosen.regions if other != name and are_a_tie(name, other)]
    if not ties:
        return ""
    return f", by the middles: a tie with the grid of {' and '.join(ties)}, whose bands overlap its own ({grams_range(name)} g)"


def constraint_cost(chosen: Chosen) -> tuple[str, float] | None:
    """Return the cleanest Region that hosts the same size, and the grams a month that the file's constraints cost."""
    winner = chosen.winner
    own = winner.option.request.region
    item = winner.option.item
    open_to_it = [name for name in known_regions() if item is None or item.name in (in_region(name) or ())]
    best = min(open_to_it, key=lambda name: grams_per_it_kwh(name)[1], default=own)
    saved = winner.operational_g * (1 - grams_per_it_kwh(best)[1] / grams_per_it_kwh(own)[1])
    worth = best not in chosen.regions and saved > max(0.05 * winner.carbon_g, 0.05) and not are_a_tie(best, own)
    return (best, saved) if worth else None


def _because(chosen: Chosen) -> str:
    request, kind, winner = chosen.request, chosen.option.kind, chosen.winner
    day = f"{plural(request.spec.traffic.requests_per_day, 'request')} a day, {request.spec.traffic.pattern}"
    row = hosting_kind(kind)
    numbers = f": {winner.words}" if row.shares is None else ""
    return f"{row.because.format(group=request.spec.group)}; {day}{numbers}"


def against(rival: Scored, winner: Scored) -> str:
    """Return what a rival would take against the winner, and whether it keeps the SLA."""
    slow = "" if rival.option.keeps_sla else f"{_late(rival.option)} does not keep the SLA; "
    cheaper = winner.cost_usd - rival.cost_usd
    aside = f", though ${cheaper:,.2f} cheaper" if cheaper > 0.01 * max(winner.cost_usd, 1.0) else ""
    return f"{slow}{rival.words} ({rival.option.size}) against {winner.words}{aside}"


def _late(option: Option) -> str:
    asleep = cold_share(option.request.demand, kept_alive_seconds(option.request, option.kind))
    if asleep > LATE_SHARE:
        return f"{asleep:.0%} of calls find nothing awake, which"
    return f"p95 about {duration_ms(option.p95_ms or 0.0)}" + (
        ", with the band of the CPU time," if option.keeps_by_middle else ""
    )


def _why_lost(chosen: Chosen, name: str) -> str:
    return why_not_region(chosen.option.request, name) or numbers(chosen, region=name) or first_error(chosen)


def numbers(chosen: Chosen, **wanted: str) -> str | None:
    """Return the same for the best option with these values, or None."""
    rival = chosen.best(**wanted)
    return against(rival, chosen.winner) if rival else None


def first_error(chosen: Chosen, kind: Kind | None = None) -> str:
    """Return what AWS or the catalog said: of `kind`, or of the kind that was chosen, or of any."""
    for wanted in (kind, chosen.option.kind) if kind is None else (kind,):
        found = next((error for of, error in chosen.errors if of == wanted), None)
        if found:
            return found.problems[0].message
    if kind is None and chosen.errors:
        return chosen.errors[0][1].problems[0].message
    return "not among what the file leaves"


def _least_intensity(name: str) -> str:
    found = region(name)
    matched = ", matched by renewables in AWS's report for 2023" if found.matched else ""
    grid = found.intensity
    return f"{grid.value:g} gCO2e/kWh ({grid.low:.0f} to {grid.high:.0f} by source), PUE {found.pue.value:g}{matched}"
