"""How serial-pipeline hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints import SerialPipelineEndpoint
from ..props import capture, tracking
from . import address_of, own_instances

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """The chain of containers around the model."""
    model, spec = stack.model, stack.model.spec
    containers = {item.name: stack.container(item) for item in model.containers}
    endpoint = SerialPipelineEndpoint(
        stack, "Endpoint", containers=containers, instance_type=model.instance_type or "",
        scaling=tracking(model.scaling, spec), capture=stack.capture or capture(stack, spec, stack.key), **own_instances(stack),
    )  # fmt: skip
    return address_of(stack, endpoint)
