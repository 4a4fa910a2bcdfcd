"""Region: a cleaner one of the same part of the world qualifies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...catalog.checks import assumed, geography, line
from ...catalog.instances import in_region
from ...catalog.regions import known_regions, region
from .. import savings
from ..finding import Fail, Place
from ..impact import Impact, less, total
from ..rule import app_rule
from ..template import Template
from ..values import Undecided, Unresolved
from .shapes import instance_variants


class _Load(NamedTuple):
    """What a stack runs in a Region: types of machines, with their number."""

    place: Place
    region: str
    machines: tuple[tuple[str, float], ...]


_COMPUTE = ("AWS::SageMaker::EndpointConfig", "AWS::EC2::Instance", "AWS::RDS::DBInstance")


def _loads(template: Template) -> Iterator[_Load]:
    name = template.scope.region
    if name in known_regions() and next(template.of_type(*_COMPUTE), None) is not None:
        place = Place(template.file, template.name, construct=template.stack_path)
        yield _Load(place, str(name), tuple(_machines(template)))


def _machines(template: Template) -> Iterator[tuple[str, float]]:
    for resource in template.of_type(*_COMPUTE):
        rows = instance_variants(resource) if resource.type == _COMPUTE[0] else [resource]
        for row in rows:
            try:
                name = row.get("InstanceType") or row.get("DBInstanceClass")
                if name and savings.known_type(name):
                    yield name, row.number("InitialInstanceCount", default=1) or 1
            except (Unresolved, Undecided):
                continue


@app_rule("GS-REG01", "Workloads run in the cleanest Region that qualifies", collect=_loads)
def cleanest_region(
    facts: Iterable[_Load], *, allowed: tuple[str, ...] = (), min_cleaner_share: float = line("cleaner_share_min")
) -> Iterator[tuple[Place, Fail]]:
    """Without `allowed`, Regions of the same part of the world qualify, if they have the machines; said once per Region."""
    stacks: dict[str, list[_Load]] = defaultdict(list)
    for fact in facts:
        stacks[fact.region].append(fact)
    for name, rows in stacks.items():
        machines = [machine for row in rows for machine in row.machines]
        best = _cleanest(name, allowed, [machine for machine, _ in machines])
        here, there = region(name).intensity.value, region(best).intensity.value
        if best == name or there > here * (1 - min_cleaner_share):
            continue
        words = (
            f"{name} emits {here:.0f} gCO2e/kWh, {best} {there:.0f}: move what may move, or say which Regions are allowed"
            f"{f' ({len(rows)} stacks)' if len(rows) > 1 else ''}"
        )
        yield rows[0].place, Fail(words, (), _moved(name, best, machines))


def _cleanest(name: str, allowed: tuple[str, ...], types: list[str]) -> str:
    part = geography(name)
    rows = [item for item in known_regions() if (item in allowed if allowed else geography(item) == part)]
    hosting = {item for item in types if item.startswith("ml.")}
    able = [item for item in rows if not hosting or ((found := in_region(item)) is not None and hosting <= found)]
    # Its own Region first: a tie is no reason to move.
    return min([name, *able], key=lambda item: region(item).intensity.value)


def _moved(name: str, best: str, machines: list[tuple[str, float]]) -> Impact | None:
    busy = assumed("utilisation").value
    rows = [(savings.running(item, name, 1.0, busy), savings.running(item, best, 1.0, busy), count) for item, count in machines]
    known = [less(old, new) * count for old, new, count in rows if old and new]
    return total(known) if known else None
