"""What the checks assume and where they draw lines: data/checks.json."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ._data import load
from .ec2 import bare_type, family_of
from .figures import Figure, figure


@cache
def assumed(name: str) -> Figure:
    """Return an assumption about what a template does not say."""
    row = load("checks")["assumptions"][name]
    return figure(name, row["value"], row["unit"], row["quality"], row["source"], load("checks")["date"])


def assumed_name(name: str) -> str:
    """Return an assumption that is a name: a Region or an instance type."""
    return str(load("checks")["assumptions"][name]["value"])


@cache
def price(name: str, *, arm: bool = False) -> Figure:
    """Return a price in us-east-1 of a service beside hosting; `arm` is Graviton's."""
    row = load("checks")["prices"][name]
    return figure(name, row["arm_usd" if arm else "usd"], "USD", row["quality"], row["source"], load("checks")["date"])


def line(name: str) -> Any:
    """Return where a rule draws its line unless it is told otherwise."""
    return load("checks")["limits"][name]["value"]


def severity_grams() -> tuple[float, float]:
    """Return gCO2e a month from which a finding is of high, and of medium severity."""
    row = load("checks")["severity_g"]
    return float(row["high"]), float(row["medium"])


@cache
def development_names() -> tuple[str, ...]:
    """Return words in a stack's name that tell a stage nobody uses at night."""
    return tuple(load("checks")["development_names"])


def graviton_family(service: str, family: str) -> str | None:
    """Return the Graviton family that runs the same on `service`: hosting, ec2, db, cache, search, emr, neptune or docdb."""
    return load("checks")["graviton"][service].get(family)


def graviton_engines() -> tuple[str, ...]:
    """Return the database engines that run on Graviton."""
    return tuple(load("checks")["graviton_engines"]["engines"])


@cache
def graviton_type(service: str, name: str) -> str | None:
    """Return the Graviton type for `name` (m5.large, ml.m5.large, db.m5.large, m5.large.search), or None.

    The same size where the family has it, else the next larger one, else the largest.
    """
    family = graviton_family(service, family_of(name))
    if family is None:
        return None
    size = _size_in(family, bare_type(name).split(".")[1], hosting=service == "hosting")
    parts = name.split(".")
    if len(parts) < 3:
        return f"{family}.{size}"
    # In ml.m5.large the service stands first, in m5.large.search last.
    return f"{parts[0]}.{family}.{size}" if bare_type(name) == ".".join(parts[1:3]) else f"{family}.{size}.{parts[2]}"


def is_too_small_for_aurora(name: str) -> bool:
    """Return whether Aurora has no such class: its T4g begins at medium."""
    least = load("checks")["aurora_least"].get(family_of(name))
    return least is not None and _rank(bare_type(name).split(".")[1]) < _rank(least)


def _size_in(family: str, size: str, *, hosting: bool) -> str:
    rows = load("instances")["types"] if hosting else load("ec2")["types"]
    names = [name.removeprefix("ml.") for name in rows]
    sizes = [name.split(".")[1] for name in names if name.split(".")[0] == family and "metal" not in name]
    if size in sizes or not sizes:
        return size
    larger = [item for item in sizes if _rank(item) >= _rank(size)]
    return min(larger, key=_rank) if larger else max(sizes, key=_rank)


def _rank(size: str) -> float:
    """Sizes in the order of their vCPUs: an xlarge is 1, and metal is above all."""
    small = {"nano": 0.03, "micro": 0.06, "small": 0.12, "medium": 0.25, "large": 0.5}
    if size in small:
        return small[size]
    number = size.removesuffix("xlarge")
    return float(number) if number.isdigit() else 1.0 if not number else 1000.0


def successor(family: str, kind: str = "families") -> str | None:
    """Return what replaces a previous generation, or None for a current family; `kind` may be hosting or notebooks."""
    return load("checks")["previous_generations"][kind].get(family)


def is_gpu(family: str) -> bool:
    """Return whether `family` has GPUs."""
    return family in load("checks")["gpu_families"]


def cpu_framework(image: str) -> str | None:
    """Return the framework in an image's name whose inference needs no GPU, or None."""
    return next((word for word in load("checks")["cpu_frameworks"]["match"] if word in image), None)


def x86_only_runtimes() -> tuple[str, ...]:
    """Return the Lambda runtimes that have no arm64."""
    return tuple(load("checks")["x86_only_runtimes"]["runtimes"])


def build_vcpu(compute: str) -> float | None:
    """Return the vCPUs of a CodeBuild compute type."""
    return load("checks")["build_vcpu"]["vcpu"].get(compute)


def gone_types() -> Mapping[str, dict[str, str]]:
    """Return the CloudFormation types of what is discontinued, each with a name and a successor."""
    return load("checks")["gone_types"]["types"]


def geography(region: str) -> str | None:
    """Return the part of the world that `region` lies in, as far as data may usually move."""
    rows = load("checks")["geographies"]
    order = sorted(((prefix, name) for name, prefixes in rows.items() for prefix in prefixes), key=lambda row: -len(row[0]))
    return next((name for prefix, name in order if region.startswith(prefix)), None)
