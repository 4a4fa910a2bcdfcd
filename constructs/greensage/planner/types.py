"""What a Plan is made of. Frozen values: they travel from the planner to the stacks and the reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog.instances import Architecture
from ..spec import ModelSpec

Kind = Literal["real-time", "multi-model", "serverless"]


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

    `uri` is None for `serving`: its account and Region are known when the stack is deployed.
    """

    origin: Literal["serving", "prebuilt", "custom"]
    architecture: Architecture
    uri: str | None = None


@dataclass(frozen=True)
class ScalingPlan:
    """Target tracking on invocations per instance. Minutes and seconds as Application Auto Scaling counts them."""

    min_instances: int
    max_instances: int
    target_invocations_per_minute: float


@dataclass(frozen=True)
class ModelPlan:
    """How one model is hosted. `instance_type` and `scaling` are None when serverless or hosted by a group."""

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
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model's name, which is its stack's name."""
        return self.spec.name


@dataclass(frozen=True)
class GroupPlan:
    """A multi-model endpoint and the models that share it."""

    name: str
    region: str
    image: ImagePlan
    instance_type: str
    scaling: ScalingPlan
    members: tuple[str, ...]
    logs_days: int
    artifact_versions_days: int
    kms_key_arn: str | None
    allow_pickle: bool
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Plan:
    """All models and the endpoints they share."""

    models: tuple[ModelPlan, ...]
    groups: tuple[GroupPlan, ...]

    def group(self, name: str) -> GroupPlan:
        """Return the group called `name`."""
        return next(group for group in self.groups if group.name == name)

    def serving_architectures(self, region: str) -> tuple[Architecture, ...]:
        """Return what greensage's serving image has to be built for in `region`."""
        users = [item.image for item in (*self.models, *self.groups) if item.region == region]
        return tuple(sorted({image.architecture for image in users if image.origin == "serving"}))

    @property
    def regions(self) -> tuple[str, ...]:
        """The Regions that the plan deploys to."""
        return tuple(sorted({model.region for model in self.models}))
