"""How asynchronous hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints import AsynchronousEndpoint
from ...endpoints.scaling import BacklogTracking
from ...spec import AsynchronousHosting
from ...storage.retention import DataBucket
from ..props import schedule
from . import address_of, own_instances

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A queue, results in a bucket of the stack's own, and instances from zero."""
    model, spec, main = stack.model, stack.model.spec, stack.container()
    hosting, scaling = spec.hosting, model.scaling
    assert isinstance(hosting, AsynchronousHosting) and scaling is not None
    bucket = DataBucket(stack, "Data", expire_days=spec.retention.data_days, encryption_key=stack.key)
    endpoint = AsynchronousEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        instance_type=model.instance_type or "", bucket=bucket,
        scaling=BacklogTracking(scaling.min_instances, scaling.max_instances, scaling.target, schedule=schedule(spec)),
        concurrency_per_instance=hosting.concurrency_per_instance, notify=hosting.notify, capture=stack.capture,
        **own_instances(stack),
    )  # fmt: skip
    waiting = {"bucket": bucket.bucket_name, "input": endpoint.input_prefix}
    return {**address_of(stack, endpoint), "asynchronous": waiting}
