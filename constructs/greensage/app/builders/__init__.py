"""A file per hosting kind, called like the kind: `build(stack)` makes a model's construct, and `build_group(stack)` the
endpoint that a group shares where the kind shares one. Both are found by name, so a new kind needs no list."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...planner import VariantPlan
from ..props import instance_props

if TYPE_CHECKING:
    from ...endpoints import Variant
    from ...endpoints.base import Endpoint
    from ..group_stack import GroupStack
    from ..model_stack import ModelStack

# Where clients find the model: the content of its parameter.
Address = dict[str, Any]


def build(stack: ModelStack) -> Address:
    """Build the hosting of a model, or its place in a group's, and return where clients find it."""
    return _builder(stack.model.kind).build(stack)


def build_group(stack: GroupStack) -> Endpoint:
    """Build the endpoint that the models of a group share."""
    return _builder(stack.group.kind).build_group(stack)


def address_of(stack: ModelStack, endpoint: Endpoint) -> Address:
    """Let an endpoint of the model's own wait for what the stack needs first and be watched; return where clients find it."""
    endpoint.needs(*stack.needed)
    stack.watched = endpoint
    return {"endpoint": endpoint.cfn_endpoint.attr_endpoint_name}


def own_instances(stack: ModelStack) -> dict[str, Any]:
    """Return `InstanceProps` for a model with an endpoint of its own."""
    model = stack.model
    return instance_props(stack, model.spec, model.deployment, stack.key, model.spec.retention.logs_days, model.instance_type)


def variant(stack: ModelStack, plan: VariantPlan) -> Variant:
    """Return a variant beside the main one."""
    from ...endpoints import Variant

    return Variant(stack.container(plan.container), plan.weight)


def group_endpoint(stack: ModelStack) -> str:
    """Return the name of the parameter that holds the name of the group's endpoint."""
    return stack.parameters.group_endpoint(stack.model.group or "", stack.model.kind)


def _builder(kind: str) -> Any:
    return import_module(f".{kind.replace('-', '_')}", __name__)
