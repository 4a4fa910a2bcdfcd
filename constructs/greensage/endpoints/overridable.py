"""L1s of an endpoint that remember their overrides, so that what must follow a change also sees the escape hatch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct


class _Overridable:
    """Remembers `add_override` and all that call it; the CDK itself keeps overrides to itself until it synthesizes."""

    overrides: dict[str, Any]

    def add_override(self, path: str, value: Any) -> None:
        """As CfnResource's."""
        self.overrides[path] = value
        super().add_override(path, value)  # type: ignore[misc]  # pyright: ignore


class OverridableModel(_Overridable, sagemaker.CfnModel):
    """A CfnModel."""

    def __init__(self, scope: Construct, id: str, **properties: Any) -> None:
        self.overrides = {}
        super().__init__(scope, id, **properties)


class OverridableEndpointConfig(_Overridable, sagemaker.CfnEndpointConfig):
    """A CfnEndpointConfig."""

    def __init__(self, scope: Construct, id: str, **properties: Any) -> None:
        self.overrides = {}
        super().__init__(scope, id, **properties)


def content_of(resources: Iterable[OverridableModel | OverridableEndpointConfig]) -> list[Any]:
    """Return the resolved properties and overrides of `resources`, at the time of synthesis."""
    # The CDK has no public name for what an L1 was given.
    return [Stack.of(item).resolve([getattr(item, "_cfn_properties"), item.overrides]) for item in resources]  # noqa: B009
