"""The quotas that a plan meets, against those of the account, with the command that asks for more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...catalog.quotas import held_builds, instance_quota, quota
from .look import Look
from .needs import Need

_SETTLED = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack")


def check_quotas(look: Look, needs: Iterable[Need], ours: frozenset[str]) -> None:
    """Check each need of the Region; what endpoints that are not `ours` take is counted too."""
    others = Counter[str]()
    look.try_to("endpoints of others", lambda: others.update(_in_use(look, ours)))
    for need in needs:
        look.try_to(need.name, lambda need=need: _check(look, need, others[need.name]), need.models)


def check_builds(look: Look) -> None:
    """Check that an image can be built."""
    wanted = quota("builds")

    def check() -> None:
        row = look.quotas(wanted.service).get(wanted.name)
        if row is None:
            look.says(wanted.name, "unknown", "Service Quotas does not list it", do=held_builds())
        elif row["Value"] < 1:
            look.says(wanted.name, "stops", f"{row['Value']:g}, and images have to be built", do=_ask(look, row, 2))
        else:
            look.says(wanted.name, "ok", f"{row['Value']:g}")

    look.try_to(wanted.name, check)


def check_functions(look: Look) -> None:
    """Check that functions may run at all beside those that are there."""
    wanted = quota("function_concurrency")

    def check() -> None:
        limits = (look.ask("lambda", "get_account_settings") or {}).get("AccountLimit", {})
        free = limits.get("UnreservedConcurrentExecutions", limits.get("ConcurrentExecutions", 0))
        if free < 1:
            do = f"free what is reserved, or: {_request(look, wanted.service, wanted.code, 100)}"
            look.says("Lambda, concurrent executions", "stops", f"{free} are not reserved", do=do)
        else:
            look.says("Lambda, concurrent executions", "ok", f"{free:,}")

    look.try_to("Lambda, concurrent executions", check)


def _check(look: Look, need: Need, others: float) -> None:
    known = look.quotas(need.service)
    rows = [known[name] for name in (need.one_of or (need.name,)) if name in known]
    if not rows:
        look.says(need.name, "unknown", f"Service Quotas of {look.region} does not list it", need.models)
        return
    row = max(rows, key=lambda row: row["Value"])
    value, first, most = row["Value"], need.first + others, need.most + others
    name = need.name if len(need.one_of) < 2 else f"{need.name}, or of {len(need.one_of) - 1} others"
    taken = f", {others:g} of it taken by other endpoints" if others else ""
    wanted = f"needed: {first:g}{taken}" + (f"; {most:g} {need.why_most}" if most > first and need.why_most else "")
    do = _ask(look, rows[0], most) if row.get("Adjustable", True) else "it cannot be raised: use another type or Region"
    if value < first:
        look.says(name, "stops", f"{value:g}; {wanted}", need.models, do)
    elif value < most:
        look.says(name, "limits", f"{value:g}; {wanted}", need.models, do)
    else:
        look.says(name, "ok", f"{value:g}; {wanted}", need.models)


def _in_use(look: Look, ours: frozenset[str]) -> Counter[str]:
    """What endpoints take that are not ours, by the name of the quota."""
    found, every = Counter[str](), quota("active_instances")
    for row in look.pages("sagemaker", "list_endpoints", "Endpoints"):
        if row["EndpointName"] in ours or row["EndpointStatus"] not in _SETTLED:
            continue
        endpoint = look.ask("sagemaker", "describe_endpoint", EndpointName=row["EndpointName"]) or {}
        config = look.ask("sagemaker", "describe_endpoint_config", EndpointConfigName=endpoint.get("EndpointConfigName", "-"))
        types = {item["VariantName"]: item for item in (config or {}).get("ProductionVariants", [])}
        for variant in endpoint.get("ProductionVariants", []):
            item = types.get(variant["VariantName"], {})
            count = variant.get("CurrentInstanceCount", item.get("InitialInstanceCount", 0))
            if item.get("InstanceType"):
                found[instance_quota(item["InstanceType"], "endpoint")] += count
                found[every.name] += count
            if item.get("ServerlessConfig"):
                found[quota("serverless_concurrency").name] += item["ServerlessConfig"]["MaxConcurrency"]
    return found


def _ask(look: Look, row: dict[str, object], most: float) -> str:
    return _request(look, str(row["ServiceCode"]), str(row["QuotaCode"]), most)


def _request(look: Look, service: str, code: str, value: float) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value:g} --region {look.region}"
    )
