"""How serverless hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints import ServerlessEndpoint
from ...endpoints.scaling import ProvisionedConcurrency
from ...spec import ServerlessHosting
from ..props import endpoint_props, schedule
from . import address_of

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """No instances; warm environments if the spec wants them."""
    model, hosting, main = stack.model, stack.model.spec.hosting, stack.container()
    provisioned = None
    if isinstance(hosting, ServerlessHosting) and hosting.provisioned_concurrency:
        low = hosting.provisioned_concurrency
        most = hosting.max_provisioned_concurrency or low
        provisioned = ProvisionedConcurrency(low, most, schedule=schedule(model.spec))
    endpoint = ServerlessEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        memory_mb=model.memory_mb or 0, max_concurrency=model.max_concurrency or 0, provisioned=provisioned,
        capture=stack.capture, **endpoint_props(stack, model.spec, stack.key, model.spec.retention.logs_days),
    )  # fmt: skip
    return address_of(stack, endpoint)
