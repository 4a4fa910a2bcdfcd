"""The deployments that a plan is compared with: the usual one, in the plan's Region or its own, or what the user says there is.

The default is the conservative one: the usual deployment in the same Region, so that the choice of a Region saves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from ..catalog import traffic
from ..catalog._data import load
from ..catalog.accelerators import device_gib
from ..catalog.images import accelerated_images
from ..catalog.instances import InstanceType, hosting_types, in_region, instance
from ..catalog.kinds import Kind, hosting_kind
from ..spec import BatchHosting, ModelSpec
from .demand import Demand, containers_mb, demand_of, devices_mb, hosts_mb, jobs_per_day, log_kb_usual
from .estimate import mid_figures
from .kinds import always_on, batch, instances_needed
from .usage import Usage

Name = Literal["usual", "same-region", "lift-and-shift", "current"]


@dataclass(frozen=True)
class Machines:
    """What a model runs on in a baseline: instances, always on, parts of one where it shares. `region` None: the plan's."""

    instance_type: str
    instances: float = 1
    region: str | None = None


@dataclass(frozen=True)
class Baseline:
    """What every comparison is made against.

    Parameters
    ----------
    name:
        `usual` (in the first allowed Region), `same-region` (the usual one, where the plan goes; the default), `lift-and-shift`
        or `current`.
    machines:
        Of the last two: what the models run on, by name.
    default:
        For the models that `machines` does not name; default: the usual deployment in the same Region.
    where:
        Where `machines` come from: a file, or an account.
    """

    name: Name = "same-region"
    machines: Mapping[str, Machines] = field(default_factory=dict[str, Machines])
    default: Machines | None = None
    where: str = ""

    @property
    def words(self) -> str:
        """What it is, in a sentence: printed beside every comparison."""
        data = load("baseline")
        if self.name in ("usual", "same-region"):
            return f"{data['words']}, {data['places'][self.name]}"
        return f"{data['words_of'][self.name]} ({self.where}); {data['words_of']['others']}"

    def of(self, spec: ModelSpec, kind: Kind, region: str) -> Compared:
        """Return what a model that is planned as `kind` in `region` is compared with."""
        asked = self.machines.get(spec.name, self.default)
        if asked is not None:
            place = asked.region or region
            demand = demand_of(spec.as_given)
            usage = always_on(demand, place, asked.instance_type, 1, fixed=asked.instances)
            return Compared(_with_usual_logs(usage, demand), asked.instance_type, place)
        place = first_region(spec, region) if self.name == "usual" else region
        return usual(spec, kind, place)


@dataclass(frozen=True)
class Compared:
    """A month of one model's deployment in a baseline."""

    usage: Usage
    instance_type: str
    region: str


USUAL = Baseline("usual")
SAME_REGION = Baseline()


def first_region(spec: ModelSpec, region: str) -> str:
    """Return the Region of the usual deployment: the first that the file allows, else `region`."""
    return spec.region.allowed[0] if spec.region.allowed else region


def usual(spec: ModelSpec, kind: Kind, region: str) -> Compared:
    """Return the usual deployment of `spec` in `region`: always on, sized for the peak, logs for ever.

    What is planned as jobs is compared with the same jobs on the usual type, and not with an endpoint that never sleeps; what
    may run on a CPU or a GPU with whichever of the two takes less.
    """
    spec = spec.as_given
    demand = demand_of(spec)
    made = [
        Compared(_with_usual_logs(unscaled(spec, demand, kind, region, name), demand), name, region)
        for name in _usual_types(spec, region)
    ]
    return min(made, key=lambda item: mid_figures([item.usage])[0].carbon_g) if len(made) > 1 else made[0]


def unscaled(spec: ModelSpec, demand: Demand, kind: Kind, region: str, name: str) -> Usage:
    """Return a month of `spec` on the instance type `name`: sized for the peak and always on, or the jobs of its file."""
    if hosting_kind(kind).answers == "files":
        count = spec.hosting.instances if isinstance(spec.hosting, BatchHosting) else 1
        return batch(demand, region, name, jobs_per_day(spec), count)
    count = max(instances_needed(name, demand.peak, demand.cpu_seconds), spec.sla.instances_kept)
    return always_on(demand, region, name, 1, fixed=count)


def _with_usual_logs(usage: Usage, demand: Demand) -> Usage:
    usual_gb = demand.requests * log_kb_usual() / 1e6
    return replace(usage, logs_gb=usual_gb, logs_kept_gb=usual_gb * load("baseline")["logs_months"])


def _usual_types(spec: ModelSpec, region: str) -> Iterator[str]:
    """The usual instance types: a CPU's, unless it needs an accelerator; and a GPU's too, where the file leaves it open."""
    model = spec.model
    needs = model.compiled_for or spec.silicon in ("gpu", "inferentia", "trainium") or model.framework == "triton"
    if not needs:
        yield _smallest("cpu", region, containers_mb(spec), 0.0)
    open_to_it = spec.silicon == "auto" and model.image in ("auto", "prebuilt") and not model.package
    if needs or (open_to_it and accelerated_images(model.image_family, "gpu")):
        yield _smallest("accelerated", region, hosts_mb(spec), devices_mb(spec))


def _smallest(kind: str, region: str, memory_mb: float, on_devices_mb: float) -> str:
    names = _types(kind, region)
    fitting = (
        item.name for item in names if traffic.usable_memory_mb(item.memory_gib) >= memory_mb and _holds(item, on_devices_mb)
    )
    # A model too large for all of them is compared with the largest.
    return next(fitting, names[-1].name)


def _holds(item: InstanceType, on_devices_mb: float) -> bool:
    gib = device_gib(item)
    return gib is None or gib * 1024 * item.accelerators >= on_devices_mb


@cache
def _types(kind: str, region: str) -> tuple[InstanceType, ...]:
    """The usual types in the order in which they are taken: of the first family that the Region hosts."""
    families: list[str] = load("baseline")["families"][kind]
    hosted = in_region(region)
    known = [instance(name) for name in hosting_types()]
    there = [item for item in known if item.family in families and (hosted is None or item.name in hosted)]
    if kind == "accelerated" and there:
        # Of the fewest devices: nobody takes four where one holds the model.
        return tuple(sorted(there, key=lambda item: (item.accelerators, families.index(item.family), item.memory_gib)))
    for family in families:
        found = [item for item in there if item.family == family]
        if found:
            return tuple(sorted(found, key=lambda item: item.memory_gib))
    return tuple(sorted((item for item in known if item.family == families[0]), key=lambda item: item.memory_gib))
