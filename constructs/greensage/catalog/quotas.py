"""Which Service Quotas a deployment meets, by the names under which the service lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ._data import load

Usage = Literal["endpoint", "transform", "training", "spot-training", "processing"]
Known = Literal["serverless_concurrency", "active_instances", "builds", "function_concurrency"]


@dataclass(frozen=True)
class Quota:
    """One quota; `default` is AWS's own, `new_account` what accounts without history are seen with."""

    service: str
    name: str
    code: str
    default: float
    new_account: float


def quota(known: Known) -> Quota:
    """Return a quota that has one name for all."""
    row = load("quotas")["quotas"][known]
    return Quota(row["service"], row["name"], row["code"], float(row["default"]), float(row["new_account"]))


def all_known() -> tuple[Quota, ...]:
    """Return every quota that has one name for all."""
    return tuple(quota(name) for name in get_args(Known))


def instance_quota(instance_type: str, usage: Usage) -> str:
    """Return the name of the quota of SageMaker for instances of a type in one use."""
    return f"{instance_type} {load('quotas')['usages'][usage]}"


def usages() -> tuple[Usage, ...]:
    """Return every use that has quotas by instance type."""
    return get_args(Usage)


def new_account_instances() -> float:
    """Return how many instances of most types an account without history may run."""
    return float(load("quotas")["instances_of_a_new_account"]["value"])


def held_builds() -> str:
    """Return what Service Quotas does not show of builds in new accounts."""
    return str(load("quotas")["new_account_may_not_build"])
