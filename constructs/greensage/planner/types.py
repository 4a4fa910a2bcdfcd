"""What a Plan is made of. Frozen values: they travel from the planner to the stacks and the reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog import traffic
from ..catalog.engines import Engine
from ..catalog.instances import Architecture, Processor
from ..catalog.kinds import Kind as Kind
from ..catalog.kinds import hosting_kind
from ..spec import ModelSource, ModelSpec
from .engine import training_engine
from .placement import Placement


@dataclass(frozen=True)
class Rejected:
    """An alternative that lost, and why."""

    value: str
    why: str


@dataclass(frozen=True)
class Choice:
    """One decision: what about, what was chosen, why, and what lost."""

    about: str
    value: str
    reason: str
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class ImagePlan:
    """The container image: greensage's own (`serving`, tag known to the platform stack), AWS's, or the user's.

    `uri` is None for `serving` and `package`: what they are is known when the stack is deployed. `engine` is what greensage's
    own image can load, `credentials` is the function that knows a private registry's password.
    """

    origin: Literal["serving", "prebuilt", "custom", "registry", "package"]
    architecture: Architecture
    uri: str | None = None
    processor: Processor = "cpu"
    engine: Engine = "all"
    credentials: str | None = None


@dataclass(frozen=True)
class ContainerPlan:
    """One container: its name (a hostname where containers have one), its artifact and its image."""

    name: str
    source: ModelSource
    image: ImagePlan


@dataclass(frozen=True)
class VariantPlan:
    """A production or shadow variant beside the main one."""

    container: ContainerPlan
    weight: float


@dataclass(frozen=True)
class DeploymentPlan:
    """A guarded deployment. `step_percent` is of the capacity, None for all-at-once; waits are in seconds."""

    strategy: Literal["all-at-once", "canary", "linear", "rolling"]
    step_percent: int | None
    interval_seconds: int
    bake_seconds: int
    max_error_percent: float
    max_latency_ms: float | None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentPlan:
    """What one copy of an inference component reserves, and how many copies there may be."""

    memory_mb: int
    cpu_cores: float
    accelerators: int
    min_copies: int
    max_copies: int
    target_concurrent_requests: float | None = None


@dataclass(frozen=True)
class ScalingPlan:
    """Target tracking per instance: invocations a minute, requests under way if that is set, or what waits in a queue.

    `utilisation` (0 to 1) is how busy an instance may be at the target: what the estimate of a month needs to know.
    """

    min_instances: int
    max_instances: int
    target: float
    target_concurrent_requests: float | None = None
    utilisation: float = traffic.TARGET_UTILISATION


@dataclass(frozen=True)
class RecommendPlan:
    """A run of Inference Recommender: one request's body, the types to measure, how long each at most, and the most it costs."""

    sample: str
    content_type: str
    job: Literal["default", "advanced"]
    instance_types: tuple[str, ...]
    minutes: float
    most_usd: float


@dataclass(frozen=True)
class MonitoringPlan:
    """How requests are captured (by SageMaker or by our container), how many percent, when they are evaluated (a rate), and
    whether Model Monitor's container can take over large windows; and how long captures are kept."""

    captured_by: Literal["service", "container"]
    sample_percent: int
    schedule: str
    large_windows: bool
    capture_days: int  # captures are kept until their labels may have come


@dataclass(frozen=True)
class ModelPlan:
    """How one model is hosted. What does not apply to its kind is None or empty; `weight` is the main variant's."""

    spec: ModelSpec
    kind: Kind
    region: str
    image: ImagePlan
    choices: tuple[Choice, ...]
    group: str | None = None
    instance_type: str | None = None
    scaling: ScalingPlan | None = None
    memory_mb: int | None = None
    max_concurrency: int | None = None
    containers: tuple[ContainerPlan, ...] = ()
    variants: tuple[VariantPlan, ...] = ()
    shadow: VariantPlan | None = None
    weight: float = 1.0
    component: ComponentPlan | None = None
    deployment: DeploymentPlan | None = None
    monitoring: MonitoringPlan | None = None
    green_hour: int | None = None
    recommend: RecommendPlan | None = None
    dashboard: bool = False
    notes: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model's name, which is its stack's name."""
        return self.spec.name

    @property
    def silicon_label(self) -> str:
        """What the model runs on, for people: Graviton, x86_64, GPU, Inferentia 1, Neuron or devices."""
        if hosting_kind(self.kind).runs_on == "devices":
            return "devices"
        names = {"gpu": "GPU", "inf1": "Inferentia 1", "neuronx": "Neuron"}
        return names.get(self.image.processor, "Graviton" if self.image.architecture == "arm64" else "x86_64")


@dataclass(frozen=True)
class GroupPlan:
    """An endpoint and the models that share it. `lead` is the first member: what must be equal in all is read there."""

    name: str
    kind: Kind
    region: str
    image: ImagePlan
    instance_type: str
    scaling: ScalingPlan
    lead: ModelSpec
    containers: tuple[ContainerPlan, ...]
    logs_days: int
    artifact_versions_days: int
    allow_pickle: bool
    allow_code: bool
    choices: tuple[Choice, ...]
    deployment: DeploymentPlan | None = None
    placement: Placement | None = None
    dashboard: bool = False
    captured: tuple[tuple[str, int], ...] = ()  # members with drift, and percent of the requests to each
    capture_days: int = 0  # of them, the longest

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the models that share the endpoint."""
        return tuple(item.name for item in self.containers)

    @property
    def stack_name(self) -> str:
        """The name of its stack. Another kind is another stack, so that members move over while the old one serves."""
        return self.name if hosting_kind(self.kind).shares == "server" else f"{self.name}-{self.kind}"


@dataclass(frozen=True)
class Plan:
    """All models and the endpoints they share.

    Parameters
    ----------
    models:
        A `ModelPlan` each, in the order of their names.
    groups:
        A `GroupPlan` for each endpoint that several models share.
    """

    models: tuple[ModelPlan, ...]
    groups: tuple[GroupPlan, ...]

    def group_of(self, model: ModelPlan) -> GroupPlan | None:
        """Return the group whose endpoint hosts `model`, or None."""
        shared = (item for item in self.groups if (item.name, item.kind) == (model.group, model.kind))
        return next(shared, None)

    def choices_of(self, model: ModelPlan) -> tuple[Choice, ...]:
        """Return every decision about `model`, those about its shared endpoint included."""
        group = self.group_of(model)
        # The group's first choice is the kind, for which the model has a reason of its own.
        return model.choices if group is None else (*model.choices, *group.choices[1:])

    def serving_images(self, region: str) -> tuple[tuple[Architecture, Engine], ...]:
        """Return the images of greensage's own that have to be built in `region`: for which silicon, and with what."""
        models = [model for model in self.models if model.region == region]
        # Models behind one server are loaded by the group's image, and by none of their own.
        images = [image for model in models if hosting_kind(model.kind).shares != "server" for image in _images(model)]
        images += [group.image for group in self.groups if group.region == region]
        found: set[tuple[Architecture, Engine]] = {
            (image.architecture, image.engine) for image in images if image.origin == "serving"
        }
        for spec in (model.spec for model in models if model.spec.retraining):
            # Training has no Graviton, and trains in the serving image.
            found.add(("x86_64", training_engine(spec)))
            if spec.optimize and spec.optimize.retrained:
                found.add(("x86_64", "optimize"))
        return tuple(sorted(found))

    @property
    def regions(self) -> tuple[str, ...]:
        """The Regions that the plan deploys to."""
        return tuple(sorted({model.region for model in self.models}))


def _images(model: ModelPlan) -> list[ImagePlan]:
    if hosting_kind(model.kind).runs_on == "devices":
        return []
    beside = [*model.variants, *([model.shadow] if model.shadow else [])]
    return [model.image, *(item.image for item in model.containers), *(item.container.image for item in beside)]
