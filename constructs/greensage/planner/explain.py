"""Why: the reasons of a choice and its losers with their numbers, and the answer to `why not X`."""

from __future__ import annotations

from difflib import get_close_matches

from ..catalog.instances import hosting_types, in_region, instance, is_hosting_type, why_graviton
from ..catalog.kinds import hosting_kind, hosting_kinds
from ..catalog.regions import are_a_tie, grams_per_it_kwh, known_regions, region
from ..errors import CatalogError
from ..footprint.kinds import cold_share
from ..spec import hosting_of
from ..text import duration_ms, number, plural
from .choose import Chosen, Scored, Sharing, grams, least, score
from .kind import why_not_kind
from .latency import LATE_SHARE
from .options import Option, kept_alive_seconds, memory_mb, options_of
from .region import why_not_region
from .silicon import choose_image
from .size import memory_note
from .types import Choice, Rejected

_SILICON = ("graviton", "x86", "gpu", "inferentia", "trainium")


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
        why = _against(rival, winner) if rival else _first_error(chosen)
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
    lost = tuple(Rejected(item.option.size, _against(item, winner)) for item in rivals[:3])
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
    ties = [other for other in chosen.regions if other != name and are_a_tie(name, other)]
    if not ties:
        return ""
    return f", by the middles: a tie with {' and '.join(ties)}, whose bands overlap ({_range(name)} against {_range(ties[0])} g)"


def _range(name: str) -> str:
    low, _, high = grams_per_it_kwh(name)
    return f"{low:.0f} to {high:.0f}"


def constraint_cost(chosen: Chosen) -> tuple[str, float] | None:
    """Return the cleanest Region that hosts the same size, and the grams a month that the file's constraints cost."""
    winner = chosen.winner
    own = winner.option.request.region
    item = winner.option.item
    open_to_it = [name for name in known_regions() if item is None or item.name in (in_region(name) or ())]
    best = min(open_to_it, key=lambda name: grams_per_it_kwh(name)[1], default=own)
    saved = winner.operational_g * (1 - grams_per_it_kwh(best)[1] / grams_per_it_kwh(own)[1])
    worth = best not in chosen.regions and saved > 0.05 * winner.carbon_g and not are_a_tie(best, own)
    return (best, saved) if worth else None


def why_not(chosen: Chosen, asked: str) -> str:
    """Return why `asked` (a kind, an instance type, a Region or a silicon) was not chosen. CatalogError if it is none."""
    winner = chosen.winner
    if asked in (winner.option.kind, winner.option.size, winner.option.request.region):
        return f"{asked} was chosen" + ("" if chosen.sharing else f": {winner.words}")
    if chosen.sharing is not None and chosen.alone is not None and asked in hosting_kinds():
        return _why_not_alone(chosen, chosen.sharing, chosen.alone, asked)
    if asked in hosting_kinds():
        return _why_not_kind(chosen, asked)
    if asked in known_regions():
        return why_not_region(chosen.option.request, asked) or _numbers(chosen, region=asked) or _first_error(chosen)
    if asked in _SILICON:
        return _why_not_silicon(chosen, asked)
    name = asked if asked.startswith("ml.") else f"ml.{asked}"
    if is_hosting_type(name):
        return _numbers(chosen, size=name) or _why_not_type(chosen, name)
    near = get_close_matches(asked, [*hosting_kinds(), *known_regions(), *_SILICON, *hosting_types()], n=1)
    raise CatalogError(f"{asked!r} is no hosting kind, Region, silicon or instance type" + (f"; {near[0]}?" if near else ""))


def _why_not_alone(chosen: Chosen, sharing: Sharing, alone: Scored, asked: str) -> str:
    reason = next((why for kind, why in chosen.against.items() if kind == asked), None)
    if reason and hosting_kind(asked).shares is None:
        return reason
    together = f"it shares an endpoint: {len(sharing.members)} models take {grams(sharing.together_g)} a month"
    if hosting_kind(asked).shares is not None:
        return f"{together} in a {chosen.option.kind} endpoint, the least carbon of the ways to share"
    rival = alone if asked == alone.option.kind else chosen.best(kind=asked)
    return f"{together}, and alone this one would take {rival.words} ({rival.option.size})" if rival else _first_error(chosen)


def _because(chosen: Chosen) -> str:
    request, kind, winner = chosen.request, chosen.option.kind, chosen.winner
    day = f"{plural(request.spec.traffic.requests_per_day, 'request')} a day, {request.spec.traffic.pattern}"
    row = hosting_kind(kind)
    numbers = f": {winner.words}" if row.shares is None else ""
    return f"{row.because.format(group=request.spec.group)}; {day}{numbers}"


def _against(rival: Scored, winner: Scored) -> str:
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
    return why_not_region(chosen.option.request, name) or _numbers(chosen, region=name) or _first_error(chosen)


def _numbers(chosen: Chosen, **wanted: str) -> str | None:
    rival = chosen.best(**wanted)
    return _against(rival, chosen.winner) if rival else None


def _why_not_kind(chosen: Chosen, asked: str) -> str:
    reason = chosen.against.get(asked) or why_not_kind(chosen.request, asked)  # type: ignore[arg-type]
    if reason:
        return reason
    if chosen.request.spec.hosting != "auto":
        return f"the file asks for {chosen.option.kind}"
    return _numbers(chosen, kind=asked) or "auto offers it to groups and to who asks for it: hosting: " + asked


def _why_not_silicon(chosen: Chosen, asked: str) -> str:
    spec, image = chosen.request.spec, chosen.option.image
    compiled = spec.model.compiled_for
    is_now = {
        "graviton": image.architecture == "arm64", "x86": image.architecture == "x86_64" and image.processor == "cpu",
        "gpu": image.processor == "gpu", "inferentia": compiled in ("inf1", "inf2"), "trainium": compiled == "trainium",
    }[asked]  # fmt: skip
    if is_now:
        return f"{asked} was chosen: {chosen.winner.words}"
    if compiled:
        return f"the artifact is compiled for {compiled} and runs on nothing else"
    if asked in ("inferentia", "trainium"):
        return "the artifact is not compiled for it (model.compiled_for)"
    if asked == "x86":
        return why_graviton()
    if spec.silicon not in ("auto", asked):
        return f"silicon: {spec.silicon} in the spec"
    if asked == "gpu":
        # Ordered already: the first is the best.
        rival = next((item for item in chosen.options if item.option.image.processor == "gpu"), None)
        return _against(rival, chosen.winner) if rival else "AWS has no GPU image of this framework for the kinds that are open"
    return _graviton_reason(chosen)


def _graviton_reason(chosen: Chosen) -> str:
    _, choice = choose_image(chosen.option.request, chosen.option.kind)
    return choice.reason


def _why_not_type(chosen: Chosen, name: str) -> str:
    """The one reason: tried on that type, what refuses it, or else what it would take."""
    option = chosen.option
    if option.item is None:
        return f"{option.kind} hosting has no instance types, and it takes the least: {chosen.winner.words}"
    place = option.request.region
    if name not in (in_region(place) or ()):
        return f"{place} does not host {name}, according to AWS's price list"
    try:
        item = instance(name)
    except CatalogError as error:
        return str(error)
    request = option.request.with_spec(hosting=hosting_of(option.kind, instance_type=name))
    if item.processor == "gpu" and request.spec.silicon == "auto":
        request = request.with_spec(silicon="gpu")
    elif item.processor == "cpu" and item.architecture != option.image.architecture and request.spec.silicon == "auto":
        request = request.with_spec(silicon="graviton" if item.architecture == "arm64" else "x86")
    options, errors = options_of(request, [option.kind], [place])
    if not options:
        return errors[0].problems[0].message
    small = memory_note(request, options[0].image, item, memory_mb(request))
    if small and "are needed" in small:
        return small.partition(":")[0]
    if chosen.sharing is not None:
        return "the endpoint is shared, and its type is the one on which all of its members together take the least"
    rival = score(options)[0]
    bigger = f"{name} keeps the SLA, but " if rival.option.keeps_sla else ""
    return f"{bigger}{_against(rival, chosen.winner)}"


def _first_error(chosen: Chosen) -> str:
    return chosen.errors[0].problems[0].message if chosen.errors else "not among what the file leaves"


def _least_intensity(name: str) -> str:
    found = region(name)
    matched = ", matched by renewables in AWS's report for 2023" if found.matched else ""
    low, high = found.intensity.value / found.intensity.down, found.intensity.value * found.intensity.up
    return f"{found.intensity.value:g} gCO2e/kWh ({low:.0f} to {high:.0f} by source), PUE {found.pue.value:g}{matched}"
