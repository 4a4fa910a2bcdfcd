"""What `recommend` of a model file adds to its stack: the state machine that measures it on instance types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..endpoints.recommendation import InferenceRecommendation

if TYPE_CHECKING:
    from .builders import Address
    from .model_stack import ModelStack


def add_recommendation(stack: ModelStack) -> Address:
    """Add it if the plan has it, and return where it is found."""
    plan, endpoint, spec = stack.model.recommend, stack.watched, stack.model.spec
    if plan is None or endpoint is None:
        return {}
    budget = spec.recommend.budget_usd if spec.recommend else plan.most_usd
    made = InferenceRecommendation(
        stack, "Recommendation", model_name=endpoint.cfn_model.attr_model_name, container=stack.container(), sample=plan.sample,
        content_type=plan.content_type, instance_types=plan.instance_types, framework=spec.model.framework, job=plan.job,
        latency_ms=spec.sla.latency_p95_ms, max_minutes=round(plan.minutes), budget_usd=budget,
        log_retention_days=spec.retention.logs_days,
    )  # fmt: skip
    return {"recommender": made.state_machine.attr_arn}
