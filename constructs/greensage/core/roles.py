"""Roles for AWS services, typed so that they fit where the CDK wants an IRole (jsii's stubs disagree with themselves)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnResource, Reference, Stack, Tokenization
from aws_cdk import aws_iam as iam

from constructs import Construct

# Services that say which of their resources they act for, by their own guides on the confused deputy: SageMaker
# "Cross-service confused deputy prevention", Step Functions, CodeBuild and EventBridge likewise. Lambda says the account only.
_NAME_THEIR_SOURCE = ("codebuild", "events", "sagemaker", "states")

# Context of the CDK that leaves the conditions out: the way on where a service turns out not to say whom it acts for.
TRUST_CONDITIONS = "trust-conditions"


def service_role(scope: Construct, id: str, service: str) -> iam.IRole:
    """Return a new role that `service`, for instance sagemaker.amazonaws.com, may assume; it has no rights yet.

    The service may do so for this account only and, where it says so, for its own resources in this Region: nobody else
    can have it act with the role (IAM user guide, "The confused deputy problem").
    """
    principal = iam.ServicePrincipal(service, conditions=_conditions(scope, service))
    return cast(iam.IRole, iam.Role(scope, id, assumed_by=cast(Any, principal)))


def _conditions(scope: Construct, service: str) -> dict[str, Any]:
    switch = scope.node.try_get_context(TRUST_CONDITIONS)
    if switch not in (None, "on", "off"):
        raise ValueError(f"the context {TRUST_CONDITIONS} is {switch!r}; allowed: on (default), off")
    if switch == "off":
        return {}
    stack, name = Stack.of(scope), service.partition(".")[0]
    source = {"ArnLike": {"aws:SourceArn": stack.format_arn(service=name, resource="*")}} if name in _NAME_THEIR_SOURCE else {}
    return {"StringEquals": {"aws:SourceAccount": stack.account}, **source}


def give_back_before_emptying(policy: iam.Policy, actions: Sequence[str], arns: Sequence[str]) -> None:
    """Have the right to write to a bucket of this stack taken away before the bucket is emptied for its deletion.

    Whatever writes after that leaves a bucket that CloudFormation cannot delete: "The bucket you tried to delete is not
    empty". What empties a bucket (greensage's helper, the CDK's `auto_delete_objects`) stands below the bucket's construct.
    """
    if "s3:PutObject" not in actions:
        return
    references = [part for arn in arns for part in Tokenization.reverse_string(arn).tokens if Reference.is_reference(part)]
    for bucket in {cast(Any, part).target for part in references}:
        if CfnResource.is_cfn_resource(bucket) and bucket.stack is Stack.of(policy):
            # Not on the bucket itself: the policy's text refers to it, and CloudFormation sees that.
            policy.node.add_dependency(*(below for below in bucket.node.scope.node.children if below.node.id != bucket.node.id))
