"""The answer to `why not X`: of a kind, an instance type, a Region or a silicon, with the one true reason."""

from __future__ import annotations

from difflib import get_close_matches

from ..catalog.instances import InstanceType, hosting_types, in_region, instance, is_hosting_type, why_graviton
from ..catalog.kinds import hosting_kind, hosting_kinds
from ..catalog.regions import known_regions
from ..errors import CatalogError
from .choose import Chosen, Scored, Sharing, grams, score
from .context import Request
from .explain import against, first_error, numbers
from .kind import why_not_kind
from .options import memory_mb, options_of
from .refusals import why_not as refusal
from .region import why_not_region
from .silicon import choose_image
from .size import holds

_SILICON = ("graviton", "x86", "gpu", "inferentia", "trainium")
# As the plan writes them.
_ALIASES = {"graviton (arm64)": "graviton", "arm64": "graviton", "graviton": "graviton", "x86_64": "x86", "neuron": "inferentia"}


def why_not(chosen: Chosen, asked: str) -> str:
    """Return why `asked` (a kind, an instance type, a Region or a silicon) was not chosen. CatalogError if it is none."""
    winner = chosen.winner
    asked = _ALIASES.get(asked.lower(), asked)
    name = asked if asked.startswith("ml.") or "." not in asked else f"ml.{asked}"
    if winner.option.size == name or asked in (winner.option.kind, winner.option.request.region):
        return f"{asked} was chosen" + ("" if chosen.sharing else f": {winner.words}")
    if chosen.sharing is not None and chosen.alone is not None and asked in hosting_kinds():
        return _why_not_alone(chosen, chosen.sharing, chosen.alone, asked)
    if asked in hosting_kinds():
        return _why_not_kind(chosen, asked)
    if asked in known_regions():
        return why_not_region(chosen.option.request, asked) or numbers(chosen, region=asked) or first_error(chosen)
    if asked in _SILICON:
        return _why_not_silicon(chosen, asked)
    if is_hosting_type(name):
        return numbers(chosen, kind=winner.option.kind, size=name) or _why_not_type(chosen, name)
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
    return f"{together}, and alone this one would take {rival.words} ({rival.option.size})" if rival else first_error(chosen)


def _why_not_kind(chosen: Chosen, asked: str) -> str:
    reason = chosen.against.get(asked) or why_not_kind(chosen.request, asked)  # type: ignore[arg-type]
    if reason:
        return reason
    if chosen.request.spec.hosting != "auto":
        return f"the file asks for {chosen.option.kind}"
    if asked in chosen.against:
        return numbers(chosen, kind=asked) or first_error(chosen, asked)
    return f"auto offers it to groups and to who asks for it: hosting: {asked}"


def _why_not_silicon(chosen: Chosen, asked: str) -> str:
    if hosting_kind(chosen.option.kind).runs_on == "devices":
        return "the devices decide: the component runs on Linux of any architecture"
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
    if spec.silicon not in ("auto", asked):
        return f"silicon: {spec.silicon} in the spec"
    if image.processor == "gpu" and asked in ("graviton", "x86"):
        wanted = "arm64" if asked == "graviton" else "x86_64"
        ours = (item for item in chosen.options if item.option.image.architecture == wanted)
        rival = next((item for item in ours if item.option.image.processor == "cpu"), None)
        return against(rival, chosen.winner) if rival else "AWS has no CPU image of this framework and version for it"
    if asked == "x86":
        return why_graviton()
    if asked == "gpu":
        # Ordered already: the first is the best.
        rival = next((item for item in chosen.options if item.option.image.processor == "gpu"), None)
        return against(rival, chosen.winner) if rival else "AWS has no GPU image of this framework for the kinds that are open"
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
    if hosting_kind(option.kind).answers != "files" and name not in (in_region(place) or ()):
        return f"{place} does not host {name}, according to AWS's price list"
    try:
        item = instance(name)
    except CatalogError as error:
        return str(error)
    without = hosting_kind(option.kind).no_graviton
    if without and item.architecture == "arm64":
        return without
    request = _on_type(chosen, item)
    refused = refusal(request, option.kind)
    if refused:
        return refused
    options, errors = options_of(request, [option.kind], [place])
    if not options:
        return errors[0][1].problems[0].message
    if not holds(request, options[0].image, item, memory_mb(request)):
        return f"{name} does not hold the model, by estimate (model.memory_mb says what you measured)"
    if chosen.sharing is not None:
        return "the endpoint is shared, and its type is the one on which all of its members together take the least"
    rival = score(options)[0]
    keeps = rival.option.keeps_sla and rival.order > chosen.winner.order
    return f"{name} keeps the SLA, but {against(rival, chosen.winner)}" if keeps else against(rival, chosen.winner)


def _on_type(chosen: Chosen, item: InstanceType) -> Request:
    """What the file asks for, on that type: a GPU that the planner chose is no wish of the file's."""
    option = chosen.option
    asked = chosen.request.in_region(option.request.region).with_spec(group=option.request.spec.group)
    hosting = option.request.spec.hosting
    assert hosting != "auto"
    request = asked.with_spec(hosting=hosting.model_copy(update={"instance_type": item.name}))
    if request.spec.silicon != "auto":
        return request
    if item.processor == "gpu":
        return request.with_spec(silicon="gpu")
    return request.with_spec(silicon="graviton" if item.architecture == "arm64" else "x86")
