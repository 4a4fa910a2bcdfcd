"""Acknowledges cdk-nag findings on one resource, with the reason, so that users' apps stay clean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations

from constructs import IConstruct

_PACK, _OWN_PACK = "AwsSolutions", "Greensage"


def acknowledge(resource: IConstruct, rule: str, reason: str) -> None:
    """Say why `rule`, for instance AwsSolutions-S1, does not apply to `resource`; nothing else is touched.

    cdk-nag 3 matches ids with the pack's prefix (`AwsSolutions::AwsSolutions-S1`); a bare one matches nothing.
    """
    Validations.of(resource).acknowledge(Acknowledgment(id=f"{_PACK}::{rule}", reason=reason))


def acknowledge_own(resource: IConstruct, rule: str, reason: str) -> None:
    """Say why `rule` of our own pack, for instance GS-CAP01, does not apply to `resource`."""
    Validations.of(resource).acknowledge(Acknowledgment(id=f"{_OWN_PACK}::{rule}", reason=reason))


def acknowledge_wildcards(policy: IConstruct, resource_arns: Iterable[str], reason: str) -> None:
    """Say why the policy names each of `resource_arns` (those that hold a *); other wildcards are still reported."""
    stack = Stack.of(policy)
    for arn in resource_arns:
        text = _flat(stack.resolve(arn))
        if "*" in text:
            acknowledge(policy, f"AwsSolutions-IAM5[Resource::{text}]", reason)


def _flat(value: Any) -> str:
    """Write an ARN with references as cdk-nag does in its finding ids: <LogicalId> and <LogicalId.Attribute>."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return separator.join(map(_flat, parts))
    return str(value)
