"""Decides: specs and catalog in, a Plan with reasons and the alternatives that lost out. Pure and deterministic."""

from __future__ import annotations

from .beside import PLATFORM
from .breakeven import BreakEven, BreakEvens, break_evens
from .choose import Chosen, Scored
from .engine import training_engine
from .explain import constraint_cost
from .fleet import FleetFootprint, ModelFootprint, fleet_footprint, worse_than_baseline
from .ladder import STEP_WORDS, Ladder, Rung, fleet_ladder, total_ladder
from .placement import Placement, Share, place
from .plan import plan, plan_with_choices
from .relax import Advice, advise
from .sensitivity import Sensitivity, sensitivities
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
from .why_not import why_not

__all__ = [
    "PLATFORM",
    "STEP_WORDS",
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
    "Ladder",
    "ModelFootprint",
    "ModelPlan",
    "MonitoringPlan",
    "Placement",
    "Plan",
    "Rejected",
    "Rung",
    "ScalingPlan",
    "Scored",
    "Sensitivity",
    "Share",
    "VariantPlan",
    "advise",
    "break_evens",
    "constraint_cost",
    "fleet_footprint",
    "fleet_ladder",
    "place",
    "plan",
    "plan_with_choices",
    "sensitivities",
    "total_ladder",
    "training_engine",
    "why_not",
    "worse_than_baseline",
]
