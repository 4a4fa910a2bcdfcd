"""What the checks assume and where they draw lines: data/checks.json."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ._data import load
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


def successor(family: str, *, hosting: bool = False) -> str | None:
    """Return what replaces a previous generation, or None for a current family."""
    return load("checks")["previous_generations"]["hosting" if hosting else "families"].get(family)


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
