"""How multi-model hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints import MultiModelEndpoint
from ...endpoints.base import Endpoint
from ...spec import MultiModelHosting
from ..props import tracking
from ..shared import allowed, group_prefix, logging_of
from . import group_endpoint

if TYPE_CHECKING:
    from ..group_stack import GroupStack
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A file below the prefix of a group's endpoint."""
    return {"endpointParameter": group_endpoint(stack), "targetModel": stack.archive.key.removeprefix(stack.archive.prefix)}


def build_group(stack: GroupStack) -> Endpoint:
    """One server that loads the models below the group's prefix."""
    group = stack.group
    hosting = group.lead.hosting
    environment = {**allowed(pickle=group.allow_pickle, code=group.allow_code), **logging_of(group.lead.logs)}
    return MultiModelEndpoint(
        stack, "Endpoint", bucket=stack.bucket, prefix=group_prefix(group.name), image=stack.images.get(group.image),
        instance_type=group.instance_type, scaling=tracking(group.scaling, group.lead), environment=environment,
        capture=stack.capture_all(),
        cache_models=hosting.cache_models if isinstance(hosting, MultiModelHosting) else True, **stack.endpoint_props,
    )  # fmt: skip
