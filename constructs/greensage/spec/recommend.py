"""`recommend` of a model file: how Inference Recommender measures the model on instance types, and what that may cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..catalog import recommender
from .parts import Part, Texts


class RecommendSpec(Part):
    """A load test on several instance types, on request: greensage recommend NAME."""

    sample: str = Field(description="A file with the body of one request.")
    content_type: str = Field(default="text/csv", pattern=r"^[\w.+-]+/[\w.+-]+$", description="Of the sample.")
    job: Literal["default", "advanced"] = Field(
        default="default", description="default: AWS's own load; advanced: stairs of callers until the latency of the SLA."
    )
    instance_types: Annotated[Texts, Field(max_length=int(recommender.setting("types_max")))] = Field(
        default=(), description="Default: those that the planner would choose among."
    )
    budget_usd: float = Field(
        default=recommender.setting("budget_usd"), gt=0, le=10_000, description="What one run may cost, by list prices."
    )
