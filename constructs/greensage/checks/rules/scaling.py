"""Which scalable targets and policies of a template are an endpoint's: by reference, by name, or by the same expression."""

from __future__ import annotations

from ..template import Resource
from ..values import Unresolved

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def targets_of(endpoint: Resource) -> list[Resource]:
    """Return the scalable targets of an endpoint. Raises Unresolved where one may be its own and cannot be told."""
    rows = list(endpoint.template.of_type(TARGET))
    found = [target for target in rows if _is_of(target, endpoint)]
    if not found and any(_may_be_of(target, endpoint) for target in rows):
        raise Unresolved("a scaling target in this template may be its own")
    return found


def policies_of(target: Resource) -> list[Resource]:
    """Return the scaling policies of a scalable target, which name it or its resource and dimension."""
    dimension, name = target.text("ScalableDimension"), target.expression("ResourceId")
    return [
        policy
        for policy in target.template.of_type(_POLICY)
        if target.id in policy.refers_to("ScalingTargetId")
        or (policy.expression("ResourceId") == name and policy.text("ScalableDimension") == dimension)
    ]


def tracked(endpoint: Resource) -> bool:
    """Return whether a target-tracking policy follows the use of an endpoint."""
    try:
        targets = targets_of(endpoint)
    except Unresolved:
        return False
    return any(policy.text("PolicyType") == "TargetTrackingScaling" for target in targets for policy in policies_of(target))


def _is_of(target: Resource, endpoint: Resource) -> bool:
    if endpoint.id in target.refers_to("ResourceId"):
        return True
    name, resource = endpoint.expression("EndpointName"), target.expression("ResourceId")
    if name and "*" not in name and resource.startswith(f"endpoint/{name}/"):
        return True
    known = endpoint.text("EndpointName")
    return bool(known) and "*" not in known and target.text("ResourceId").startswith(f"endpoint/{known}/")


def _may_be_of(target: Resource, endpoint: Resource) -> bool:
    """Whether the name in a target is one that only the deployment knows, and is not another endpoint's of the template."""
    text = target.text("ResourceId")
    if text != "*" and not (text.startswith("endpoint/") and "*" in text.split("/")[1]):
        return False
    resources = endpoint.template.resources
    named = [resources[name] for name in target.refers_to("ResourceId") if name in resources]
    others = endpoint.template.of_type("AWS::SageMaker::Endpoint")
    return not named and not any(_is_of(target, other) for other in others if other is not endpoint)
