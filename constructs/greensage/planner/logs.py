"""What a model logs: how long it is kept and where, how much that is, and what it saves against logs kept for ever."""

from __future__ import annotations

from ..catalog.kinds import hosting_kind
from ..catalog.prices import service_price
from ..footprint.demand import demand_of, log_kb_usual
from ..spec import ModelSpec
from ..text import money, number
from .types import Choice, Kind


def why_logs(spec: ModelSpec, kind: Kind, region: str) -> tuple[Choice, ...]:
    """Return the choice; none for what writes no logs to AWS."""
    if hosting_kind(kind).runs_on == "devices":
        return ()
    demand, price = demand_of(spec), service_price("logs_ingest_gb", region).value
    value = f"{spec.retention.logs_days} days"
    if spec.logs.storage != "standard":
        value += ", infrequent access"
    if spec.logs.archive_days:
        value += f", compressed in S3 for {spec.logs.archive_days}"
    usual = demand.requests * log_kb_usual() / 1e6
    cost, before = demand.logs_gb * demand.logs_price_share * price, usual * price
    saved = f", {money(before - cost)} less than usual" if before - cost > 0 else ""
    return (Choice("logs", value, f"{number(demand.logs_gb, 2)} GB a month, {money(cost)} USD to write{saved} (estimate)"),)
