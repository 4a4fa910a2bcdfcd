"""How inference-components hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat
from aws_cdk import aws_ssm as ssm

from ...core.acknowledge import acknowledge_wildcards
from ...core.names import group_component_name
from ...endpoints import InferenceComponent, InferenceComponentEndpoint, Resources
from ...endpoints.base import Endpoint
from ...endpoints.container_capture import captured
from ...endpoints.scaling import CopyTracking
from ...monitoring.log_archive import LogArchive
from ...planner.startup import startup_of
from ...storage.artifacts import ArtifactLocation
from ..props import schedule
from ..shared import group_prefix
from . import group_endpoint

if TYPE_CHECKING:
    from ..group_stack import GroupStack
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A component of a group's endpoint, in this stack; the group's role reads its archive and writes its logs."""
    model, plan = stack.model, stack.model.component
    assert plan is not None
    group, start = model.group or "", startup_of(model.spec, model.instance_type)
    endpoint_name = ssm.StringParameter.value_for_string_parameter(stack, group_endpoint(stack))
    component = InferenceComponent(
        stack, "Component", endpoint_name=endpoint_name, container=captured(stack.container(), stack.capture, stack.key),
        resources=Resources(plan.memory_mb, plan.cpu_cores, plan.accelerators),
        scaling=CopyTracking(
            plan.min_copies, plan.max_copies, schedule=schedule(model.spec),
            target_concurrent_requests=plan.target_concurrent_requests,
        ),
        log_retention_days=model.spec.retention.logs_days, component_name=group_component_name(group, model.name),
        startup_timeout_seconds=start.startup_timeout_seconds, download_timeout_seconds=start.download_timeout_seconds,
    )  # fmt: skip
    component.needs(*stack.needed)
    if model.spec.logs.archive_days:
        LogArchive.include(component.log_group)
    # The parameter's value is a name known at synth, so nothing else makes it wait for the component.
    stack.publish_after(component.cfn_inference_component)
    return {"endpointParameter": group_endpoint(stack), "inferenceComponent": component.component_name}


def build_group(stack: GroupStack) -> Endpoint:
    """Instances for the copies of the members, which their own stacks add."""
    group = stack.group
    endpoint = InferenceComponentEndpoint(
        stack, "Endpoint", instance_type=group.instance_type, processor=group.image.processor,
        min_instances=group.scaling.min_instances, max_instances=group.scaling.max_instances, **stack.endpoint_props,
    )  # fmt: skip
    access, prefix = endpoint.access, group_prefix(group.name)
    stack.allow_captures(endpoint)
    # The components are in the stacks of the models; their images, archives and logs are the group's by prefix.
    access.read(ArtifactLocation(stack.bucket.bucket_name, stack.bucket.bucket_arn, prefix, prefix))
    for item in group.containers:
        access.pull(stack.images.get(item.image))
    logs = stack.format_arn(
        service="logs", resource="log-group", arn_format=ArnFormat.COLON_RESOURCE_NAME,
        resource_name=f"/aws/sagemaker/InferenceComponents/{group.name}-*",
    )  # fmt: skip
    access.log(logs)
    acknowledge_wildcards(access.policy, [logs], "The log groups of this group's components, whose names start with the group's.")
    return endpoint
