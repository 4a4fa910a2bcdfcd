"""Whether an endpoint gets a dashboard of its own: where it costs little beside what it watches, or where the file says so."""

from __future__ import annotations

from ..catalog.kinds import hosting_kind
from ..catalog.prices import service_price
from ..footprint import Usage, mid_figures
from ..spec import ModelSpec
from .types import Choice, Kind

# A dashboard that costs more than a tenth of what it watches is not worth its price.
_SHARE = 0.1
# Its two alarms read two metrics and three, and CloudWatch bills an alarm by them.
METRICS_OF_ALARMS = 5


def choose_dashboard(spec: ModelSpec, kind: Kind, usage: Usage) -> tuple[bool, Choice | None]:
    """Return whether, and why; no choice for what has no endpoint."""
    if hosting_kind(kind).runs_on == "devices" or hosting_kind(kind).answers == "files":
        return False, None
    if spec.dashboard != "auto":
        asked = f"dashboard: {str(spec.dashboard).lower()} in the spec"
        return spec.dashboard, Choice("dashboard", _value(spec.dashboard), asked)
    price, cost = service_price("dashboard_month", usage.region).value, mid_figures([usage])[0].cost_usd
    own = price <= _SHARE * cost
    why = f"{price:.2g} USD a month {'is less' if own else 'would be more'} than a tenth of what the endpoint costs"
    return own, Choice("dashboard", _value(own), why)


def _value(own: bool) -> str:
    return "of its own, with alarms" if own else "the platform's"
