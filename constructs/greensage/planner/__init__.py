"""Decides: specs and catalog in, a Plan with reasons and the alternatives that lost out. Pure and deterministic."""

from __future__ import annotations

from .placement import Placement, Share, place
from .plan import plan
from .types import (
    Choice,
    ComponentPlan,
    ContainerPlan,
    DeploymentPlan,
    GroupPlan,
    ImagePlan,
    Kind,
    ModelPlan,
    Plan,
    Rejected,
    ScalingPlan,
    VariantPlan,
)

__all__ = [
    "Choice",
    "ComponentPlan",
    "ContainerPlan",
    "DeploymentPlan",
    "GroupPlan",
    "ImagePlan",
    "Kind",
    "ModelPlan",
    "Placement",
    "Plan",
    "Rejected",
    "ScalingPlan",
    "Share",
    "VariantPlan",
    "place",
    "plan",
]
