"""Where a model may run: data residency, distance from its users, and what hosts SageMaker. Hard constraints only."""

from __future__ import annotations

from difflib import get_close_matches

from ..catalog.instances import regions
from ..catalog.regions import known_regions, round_trip_ms
from .context import Request


def regions_of(request: Request, default: str | None) -> tuple[str, ...]:
    """Return the Regions that fulfil the file's constraints, in its order; `default` is that of the user's AWS profile."""
    spec = request.spec.region
    allowed = spec.allowed or ((default,) if default else ())
    if not allowed:
        raise request.refuse("region.allowed", "no Region is known", hint="set region.allowed, or AWS_REGION")
    for index, name in enumerate(allowed):
        # It needs both: instance types to host on, and a grid intensity to be compared by.
        if name not in regions() or name not in known_regions():
            raise _unknown(request, f"region.allowed.{index}" if spec.allowed else "region.allowed", name)
    if spec.users_near is None:
        return allowed
    if spec.users_near not in known_regions():
        raise _unknown(request, "region.users_near", spec.users_near)
    near = tuple(name for name in allowed if not _too_far(request, name))
    if not near:
        rounds = ", ".join(f"{name} {round_trip_ms(spec.users_near, name):.0f} ms" for name in allowed)
        message = f"no allowed Region is that near to {spec.users_near} (estimated: {rounds})"
        raise request.refuse("region.max_network_ms", message, found=str(spec.max_network_ms),
                             hint="a higher max_network_ms, or more Regions")  # fmt: skip
    return near


def why_not_region(request: Request, name: str) -> str | None:
    """Return the constraint that keeps the model out of Region `name`, or None."""
    spec = request.spec.region
    if name not in regions() or name not in known_regions():
        return "not a Region with SageMaker hosting in the catalog"
    if spec.allowed and name not in spec.allowed:
        return "region.allowed does not list it (data residency)"
    if not spec.allowed and name != request.region:
        return "region.allowed is empty, so only the Region of your AWS profile counts"
    if _too_far(request, name):
        away = round_trip_ms(str(spec.users_near), name)
        return f"about {away:.0f} ms from {spec.users_near}, region.max_network_ms is {spec.max_network_ms}"
    return None


def _too_far(request: Request, name: str) -> bool:
    spec = request.spec.region
    if spec.users_near is None or spec.max_network_ms is None:
        return False
    return round_trip_ms(spec.users_near, name) > spec.max_network_ms


def _unknown(request: Request, path: str, name: str) -> Exception:
    near = get_close_matches(name, regions(), n=1)
    return request.refuse(
        path, "not a Region with SageMaker hosting in the catalog", found=name,
        allowed=", ".join(regions()), hint=f"{near[0]}?" if near else "",
    )  # fmt: skip
