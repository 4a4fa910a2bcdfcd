"""How multi-container hosting becomes constructs of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import IDependable

from ...endpoints import Container, MultiContainerEndpoint
from ...endpoints.base import Endpoint
from ...endpoints.container_capture import captured
from ...storage.artifacts import ModelArtifact
from ..props import tracking
from ..shared import environment_of, key_from_arn
from . import group_endpoint

if TYPE_CHECKING:
    from ..group_stack import GroupStack
    from ..model_stack import ModelStack
    from . import Address


def build(stack: ModelStack) -> Address:
    """A container of a group's endpoint; the group's stack has it, archive included."""
    return {"endpointParameter": group_endpoint(stack), "targetContainer": stack.model.name}


def build_group(stack: GroupStack) -> Endpoint:
    """An instance with a container for each member."""
    group, needed, containers = stack.group, list[IDependable](), dict[str, Container]()
    for item in group.containers:
        image = stack.images.get(item.image)
        location = None
        if item.source.artifact:
            artifact = ModelArtifact(
                stack, f"Artifact-{item.name}", source=item.source.artifact, code=item.source.code, bucket=stack.bucket,
                # Not below groups/NAME/: a multi-model endpoint of the same group would serve what lies there.
                prefix=f"groups/{group.name}-containers/{item.name}/", name=item.name, encryption_key=stack.key,
                source_encryption_key=key_from_arn(stack, item.source.source_kms_key_arn, f"Artifact-{item.name}Key"),
            )  # fmt: skip
            needed.append(artifact)
            location = artifact.location
        made = Container(image, location, environment_of(item.source, stack.group.lead.logs))
        containers[item.name] = captured(made, stack.capture_of(item.name), stack.key)
    endpoint = MultiContainerEndpoint(
        stack, "Endpoint", containers=containers, instance_type=group.instance_type,
        scaling=tracking(group.scaling, group.lead), **stack.endpoint_props,
    )  # fmt: skip
    endpoint.needs(*needed)
    stack.allow_captures(endpoint)
    return endpoint
