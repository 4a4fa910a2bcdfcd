"""How batch hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...endpoints.batch import BatchTransform
from ...spec import BatchHosting
from ...storage.retention import DataBucket
from ..props import execution_role, network

if TYPE_CHECKING:
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A state machine that scores files and ends."""
    model, spec, main = stack.model, stack.model.spec, stack.container()
    hosting = spec.hosting
    assert isinstance(hosting, BatchHosting)
    arrival = hosting.on_arrival if hosting.on_arrival is not None else hosting.schedule is None
    bucket = DataBucket(stack, "Data", expire_days=spec.retention.data_days, encryption_key=stack.key, announce=arrival)
    job = BatchTransform(
        stack, "Batch", artifact=stack.location, image=main.image, environment=main.environment,
        instance_type=model.instance_type or "", instance_count=hosting.instances, bucket=bucket, schedule=hosting.schedule,
        on_arrival=arrival, content_type=hosting.content_type, split=hosting.split, max_payload_mb=hosting.max_payload_mb,
        encryption_key=stack.key, network=network(stack, spec), network_isolation=spec.network_isolation,
        # The model's own capture would only write again what the loop's has.
        capture=spec.capture is not None and stack.capture is None, container_capture=stack.capture,
        log_retention_days=spec.retention.logs_days, role=execution_role(stack, spec),
    )  # fmt: skip
    job.needs(*stack.needed)
    files = {"bucket": bucket.bucket_name, "input": job.input_prefix, "output": job.output_prefix, "onArrival": arrival}
    return {"stateMachine": job.state_machine.attr_arn, "batch": files}
