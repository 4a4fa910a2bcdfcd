"""Decides: specs and catalog in, a Plan with reasons and the alternatives that lost out. Pure and deterministic."""

from __future__ import annotations

from .breakeven import BreakEven, BreakEvens, break_evens
from .choose import Chosen, Scored
from .engine import training_engine
from .explain import constraint_cost, why_not
from .fleet import FleetFootprint, ModelFootprint, fleet_footprint
from .placement import Placement, Share, place
from .plan import plan, plan_with_choices
from .relax import Advice, advise
from .types import (
    Choice,
    ComponentPlan,
    ContainerPlan,
    DeploymentPlan,
    GroupPlan,
    ImagePlan,
    Kind,
    ModelPlan,
    MonitoringPlan,
    Plan,
    Rejected,
    ScalingPlan,
    VariantPlan,
)

__all__ = [
    "Advice",
    "BreakEven",
    "BreakEvens",
    "Choice",
    "Chosen",
    "ComponentPlan",
    "ContainerPlan",
    "DeploymentPlan",
    "FleetFootprint",
    "GroupPlan",
    "ImagePlan",
    "Kind",
    "ModelFootprint",
    "ModelPlan",
    "MonitoringPlan",
    "Placement",
    "Plan",
    "Rejected",
    "ScalingPlan",
    "Scored",
    "Share",
    "VariantPlan",
    "advise",
    "break_evens",
    "constraint_cost",
    "fleet_footprint",
    "place",
    "plan",
    "plan_with_choices",
    "training_engine",
    "why_not",
]
