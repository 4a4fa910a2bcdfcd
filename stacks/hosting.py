"""A builder per hosting kind: takes a model's stack, makes its construct, returns where clients find the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_ssm as ssm

from greensage.core.names import group_component_name
from greensage.endpoints import Resources, Variant
from greensage.endpoints.container_capture import captured
from greensage.endpoints.scaling import BacklogTracking, CopyTracking, ProvisionedConcurrency
from greensage.planner import VariantPlan
from greensage.spec import AsynchronousHosting, BatchHosting, EdgeHosting, ServerlessHosting

from .props import capture, endpoint_props, instance_props, network, schedule, tracking
from .shared import environment_of

if TYPE_CHECKING:
    from .model_stack import ModelStack

Place = dict[str, Any]


def real_time(stack: ModelStack) -> Place:
    """One model with its variants and its shadow."""
    from greensage.endpoints import RealTimeEndpoint

    model, spec = stack.model, stack.model.spec
    main = stack.container()
    shadow = _variant(stack, model.shadow) if model.shadow else None
    endpoint = RealTimeEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        instance_type=model.instance_type or "", scaling=tracking(model.scaling, spec), weight=model.weight,
        variants={item.container.name: _variant(stack, item) for item in model.variants}, shadow=shadow,
        capture=stack.capture or capture(stack, spec, stack.key), **_instances(stack),
    )  # fmt: skip
    endpoint.needs(*stack.needed)
    stack.watched = endpoint
    return {"endpoint": endpoint.cfn_endpoint.attr_endpoint_name}


def serial_pipeline(stack: ModelStack) -> Place:
    """The chain of containers around the model."""
    from greensage.endpoints import SerialPipelineEndpoint

    model, spec = stack.model, stack.model.spec
    containers = {item.name: stack.container(item) for item in model.containers}
    endpoint = SerialPipelineEndpoint(
        stack, "Endpoint", containers=containers, instance_type=model.instance_type or "",
        scaling=tracking(model.scaling, spec), capture=stack.capture or capture(stack, spec, stack.key), **_instances(stack),
    )  # fmt: skip
    endpoint.needs(*stack.needed)
    stack.watched = endpoint
    return {"endpoint": endpoint.cfn_endpoint.attr_endpoint_name}


def serverless(stack: ModelStack) -> Place:
    """No instances; warm environments if the spec wants them."""
    from greensage.endpoints import ServerlessEndpoint

    model, hosting, main = stack.model, stack.model.spec.hosting, stack.container()
    provisioned = None
    if isinstance(hosting, ServerlessHosting) and hosting.provisioned_concurrency:
        low = hosting.provisioned_concurrency
        most = hosting.max_provisioned_concurrency or low
        provisioned = ProvisionedConcurrency(low, most, schedule=schedule(model.spec))
    endpoint = ServerlessEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        memory_mb=model.memory_mb or 0, max_concurrency=model.max_concurrency or 0, provisioned=provisioned,
        capture=stack.capture, **endpoint_props(stack.key, model.spec.retention.logs_days),
    )  # fmt: skip
    endpoint.needs(*stack.needed)
    stack.watched = endpoint
    return {"endpoint": endpoint.cfn_endpoint.attr_endpoint_name}


def asynchronous(stack: ModelStack) -> Place:
    """A queue, results in a bucket of the stack's own, and instances from zero."""
    from greensage.endpoints import AsynchronousEndpoint
    from greensage.storage.retention import DataBucket

    model, spec, main = stack.model, stack.model.spec, stack.container()
    hosting, scaling = spec.hosting, model.scaling
    assert isinstance(hosting, AsynchronousHosting) and scaling is not None
    bucket = DataBucket(stack, "Data", expire_days=spec.retention.data_days, encryption_key=stack.key)
    endpoint = AsynchronousEndpoint(
        stack, "Endpoint", artifact=stack.location, image=main.image, environment=main.environment,
        instance_type=model.instance_type or "", bucket=bucket,
        scaling=BacklogTracking(scaling.min_instances, scaling.max_instances, scaling.target, schedule=schedule(spec)),
        concurrency_per_instance=hosting.concurrency_per_instance, notify=hosting.notify, capture=stack.capture,
        **_instances(stack),
    )  # fmt: skip
    endpoint.needs(*stack.needed)
    stack.watched = endpoint
    waiting = {"bucket": bucket.bucket_name, "input": endpoint.input_prefix}
    return {"endpoint": endpoint.cfn_endpoint.attr_endpoint_name, "asynchronous": waiting}


def batch(stack: ModelStack) -> Place:
    """A state machine that scores files and ends."""
    from greensage.endpoints.batch import BatchTransform
    from greensage.storage.retention import DataBucket

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
        capture=spec.capture is not None and stack.capture is None, container_capture=stack.capture,
        log_retention_days=spec.retention.logs_days,
    )  # fmt: skip
    job.needs(*stack.needed)
    files = {"bucket": bucket.bucket_name, "input": job.input_prefix, "output": job.output_prefix}
    return {"stateMachine": job.state_machine.attr_arn, "batch": files}


def edge(stack: ModelStack) -> Place:
    """A component for devices."""
    from greensage.endpoints.edge import EdgeComponent
    from greensage.endpoints.neo import NeoCompilation

    model, hosting = stack.model.spec.model, stack.model.spec.hosting
    assert isinstance(hosting, EdgeHosting)
    compiled = None
    if hosting.device:
        compiled = NeoCompilation(
            stack, "Compiled", artifact=stack.location, framework=model.framework, device=hosting.device,
            input_shape=hosting.input_shape or "",
        )  # fmt: skip
        compiled.needs(*stack.needed)
    component = EdgeComponent(
        stack, "Edge", artifact=stack.location, framework=model.framework, compiled=compiled,
        component_name=f"greensage.{stack.model.name}", device_groups=hosting.device_groups, port=hosting.port,
        environment=environment_of(model),
    )  # fmt: skip
    component.needs(*stack.needed)
    return {"component": component.component_name, "version": component.component_version}


def multi_model(stack: ModelStack) -> Place:
    """A file below the prefix of a group's endpoint."""
    return {"endpointParameter": _group_endpoint(stack), "targetModel": stack.location.key.removeprefix(stack.location.prefix)}


def multi_container(stack: ModelStack) -> Place:
    """A container of a group's endpoint; the group's stack has it, archive included."""
    return {"endpointParameter": _group_endpoint(stack), "targetContainer": stack.model.name}


def inference_component(stack: ModelStack) -> Place:
    """A component of a group's endpoint, in this stack; the group's role reads its archive and writes its logs."""
    from greensage.endpoints import InferenceComponent

    model, plan = stack.model, stack.model.component
    assert plan is not None
    group = model.group or ""
    endpoint_name = ssm.StringParameter.value_for_string_parameter(stack, _group_endpoint(stack))
    component = InferenceComponent(
        stack, "Component", endpoint_name=endpoint_name, container=captured(stack.container(), stack.capture, stack.key),
        resources=Resources(plan.memory_mb, plan.cpu_cores, plan.accelerators),
        scaling=CopyTracking(
            plan.min_copies, plan.max_copies, schedule=schedule(model.spec),
            target_concurrent_requests=plan.target_concurrent_requests,
        ),
        log_retention_days=model.spec.retention.logs_days, component_name=group_component_name(group, model.name),
    )  # fmt: skip
    component.needs(*stack.needed)
    stack.publish_after(component.cfn_inference_component)
    return {"endpointParameter": _group_endpoint(stack), "inferenceComponent": component.component_name}


BUILDERS: dict[str, Callable[[ModelStack], Place]] = {
    "real-time": real_time,
    "serial-pipeline": serial_pipeline,
    "serverless": serverless,
    "asynchronous": asynchronous,
    "batch": batch,
    "edge": edge,
    "multi-model": multi_model,
    "multi-container": multi_container,
    "inference-components": inference_component,
}


def _instances(stack: ModelStack) -> dict[str, Any]:
    model = stack.model
    return instance_props(stack, model.spec, model.deployment, stack.key, model.spec.retention.logs_days)


def _variant(stack: ModelStack, plan: VariantPlan) -> Variant:
    return Variant(stack.container(plan.container), plan.weight)


def _group_endpoint(stack: ModelStack) -> str:
    return stack.parameters.group_endpoint(stack.model.group or "", stack.model.kind)
