"""How real-time hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints import RealTimeEndpoint
from ..props import capture, tracking
from . import address_of, own_instances, variant

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """One model with its variants and its shadow."""
    model, spec = stack.model, stack.model.spec
    main = stack.container()
    shadow = variant(stack, model.shadow) if model.shadow else None
    endpoint = RealTimeEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        instance_type=model.instance_type or "", scaling=tracking(model.scaling, spec), weight=model.weight,
        variants={item.container.name: variant(stack, item) for item in model.variants}, shadow=shadow,
        capture=stack.capture or capture(stack, spec, stack.key), **own_instances(stack),
    )  # fmt: skip
    return address_of(stack, endpoint)
