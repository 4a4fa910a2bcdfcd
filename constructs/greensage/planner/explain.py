"""Why: the reasons of a choice and its losers with their numbers, and the answer to `why not X`."""

from __future__ import annotations

from difflib import get_close_matches

from ..catalog.instances import in_region, is_hosting_type, why_graviton
from ..catalog.kinds import hosting_kind, hosting_kinds
from ..catalog.regions import known_regions, region
from ..errors import CatalogError
from .choose import Chosen, Scored, Sharing, grams
from .kind import why_not_kind
from .region import why_not_region
from .silicon import choose_image
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
        reason = f"least {_least(chosen)} of the {len(chosen.regions)} allowed Regions; {reason}"
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
    estimate = f"; p95 about {option.p95_ms:.0f} ms" if option.p95_ms is not None else ""
    keep = " and keep the SLA" if option.keeps_sla else ""
    reason = f"least {_least(chosen)} of the types that hold it{keep}; {demand.peak:.2f} requests/s at peak (estimate){estimate}"
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
    estimate = f"; p95 about {option.p95_ms:.0f} ms when warm" if option.p95_ms is not None else ""
    reason = "memory_mb in the spec" if named else f"smallest step that holds server and model (estimate){estimate}"
    return Choice("size", f"{option.memory_mb} MB, {concurrency} at once", reason)


def constraint_cost(chosen: Chosen) -> tuple[str, float] | None:
    """Return the cleanest Region that hosts the same size, and the grams a month that the file's constraints cost."""
    winner = chosen.winner
    own = winner.option.request.region
    item = winner.option.item
    open_to_it = [name for name in known_regions() if item is None or item.name in (in_region(name) or ())]
    best = min(open_to_it, key=_grams_per_it_kwh, default=own)
    saved = winner.operational_g * (1 - _grams_per_it_kwh(best) / _grams_per_it_kwh(own))
    return (best, saved) if best not in chosen.regions and saved > 0.05 * winner.carbon_g else None


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
    near = get_close_matches(asked, [*hosting_kinds(), *known_regions(), *_SILICON], n=1)
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


def _least(chosen: Chosen) -> str:
    return "cost" if chosen.request.spec.optimize_for == "cost" else "carbon"


def _because(chosen: Chosen) -> str:
    request, kind, winner = chosen.request, chosen.option.kind, chosen.winner
    day = f"{request.spec.traffic.requests_per_day:,} requests a day, {request.spec.traffic.pattern}"
    row = hosting_kind(kind)
    numbers = f": {winner.words}" if row.shares is None else ""
    return f"{row.because.format(group=request.spec.group)}; {day}{numbers}"


def _against(rival: Scored, winner: Scored) -> str:
    slow = "" if rival.option.keeps_sla else f"p95 about {rival.option.p95_ms:.0f} ms does not keep the SLA; "
    cheaper = winner.cost_usd - rival.cost_usd
    aside = f", though ${cheaper:,.2f} cheaper" if cheaper > 0.01 * max(winner.cost_usd, 1.0) else ""
    return f"{slow}{rival.words} ({rival.option.size}) against {winner.words}{aside}"


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
    return "a CPU type keeps the SLA, and a GPU comes last" if asked == "gpu" else _graviton_reason(chosen)


def _graviton_reason(chosen: Chosen) -> str:
    _, choice = choose_image(chosen.option.request, chosen.option.kind)
    return choice.reason


def _why_not_type(chosen: Chosen, name: str) -> str:
    place = chosen.option.request.region
    if name not in (in_region(place) or ()):
        return f"{place} does not host {name}, according to AWS's price list"
    return "of another silicon, of a family that is never chosen, or not the smallest of its family that keeps the SLA"


def _first_error(chosen: Chosen) -> str:
    return chosen.errors[0].problems[0].message if chosen.errors else "not among what the file leaves"


def _least_intensity(name: str) -> str:
    found = region(name)
    matched = ", matched by renewables in AWS's report for 2023" if found.matched else ""
    return f"{found.intensity.value:g} gCO2e/kWh, PUE {found.pue.value:g}{matched}"


def _grams_per_it_kwh(name: str) -> float:
    return region(name).intensity.value * region(name).pue.value
