"""How edge hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints.edge import EdgeComponent
from ...endpoints.neo import NeoCompilation
from ...spec import EdgeHosting
from ..shared import environment_of

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A component for devices."""
    model, hosting = stack.model.spec.model, stack.model.spec.hosting
    assert isinstance(hosting, EdgeHosting)
    compiled = None
    if hosting.device:
        compiled = NeoCompilation(
            stack, "Compiled", artifact=stack.archive, framework=model.framework, device=hosting.device,
            input_shape=hosting.input_shape or "",
        )  # fmt: skip
        compiled.needs(*stack.needed)
    component = EdgeComponent(
        stack, "Edge", artifact=stack.archive, framework=model.framework, compiled=compiled,
        component_name=f"greensage.{stack.model.name}", device_groups=hosting.device_groups, port=hosting.port,
        create_device_groups=hosting.create_device_groups, environment=environment_of(model),
    )  # fmt: skip
    component.needs(*stack.needed)
    return {"component": component.component_name, "version": component.component_version}
