"""Decides: specs and catalog in, a Plan with reasons and the alternatives that lost out. Pure and deterministic."""

from __future__ import annotations

from .plan import plan
from .types import Choice, GroupPlan, ImagePlan, ModelPlan, Plan, Rejected, ScalingPlan

__all__ = ["Choice", "GroupPlan", "ImagePlan", "ModelPlan", "Plan", "Rejected", "ScalingPlan", "plan"]
