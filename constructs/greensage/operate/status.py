"""What is deployed and how it is: state, last change, requests and kWh so far this month; jobs by their last run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog.figures import HOURS_PER_MONTH
from .deployed import Deployed, Host
from .live import LiveHost
from .rightsize import words_of_host


@dataclass(frozen=True)
class Status:
    """One model. None is what is not known: nothing was measured, or it answers elsewhere.

    `healthy` is False for what failed or answers with errors. `kwh` is the model's equal part of what its endpoint has
    taken since the month began, or since it was made; an estimate from measured use.
    """

    model: str
    region: str
    runs: str
    state: str
    healthy: bool
    updated: float | None
    requests: float | None
    errors: float | None
    kwh: float | None
    detail: str = ""


def status_of(deployed: Deployed, live: Sequence[LiveHost], jobs: Sequence[Status]) -> list[Status]:
    """Return a row for each model, in the order of their names."""
    rows = [row for found in live for row in _of_host(found)]
    seen = {(row.region, row.model) for row in rows}
    rows += [_unmeasured(host, name) for host in deployed.hosts for name in host.models if (host.region, name) not in seen]
    return sorted([*rows, *jobs], key=lambda row: (row.model, row.region))


def _of_host(live: LiveHost) -> list[Status]:
    observed, host = live.observed, live.observed.host
    kwh = live.month.energy_kwh.mid * observed.hours / HOURS_PER_MONTH / len(host.models)
    traffic, own = observed.traffic, dict(observed.components)
    components = dict(host.components)
    found: list[Status] = []
    for name in host.models:
        counted = own.get(components.get(name, ""), traffic if len(host.models) == 1 else None)
        shared = f"shares {host.endpoint} with {len(host.models) - 1} more" if len(host.models) > 1 else ""
        found.append(
            Status(
                name, host.region, words_of_host(observed), host.status, host.status == "InService" and not _fails(counted),
                host.updated, counted.requests if counted else None, counted.errors if counted else None, kwh,
                host.failure or shared,
            )
        )  # fmt: skip
    return found


def _fails(traffic: Any) -> bool:
    """More than one request in a hundred that the model answers with a fault of its own."""
    return traffic is not None and traffic.errors > 0 and traffic.errors * 100 > traffic.requests


def _unmeasured(host: Host, name: str) -> Status:
    healthy = host.status == "InService"
    return Status(name, host.region, host.endpoint, host.status, healthy, host.updated, None, None, None, host.failure)


def status_of_jobs(session: Any, deployed: Deployed, root: str) -> list[Status]:
    """Return a row for each model without an endpoint: the last run of its job, or the component on its devices."""
    found: list[Status] = []
    for name, region in deployed.without_endpoint.items():
        value = session.client("ssm", region_name=region).get_parameter(Name=f"{root}/models/{name}")["Parameter"]["Value"]
        address = json.loads(value)
        if "stateMachine" in address:
            found.append(_of_job(session.client("stepfunctions", region_name=region), name, region, address["stateMachine"]))
        else:
            what = f"component {address.get('component', '?')} {address.get('version', '')}".strip()
            found.append(Status(name, region, what, "on devices", True, None, None, None, None, "greengrassv2 knows its devices"))
    return found


def _of_job(states: Any, name: str, region: str, machine: str) -> Status:
    runs = states.list_executions(stateMachineArn=machine, maxResults=1)["executions"]
    if not runs:
        return Status(name, region, "job", "never run", True, None, None, None, None)
    last = runs[0]
    at = (last.get("stopDate") or last["startDate"]).timestamp()
    return Status(name, region, "job", last["status"].lower(), last["status"] in ("SUCCEEDED", "RUNNING"), at, None, None, None)
