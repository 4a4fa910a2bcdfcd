"""Where the best choice changes as the traffic grows: "serverless until N requests a month, then ...", worked out, not set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalog.figures import DAYS_PER_MONTH
from .choose import Chosen, Scored, score
from .context import Request
from .options import Option, options_of
from .types import Kind

# From one request a day to a hundred million; four points a decade draw the curves.
_PER_DECADE, _DECADES = 4, 8


@dataclass(frozen=True)
class BreakEven:
    """From `requests_per_month` on, `after` takes less carbon than `before`; both are kind and size, sizes as at that point."""

    requests_per_month: int
    before: str
    after: str


@dataclass(frozen=True)
class Curve:
    """One kind over the traffic: gCO2e and USD per 1,000 requests at each of the points; None where it does not keep the SLA."""

    kind: Kind
    carbon_g: tuple[float | None, ...]
    cost_usd: tuple[float | None, ...]


@dataclass(frozen=True)
class BreakEvens:
    """All switches of one model between its legal options, and the curves behind them."""

    requests_per_month: tuple[int, ...]
    curves: tuple[Curve, ...]
    switches: tuple[BreakEven, ...]

    def __str__(self) -> str:
        if not self.switches:
            return "one choice at any traffic"
        first = f"{self.switches[0].before} until {_about(self.switches[0].requests_per_month)} requests a month"
        return ", ".join(
            [first, *(_then(item, after) for item, after in zip(self.switches, [*self.switches[1:], None], strict=True))]
        )


def break_evens(chosen: Chosen) -> BreakEvens:
    """Return the break-even points of a model in the Region it goes to: only its traffic changes."""
    request = chosen.request
    region = chosen.option.request.region
    legal: list[Kind] = [kind for kind, reason in chosen.against.items() if reason is None]
    days = _grid()
    points = _scored(request, legal, region, days)
    best = [_best(options) for options in points]
    switches: list[BreakEven] = []
    # Each point with the next one: the second lists are one shorter.
    for low, high, before, after in zip(days, days[1:], best, best[1:], strict=False):
        # Another size of the same kind is growth, not another choice.
        if before and after and _kind(before) != _kind(after):
            switches += _between(request, legal, region, (low, before), (high, after))
    return BreakEvens(tuple(_month(day) for day in days), tuple(_curve(kind, points, days) for kind in legal), tuple(switches))


def with_traffic(request: Request, requests_per_day: int) -> Request:
    """Return the request with another number of requests; a peak that the file names grows along."""
    traffic = request.spec.traffic
    peak = traffic.peak_requests_per_second
    if peak is not None and traffic.requests_per_day:
        # A model file's peak is above zero, so this one has to be too.
        peak = max(peak * requests_per_day / traffic.requests_per_day, 1e-9)
    changed = traffic.model_copy(update={"requests_per_day": requests_per_day, "peak_requests_per_second": peak})
    return request.with_spec(traffic=changed)


def _grid() -> list[int]:
    return sorted({round(10 ** (step / _PER_DECADE)) for step in range(_PER_DECADE * _DECADES + 1)})


def _month(day: int) -> int:
    return round(day * DAYS_PER_MONTH)


def _scored(request: Request, legal: Sequence[Kind], region: str, days: Sequence[int]) -> list[list[Scored]]:
    """Score the options at every point in one pass."""
    per_point: list[list[Option]] = [options_of(with_traffic(request, day), legal, [region])[0] for day in days]
    flat = iter(score([option for options in per_point for option in options]))
    return [[next(flat) for _ in options] for options in per_point]


def _between(
    request: Request, legal: Sequence[Kind], region: str, low: tuple[int, Scored], high: tuple[int, Scored]
) -> list[BreakEven]:
    """Halve until the day on which the choice changes is found; a third option in between is found on the way."""
    if high[0] - low[0] <= 1:
        return [BreakEven(_month(high[0]), _name(low[1]), _name(high[1]))]
    middle = (low[0] + high[0]) // 2
    found = _best(_scored(request, legal, region, [middle])[0])
    assert found is not None
    halves = [(low, (middle, found)), ((middle, found), high)]
    return [item for a, b in halves if _kind(a[1]) != _kind(b[1]) for item in _between(request, legal, region, a, b)]


def _best(options: Sequence[Scored]) -> Scored | None:
    return min(options, key=lambda item: item.order, default=None)


def _kind(item: Scored) -> Kind:
    return item.option.kind


def _name(item: Scored) -> str:
    option = item.option
    return option.kind if option.item is None else f"{option.kind} on {option.item.name}"


def _curve(kind: Kind, points: Sequence[Sequence[Scored]], days: Sequence[int]) -> Curve:
    # What does not keep the SLA is no choice there, and no point of the curve.
    best = [_best([item for item in options if item.option.kind == kind and item.option.keeps_sla]) for options in points]
    per_1000 = [1000 / (day * DAYS_PER_MONTH) for day in days]
    return Curve(
        kind,
        tuple(item.carbon_g * factor if item else None for item, factor in zip(best, per_1000, strict=True)),
        tuple(_known(item.cost_usd * factor) if item else None for item, factor in zip(best, per_1000, strict=True)),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _about(number: int) -> str:
    """Three digits: the figures behind it are no better."""
    return f"{float(f'{number:.3g}'):,.0f}"


def _then(item: BreakEven, following: BreakEven | None) -> str:
    until = f" until {_about(following.requests_per_month)}" if following else ""
    return f"then {item.after}{until}"
