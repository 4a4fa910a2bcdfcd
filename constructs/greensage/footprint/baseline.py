"""The usual deployment that every comparison is made against, printed beside it so that nobody is fooled."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ..catalog import traffic
from ..catalog._data import load
from ..catalog.instances import instance
from ..spec import ModelSpec
from .demand import container_mb, demand_of, log_kb_usual, sources_of
from .kinds import always_on, instances_needed
from .usage import Usage


def baseline_words() -> str:
    """Return what the usual deployment is, in a sentence."""
    return str(load("baseline")["words"])


def baseline_usage(spec: ModelSpec, region: str) -> Usage:
    """Return a month of the usual deployment of `spec` in `region`: always on, sized for the peak, logs for ever."""
    spec = spec.as_given
    demand, name = demand_of(spec), baseline_type(spec)
    count = instances_needed(name, demand.peak, demand.cpu_seconds)
    fixed = max(count, spec.sla.instances_kept)
    usage = always_on(demand, region, name, fixed, fixed=fixed)
    usual = demand.requests * log_kb_usual() / 1e6
    forever = usual * load("baseline")["logs_months"]
    return replace(usage, logs_gb=usual, logs_kept_gb=forever)


def baseline_type(spec: ModelSpec) -> str:
    """Return the instance type of the usual deployment: the smallest of its family that holds the model."""
    spec = spec.as_given
    accelerated = spec.model.compiled_for or spec.silicon in ("gpu", "inferentia", "trainium") or spec.model.framework == "triton"
    memory = sum(map(container_mb, sources_of(spec)))
    names = _types("accelerated" if accelerated else "cpu")
    fitting = (name for name in names if traffic.usable_memory_mb(instance(name).memory_gib) >= memory)
    # A model too large for all of them is compared with the largest.
    return next(fitting, names[-1])


@cache
def _types(kind: str) -> tuple[str, ...]:
    families: list[str] = load("baseline")["families"][kind]
    known = [instance(name) for name in load("instances")["types"] if name.split(".")[1] in families]
    return tuple(item.name for item in sorted(known, key=lambda item: item.memory_gib))
