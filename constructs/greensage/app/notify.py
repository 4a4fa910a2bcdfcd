"""What a model file says for its whole stack: a topic that alarms tell, and a boundary that limits every role."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns


def limit_roles(stack: Stack, boundary_arn: str | None) -> None:
    """Limit every role of `stack`, also those that are added later, by the managed policy."""
    if boundary_arn is not None:
        iam.PermissionsBoundary.of(stack).apply(iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", boundary_arn))


def tell_alarms(stack: Stack, topic: sns.ITopic | None) -> None:
    """Have the alarms of `stack` that tell nobody yet tell `topic`; those that scale are left alone."""
    if topic is None:
        return
    found = stack.node.find_all()
    for alarm in (item for item in found if isinstance(item, cloudwatch.Alarm)):
        alarm.add_alarm_action(cast(Any, actions.SnsAction(topic)))
    for alarm in (item for item in found if isinstance(item, cloudwatch.CfnAlarm)):
        if not isinstance(alarm.node.scope, cloudwatch.Alarm) and not alarm.alarm_actions:
            alarm.alarm_actions = [topic.topic_arn]
