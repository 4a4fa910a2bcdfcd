"""Which instance types Inference Recommender measures for a model, within its budget."""

from __future__ import annotations

from ..catalog import recommender
from ..catalog.kinds import hosting_kind
from ..catalog.prices import hourly_price
from .context import Request
from .options import memory_mb
from .size import fitting_types
from .types import Choice, ImagePlan, Kind, RecommendPlan

_DEFAULT_TYPES = 4


def plan_recommendation(
    request: Request, kind: Kind, image: ImagePlan, planned: str | None
) -> tuple[RecommendPlan | None, list[Choice]]:
    """Return the types and what they cost at most; None without `recommend`. Raises PlanError beyond the budget."""
    asked = request.spec.recommend
    if asked is None:
        return None, []
    row = hosting_kind(kind)
    if row.answers != "at-once" or row.shares or planned is None:
        what = f"Inference Recommender measures models alone on instances that answer at once, and {kind} is not that"
        raise request.refuse("recommend", what, hint="hosting: real-time, or leave it out")
    minutes = recommender.setting(f"{asked.job}_minutes")
    types = list(asked.instance_types or _usual(request, kind, image, planned))
    most = recommender.most_usd(types, request.region, minutes)
    if asked.instance_types and most > asked.budget_usd:
        what = f"these types for {minutes:g} minutes may cost {most:.2f} USD"
        raise request.refuse("recommend.budget_usd", what, found=f"{asked.budget_usd:g}", hint="fewer types, or a larger budget")
    while len(types) > 1 and most > asked.budget_usd:
        types.pop()
        most = recommender.most_usd(types, request.region, minutes)
    if most > asked.budget_usd:
        what = f"{types[0]} alone for {minutes:g} minutes may cost {most:.2f} USD"
        raise request.refuse("recommend.budget_usd", what, found=f"{asked.budget_usd:g}", hint="a larger budget")
    plan = RecommendPlan(asked.sample, asked.content_type, asked.job, tuple(types), minutes, most)
    return plan, [Choice("recommend", f"{asked.job} job on {len(types)}", f"{', '.join(types)}; at most {most:.2f} USD a run")]


def _usual(request: Request, kind: Kind, image: ImagePlan, planned: str) -> tuple[str, ...]:
    """The planned type, and the cheapest of those that it was chosen from."""
    free = request.with_spec(hosting="auto")
    others = fitting_types(free, image, memory_mb(request), kind)
    names = sorted((item.name for item in others), key=lambda name: hourly_price(name, request.region).value)
    return tuple(dict.fromkeys([planned, *names]))[:_DEFAULT_TYPES]
