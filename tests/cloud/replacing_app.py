"""Our app with what a user may do to it: `-c override=JSON` on every endpoint's L1s, `-c bucket=ID` for another platform bucket."""

from __future__ import annotations

import json
import sys
from typing import Any

from constructs import Construct
from greensage.app import GroupStack, ModelStack, platform_stack, synthesize
from greensage.endpoints.base import Endpoint
from greensage.storage.retention import ArtifactBucket


def bucket(scope: Any, id: str, **props: Any) -> ArtifactBucket:
    """The platform's bucket under the id that the context asks for."""
    return ArtifactBucket(scope, scope.node.try_get_context("bucket") or id, **props)


def override(stack: Construct) -> None:
    """Use the escape hatch as a user would."""
    asked = json.loads(stack.node.try_get_context("override") or "{}")
    for endpoint in (item for item in stack.node.find_all() if isinstance(item, Endpoint)):
        for path, value in asked.get("config", {}).items():
            endpoint.cfn_endpoint_config.add_property_override(path, value)
        for path, value in asked.get("model", {}).items():
            endpoint.cfn_model.add_property_override(path, value)


class OwnModelStack(ModelStack):
    """With what the context asks for."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **props)
        override(self)


class OwnGroupStack(GroupStack):
    """With what the context asks for."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **props)
        override(self)


platform_stack.ArtifactBucket = bucket  # type: ignore[misc, assignment]  # pyright: ignore
sys.exit(synthesize("models", model_stack=OwnModelStack, group_stack=OwnGroupStack))
