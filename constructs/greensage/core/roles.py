"""Roles for AWS services, typed so that they fit where the CDK wants an IRole (jsii's stubs disagree with themselves)."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import aws_iam as iam

from constructs import Construct


def service_role(scope: Construct, id: str, service: str) -> iam.IRole:
    """Return a new role that `service`, for instance sagemaker.amazonaws.com, may assume; it has no rights yet."""
    return cast(iam.IRole, iam.Role(scope, id, assumed_by=cast(Any, iam.ServicePrincipal(service))))
