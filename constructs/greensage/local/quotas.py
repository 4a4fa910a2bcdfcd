"""Service Quotas, and what they stop here: with the quotas of a new account if it was asked for, else nothing.

An increase that is asked for is granted at once. Quotas of instance types have codes of the local cloud's own.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

from ..catalog import quotas as catalog
from ..catalog._data import load
from . import ministack_api as cloud
from .ministack_api import Answer
from .protocol import Request, respond
from .state import Store
from .wire import AwsError

NEW_ACCOUNT = "new-account"
_MANY = 1_000.0
_PAGE = 100
_granted: dict[tuple[str, str], dict[tuple[str, str], float]] = defaultdict(dict)


def enforced() -> bool:
    """Whether quotas stop anything."""
    return os.environ.get("GREENSAGE_QUOTAS") == NEW_ACCOUNT


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer one HTTP request."""

    def denied(name: str, request: Request) -> Answer | None:
        return cloud.authorize(headers, query, f"servicequotas:{name}", "*")

    return respond("service-quotas", OPERATIONS, denied, headers, body)


def limit(name: str) -> float:
    """Return the value of a quota of the account and Region at hand."""
    return next((row["Value"] for row in _rows() if row["QuotaName"] == name), _MANY)


def check_endpoint(store: Store, config: str, *, besides: str = "") -> None:
    """Refuse an endpoint, or its update, for which the account has too little; an update runs both fleets for a while."""
    if not enforced():
        return
    rows = [row for part in ("ProductionVariants", "ShadowProductionVariants") for row in store.configs[config].get(part, [])]
    _check_instances(store, _instances_of(rows))
    _check_serverless(store, sum((row.get("ServerlessConfig") or {}).get("MaxConcurrency", 0) for row in rows), besides)


def _check_instances(store: Store, wanted: Counter[str]) -> None:
    used = _in_use(store)
    for kind, count in wanted.items():
        name = catalog.instance_quota(kind, "endpoint")
        _check(name, used[kind], count)
    _check(catalog.quota("active_instances").name, used.total(), wanted.total())


def _check_serverless(store: Store, wanted: int, besides: str) -> None:
    if wanted:
        rows = [row for name, item in store.endpoints.items() if name != besides for row in _variants(store, item.config_name)]
        used = sum((row.get("ServerlessConfig") or {}).get("MaxConcurrency", 0) for row in rows)
        _check(catalog.quota("serverless_concurrency").name, used, wanted)


def check_job(usage: catalog.Usage, instance_type: str, count: int, running: Iterable[tuple[str, int]]) -> None:
    """Refuse a job beyond the quota of its instance type; `running` are types and counts of the jobs of the same use."""
    if enforced():
        used = sum(number for kind, number in running if kind == instance_type)
        _check(catalog.instance_quota(instance_type, usage), used, count)


def _instances_of(rows: list[dict[str, Any]]) -> Counter[str]:
    """How many instances variants of a config begin with, by type."""
    found = Counter[str]()
    for row in rows:
        if row.get("InstanceType"):
            found[row["InstanceType"]] += row.get("InitialInstanceCount", 1)
    return found


def _check(name: str, used: float, wanted: float) -> None:
    value = limit(name)
    if used + wanted > value:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{name}' is {value:g} Instances, with current utilization of {used:g} Instances "
            f"and a request delta of {wanted:g} Instances. Please use AWS Service Quotas to request an increase for this quota. "
            "If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.",
        )


def _in_use(store: Store) -> Counter[str]:
    found = Counter[str]()
    for endpoint in store.endpoints.values():
        for variant in endpoint.variants.values():
            if variant.instance_type:
                found[variant.instance_type] += variant.desired
    return found


def _variants(store: Store, config: str) -> list[dict[str, Any]]:
    return list(store.configs.get(config, {}).get("ProductionVariants", []))


def list_quotas(request: Request) -> Request:
    """List the quotas of a service, as they apply."""
    rows = [row for row in _rows() if row["ServiceCode"] == request["ServiceCode"]]
    if not rows:
        raise AwsError(
            "NoSuchResourceException", f"The request failed because the service {request['ServiceCode']} has no quotas."
        )
    start = int(request.get("NextToken", 0))
    size = min(_PAGE, request.get("MaxResults", _PAGE))
    more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return {"Quotas": rows[start : start + size], **more}


def get_quota(request: Request) -> Request:
    """Return one quota."""
    return {"Quota": _find(request)}


def request_increase(request: Request) -> Request:
    """Grant what is asked for."""
    row = _find(request)
    if request["DesiredValue"] <= row["Value"]:
        raise AwsError("IllegalArgumentException", f"The desired value must be above the current one, {row['Value']:g}.")
    _granted[cloud.account(), cloud.region()][row["ServiceCode"], row["QuotaCode"]] = request["DesiredValue"]
    kept = {key: row[key] for key in ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "Unit", "GlobalQuota")}
    return {"RequestedQuota": {**kept, "Id": "local", "DesiredValue": request["DesiredValue"], "Status": "APPROVED"}}


OPERATIONS = {
    "ListServiceQuotas": list_quotas, "GetServiceQuota": get_quota, "RequestServiceQuotaIncrease": request_increase,
}  # fmt: skip


def _find(request: Request) -> dict[str, Any]:
    asked = (request["ServiceCode"], request["QuotaCode"])
    for row in _rows():
        if (row["ServiceCode"], row["QuotaCode"]) == asked:
            return row
    raise AwsError("NoSuchResourceException", f"There is no quota {request['QuotaCode']} of {request['ServiceCode']}.")


def _rows() -> list[dict[str, Any]]:
    granted, new = _granted[cloud.account(), cloud.region()], enforced()
    return [
        {
            "ServiceCode": service, "ServiceName": service, "QuotaCode": code, "QuotaName": name, "Unit": "None",
            "QuotaArn": f"arn:aws:servicequotas:{cloud.region()}:{cloud.account()}:{service}/{code}", "GlobalQuota": False,
            "Adjustable": True, "Value": granted.get((service, code), first if new else usual),
        }
        for service, code, name, usual, first in _known()
    ]  # fmt: skip


@cache
def _known() -> tuple[tuple[str, str, str, float, float], ...]:
    """Service, code, name, and the value that applies usually and in a new account."""
    rows = [(row.service, row.code, row.name, row.default, row.new_account) for row in catalog.all_known()]
    types = sorted(str(name) for name in load("instances")["types"])
    for kind in types:
        for usage in catalog.usages():
            name = catalog.instance_quota(kind, usage)
            code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
            rows.append(("sagemaker", code, name, _MANY, catalog.new_account_instances()))
    return tuple(rows)
