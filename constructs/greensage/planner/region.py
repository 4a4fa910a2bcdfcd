"""Where: the first allowed Region. Ranking Regions by carbon is the Region advisor's, not this room's."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from ..catalog.instances import regions
from .context import Request
from .types import Choice, Rejected


def choose_region(request: Request, default: str | None) -> tuple[Request, Choice]:
    """Return `request` with its Region, and why. `default` is the Region of the user's AWS profile."""
    allowed = request.spec.region.allowed
    for index, name in enumerate(allowed):
        if name not in regions():
            near = get_close_matches(name, regions(), n=1)
            raise request.refuse(
                f"region.allowed.{index}", "not a Region with SageMaker hosting in the catalog", found=name,
                allowed=", ".join(regions()), hint=f"{near[0]}?" if near else "",
            )  # fmt: skip
    if allowed:
        rejected = tuple(Rejected(name, "allowed, but listed later") for name in allowed[1:])
        choice = Choice("region", allowed[0], "first of the allowed Regions", rejected)
    elif default:
        choice = Choice("region", default, "the Region of your AWS profile; region.allowed is empty")
    else:
        raise request.refuse("region.allowed", "no Region is known", hint="set region.allowed, or AWS_REGION")
    return replace(request, region=choice.value), choice
