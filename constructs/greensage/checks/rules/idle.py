"""What runs for nothing where nothing scales: instances of an endpoint, machines of a group, tasks of a service."""

from __future__ import annotations

from .. import savings
from ..impact import Impact
from ..template import Node, Resource
from ..values import Unresolved
from .shapes import config_of, instance_variants


def idle_config(config: Resource, assumption: str = "idle_share") -> Impact | None:
    """Return the idle hours of a configuration's instances, as far as their types are known."""
    found: Impact | None = None
    for variant in instance_variants(config):
        try:
            name, count = variant.get("InstanceType", default=""), variant.number("InitialInstanceCount", default=1) or 1
        except Unresolved:
            continue
        one = savings.idle_hours(name, config.region, assumption, count)
        found = one if found is None else found + one if one else found
    return found


def idle_target(target: Resource) -> Impact | None:
    """Return the idle hours of the endpoint that a scalable target is of, if it is in this template."""
    endpoint = target.target("ResourceId")
    config = config_of(endpoint) if endpoint is not None and endpoint.type == "AWS::SageMaker::Endpoint" else None
    return idle_config(config) if config is not None else None


def idle_group(group: Resource, count: float) -> Impact | None:
    """Return the idle hours of `count` machines of an Auto Scaling group, if its launch template is in this template."""
    launched = group.target("LaunchTemplate") or group.target("LaunchConfigurationName")
    if launched is None:
        return None
    node = launched.get("LaunchTemplateData") if launched.type == "AWS::EC2::LaunchTemplate" else launched
    try:
        name = node.get("InstanceType", default="") if isinstance(node, Node) else ""
    except Unresolved:
        return None
    return savings.idle_hours(name, group.region, "idle_share", count) if name else None


def idle_service(service: Resource, count: float) -> Impact | None:
    """Return the idle hours of a Fargate service's tasks, if their definition is in this template."""
    task = service.target("TaskDefinition")
    if task is None or task.type != "AWS::ECS::TaskDefinition" or not task.has("Cpu"):
        return None
    try:
        vcpu, gb = (task.number("Cpu") or 0) / 1024, (task.number("Memory") or 0) / 1024
    except Unresolved:
        return None
    return savings.idle_tasks(service.region, vcpu, gb, count)
