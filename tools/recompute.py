"""Works a plan's footprint out again, from nothing but the JSON of `greensage plan --json`: without greensage's own code.

`greensage plan --json > plan.json; python tools/recompute.py plan.json` prints how far apart the two are, and fails beyond 0.1 %.
First what a month runs, from what is asked and the size that was chosen; then energy, carbon and cost from that.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

ALLOWED = 0.001
DAYS, HOURS = 30, 720
Json = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Print the largest differences; 1 where one is above what is allowed."""
    plan = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    found = sorted(differences(plan), key=lambda row: -row[2])
    for where, what, difference in found[:5]:
        print(f"{difference:.5%}  {what:<11} {where}")
    print(f"{len(found)} figures; {'all within' if not found or found[0][2] <= ALLOWED else 'NOT within'} {ALLOWED:.1%}")
    return int(bool(found) and found[0][2] > ALLOWED)


def differences(plan: Json) -> list[tuple[str, str, float]]:
    """Return where, what and how large (a share) each difference is."""
    found: list[tuple[str, str, float]] = []
    groups = {name: group for group in plan["groups"] for name in group["members"]}
    demands = {model["name"]: model["demand"] for model in plan["models"]}
    for group in plan["groups"]:
        again = months_of_group(group, [demands[name] for name in group["members"]], plan)
        found += apart(f"{group['name']}, what runs", again, running(group["usage"]))
    total = {"energy_kwh": 0.0, "carbon_g": 0.0, "cost_usd": 0.0}
    for model in plan["models"]:
        name, footprint = model["name"], model["footprint"]
        if name in groups:
            group = groups[name]
            whole = figures(group["usage"], plan)
            host = {key: value * share_of(model, group, demands, plan) for key, value in whole.items()}
        else:
            found += apart(f"{name}, what runs", months_of(model, plan), running(model["usage"]))
            host = figures(model["usage"], plan)
        found += apart(f"{name}, host", host, middles(footprint["host"]))
        parts = [figures(item["usage"], plan) for item in model["beside"]]
        for item, shown in zip(parts, footprint["beside"], strict=True):
            found += apart(f"{name}, {shown['name']}", item, middles(shown))
        own = {key: host[key] + sum(item[key] for item in parts) for key in total}
        found += apart(name, own, middles(footprint))
        if "baseline_usage" in model:
            found += apart(f"{name}, baseline", figures(model["baseline_usage"], plan), middles(footprint["baseline"]))
        total = {key: total[key] + own[key] for key in total}
    return [*found, *apart("total", total, middles(plan["total"]))]


def apart(where: str, again: Json, shown: Json) -> list[tuple[str, str, float]]:
    """Return how far apart the figures of one place are."""
    rows = []
    for key, value in shown.items():
        if value is None:
            continue
        difference = abs(again[key] - value) / abs(value) if value else abs(again[key])
        rows.append((where, key, difference))
    return rows


def middles(footprint: Json) -> Json:
    """Return the middles that are compared."""
    return {key: footprint[key]["mid"] for key in ("energy_kwh", "carbon_g", "cost_usd")}


def running(usage: Json) -> Json:
    """What a usage runs, in sums that do not depend on how it is divided into levels."""
    used = usage["serverless"] or {}
    return {
        "hours": sum(level["hours"] * level["instances"] for level in usage["levels"]),
        "busy hours": sum(level["hours"] * level["instances"] * level["utilisation"] for level in usage["levels"]),
        "vCPU-seconds": used.get("busy_vcpu_seconds", 0.0), "GB-seconds": used.get("held_gb_seconds", 0.0),
        "billed": used.get("billed_gb_seconds", 0.0), "stored": usage["stored_gb"], "moved": usage["network_gb"],
    }  # fmt: skip


def row(hours: float = 0.0, busy: float = 0.0, stored: float = 0.0, moved: float = 0.0) -> Json:
    """Return what `running` returns, of instances."""
    return {
        "hours": hours,
        "busy hours": busy,
        "vCPU-seconds": 0.0,
        "GB-seconds": 0.0,
        "billed": 0.0,
        "stored": stored,
        "moved": moved,
    }


def months_of(model: Json, plan: Json) -> Json:
    """What a model with hosting of its own runs in a month."""
    demand, kind, scaling = model["demand"], model["kind"], model["scaling"] or {}
    assumed, cpu = plan["assumptions"], demand["cpu_seconds"]
    if kind == "edge":
        return row(stored=demand["artifact_gb"])
    if kind == "serverless":
        return serverless(model, plan)
    units = plan["types"][model["instance_type"]]["units"]
    if kind == "batch":
        jobs = demand["jobs_per_day"] * DAYS if demand["requests"] else 0
        work = demand["requests"] * cpu / units / 3600
        instances = model["usage"]["levels"][0]["instances"]
        hours = jobs * assumed["batch_start_seconds"] / 3600 * instances + work / assumed["batch_utilisation"]
        return row(hours, work, demand["artifact_gb"] + kept(demand, demand["files_gb"]), demand["files_gb"])
    if kind == "asynchronous":
        hours = busy = 0.0
        for part in demand["hours"]:
            low = scaling["min_instances"]
            count = max(low, needed(part["rate"], cpu, units, assumed["target_utilisation"]))
            count = min(count, demand["most_instances"] or count)
            at_work = part["rate"] * cpu / (count * units)
            linger = assumed["asynchronous_linger_seconds"] + assumed["asynchronous_wake_seconds"] + cpu / units
            alive = 1.0 if low else min(1.0, max(1 - math.exp(-part["rate"] * linger), at_work))
            hours += part["hours"] * DAYS * alive * count
            busy += part["hours"] * DAYS * min(1.0, at_work / alive if alive else 0.0) * alive * count
        return row(hours, busy, demand["artifact_gb"] + kept(demand, demand["network_gb"]), demand["network_gb"])
    hours = busy = 0.0
    for share in demand["shares"]:
        for part in demand["hours"]:
            count = max(scaling["min_instances"], needed(part["peak"] * share, cpu, units, scaling["utilisation"]))
            count = min(count, demand["most_instances"] or count)
            hours += part["hours"] * DAYS * count
            busy += part["hours"] * DAYS * min(count, part["rate"] * share * cpu / units)
    return row(hours, busy, demand["artifact_gb"], demand["network_gb"])


def months_of_group(group: Json, demands: list[Json], plan: Json) -> Json:
    """What an endpoint that several models share runs in a month."""
    assumed, scaling = plan["assumptions"], group["scaling"]
    units = plan["types"][group["instance_type"]]["units"]
    work = sum(demand["requests"] * demand["cpu_seconds"] for demand in demands)
    stored, moved = (sum(demand[key] for demand in demands) for key in ("artifact_gb", "network_gb"))
    if group["kind"] == "inference-components":
        rate = sum(demand["requests"] for demand in demands) / (HOURS * 3600)
        # How copies fit instances is a packing, which is taken as it stands.
        copies = group["usage"]["levels"][0]["instances"]
        low = scaling["min_instances"]
        count = max(low, copies, needed(1.0, work / (HOURS * 3600), units, assumed["target_utilisation"]))
        alive = max(1 - math.exp(-rate * assumed["component_linger_seconds"]), work / (HOURS * 3600) / (count * units))
        return row(HOURS * (alive * count + (1 - alive) * low), work / units / 3600, stored, moved)
    hours = 0.0
    for hour in range(24):
        peak = sum(demand["clock"][hour][1] * demand["cpu_seconds"] for demand in demands)
        hours += DAYS * max(scaling["min_instances"], 1, needed(peak, 1.0, units, scaling["utilisation"]))
    return row(hours, work / units / 3600, stored, moved)


def serverless(model: Json, plan: Json) -> Json:
    """Return what serverless hosting runs in a month."""
    demand, assumed, numbers = model["demand"], plan["assumptions"], plan["figures"]
    gb, vcpu = model["memory_mb"] / 1024, model["memory_mb"] / numbers["serverless_mb_per_vcpu"]["value"]
    effective = vcpu if vcpu <= 1 else 1 / ((1 - demand["parallel"]) + demand["parallel"] / vcpu)
    speed = numbers[f"{assumed['serverless_reference_type']} speed"]["value"]
    seconds = demand["cpu_seconds"] / (effective * speed) + assumed["overhead_ms"] / 1000
    held = starts = 0.0
    warm, lingers = demand["warm"], assumed["serverless_linger_seconds"]
    for part in demand["hours"]:
        span = part["hours"] * DAYS * 3600
        linger = part["rate"] * lingers
        busy_at_once = max(1.0, part["rate"] * seconds / assumed["target_utilisation"])
        held += span * max((1 - math.exp(-linger)) * busy_at_once, warm)
        starts += cold_starts(span, part["rate"], lingers)
    if demand["scattered"]:
        starts = cold_starts(HOURS * 3600, demand["requests"] / (HOURS * 3600), lingers)
    starts = 0.0 if warm else starts
    busy = demand["requests"] * seconds + starts * assumed["cold_start_seconds"]
    billed = demand["requests"] * seconds + warm * HOURS * 3600 * numbers["serverless_provisioned_share"]["value"]
    return {
        **row(stored=demand["artifact_gb"], moved=demand["network_gb"]), "vCPU-seconds": busy * vcpu,
        "GB-seconds": max(held, busy) * gb, "billed": billed * gb,
    }  # fmt: skip


def cold_starts(seconds: float, rate: float, lingers: float) -> float:
    """Return how many requests find nothing alive, of those that come at random times; no fewer than of a lower rate."""
    calm = min(rate, 1 / lingers)
    return seconds * calm * math.exp(-calm * lingers)


def needed(peak: float, cpu: float, units: float, utilisation: float) -> int:
    """Return how many instances a peak needs."""
    return max(1, math.ceil(peak * cpu / (units * utilisation) - 1e-9))


def kept(demand: Json, gb: float) -> float:
    """Return how many GB lie there at a time, of `gb` a month."""
    return gb * demand["files_days"] / DAYS


def share_of(model: Json, group: Json, demands: Json, plan: Json) -> float:
    """Half by memory, half by CPU time."""
    members = [demands[name] for name in group["members"]]
    memory = sum(demand["memory_mb"] for demand in members)
    work = sum(demand["requests"] * demand["cpu_seconds"] for demand in members)
    own = model["demand"]
    busy = own["requests"] * own["cpu_seconds"] / work if work else 1 / len(members)
    return own["memory_mb"] / memory / 2 + busy / 2


def figures(usage: Json, plan: Json) -> Json:
    """Energy, carbon and cost of what runs: the formulas of the SCI, and a bill."""
    numbers, place = plan["figures"], usage["region"]

    def value(name: str) -> float:
        # What nobody publishes is NaN here, and stays it in every sum.
        found = numbers[name]["value"]
        return math.nan if found is None else found

    it_kwh = made_g = cost = 0.0
    name = usage["instance_type"]
    if name:
        idle, half, full = (value(f"{name} {key}") for key in ("idle_w", "half_w", "full_w"))
        an_hour = value(f"{name} embodied_kg") * 1000 / value("lifespan_hours")
        for level in usage["levels"]:
            hours, load = level["hours"] * level["instances"], level["utilisation"]
            watts = idle + (half - idle) * load * 2 if load <= 0.5 else half + (full - half) * (load - 0.5) * 2
            it_kwh += hours * watts / 1000
            made_g += hours * an_hour
            cost += hours * value(f"{name} price in {place}") if usage["hosted"] else 0.0
    if usage["serverless"]:
        used, like = usage["serverless"], plan["assumptions"]["serverless_reference_type"]
        size = plan["types"][like]
        it_kwh += used["busy_vcpu_seconds"] * value(f"{like} full_w") / size["vcpu"] / 3.6e6
        it_kwh += used["held_gb_seconds"] * value("memory_w_per_gb") / 3.6e6
        a_second = value(f"{like} embodied_kg") * 1000 / value("lifespan_hours") / 3600
        warm = used["held_gb_seconds"] - used["busy_gb_seconds"]
        made_g += used["busy_vcpu_seconds"] * a_second / size["vcpu"]
        made_g += warm * a_second / size["memory_gib"] * value("serverless_idle_memory_share")
        cost += used["billed_gb_seconds"] * value(f"serverless_gb_second in {place}")
    terabytes = (usage["stored_gb"] + usage["unbilled_stored_gb"]) * value("s3_replication") / 1000
    terabytes += usage["logs_kept_gb"] * value("log_replication") / 1000
    it_kwh += terabytes * value("hdd_wh_per_tb_hour") * HOURS / 1000
    it_kwh += (usage["network_gb"] + usage["unbilled_gb"]) * value("network_kwh_per_gb")
    made_g += terabytes * value("storage_kg_per_tb") * 1000 * HOURS / value("lifespan_hours")
    bill = {"data_gb": "network_gb", "s3_gb_month": "stored_gb", "logs_ingest_gb": "logs_gb", "logs_gb_month": "logs_kept_gb"}
    cost += sum(usage[key] * value(f"{price} in {place}") for price, key in bill.items() if usage[key])
    cost += sum(amount * value(f"{price} in {place}") for price, amount in usage["services"].items())
    energy = it_kwh * value(f"{place} pue")
    return {"energy_kwh": energy, "carbon_g": energy * value(f"{place} intensity") + made_g, "cost_usd": cost}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
