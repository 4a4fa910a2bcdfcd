"""What a model is estimated to take, as an output and as tags of its stack: seen in the console and in cost reports."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack

from ..planner import FleetFootprint
from ..planner.words import estimate_words
from .shared import tag_stack


def add_estimate(stack: Stack, footprint: FleetFootprint | None, name: str) -> None:
    """Add the estimate of model `name` to its stack.

    The tag has one significant digit: a tag that changes is an update of every resource, and the figure is no better.
    """
    if footprint is None:
        return
    model = footprint.of(name)
    CfnOutput(stack, "Estimate", value=estimate_words(model), description="Estimated by greensage for a month of 30 days")
    tag_stack(stack, {"greensage:carbon-g-month": f"{float(f'{model.footprint.carbon_g.mid:.1g}'):g}"})
