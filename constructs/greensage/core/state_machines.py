"""State machines of the Standard type: with logs that end, a role of their own, and the rights to run jobs to their end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from constructs import Construct

from .acknowledge import acknowledge, acknowledge_wildcards
from .logs import check_retention, log_group
from .metrics import failed_executions
from .names import job_base
from .roles import service_role
from .stack_helper import StackHelper

Job = Literal["Transform", "Training", "Processing", "Compilation", "InferenceRecommendations"]
# Errors of the service itself, which pass: the names that Step Functions' integration with the SDK gives them.
TRANSIENT = ["SageMaker.ResourceLimitExceededException", "SageMaker.SageMakerException", "SageMaker.SdkClientException",
             "SageMaker.ThrottlingException"]  # fmt: skip
# The optimized integration (.sync) takes a list of fields that AWS no longer publishes; the SDK's takes every field of the API.
# Between two looks at a job: an execution has 25,000 events at most (Step Functions quotas), and a look takes nine.
_LOOK_SECONDS, _MOST_LOOKS = 30, 2_300
# These have no resource-level permissions in IAM, so no ARN can be named.
_ANY = "*"
_LOG_DELIVERY = [f"logs:{action}" for action in (
    "CreateLogDelivery", "DeleteLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies", "GetLogDelivery",
    "ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery",
)]  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A state machine with its role and policy; depend on the policy before starting it."""

    resource: sfn.CfnStateMachine
    role: iam.IRole
    policy: iam.Policy


def state_machine(
    scope: Construct,
    definition: dict[str, Any],
    statements: Sequence[iam.PolicyStatement],
    *,
    log_retention_days: int,
    name: str | None = None,
) -> Machine:
    """Return a new state machine in `scope`, whose role has `statements` and may log.

    `name` is for one that its own functions must name: a reference would be a circle.
    """
    group = log_group(scope, "Runs", log_retention_days, name=f"/aws/vendedlogs/states/{job_base(scope)}")
    role = service_role(scope, "RunRole", "states.amazonaws.com")
    policy = iam.Policy(
        scope, "RunPolicy", roles=[role],
        statements=[*statements, iam.PolicyStatement(actions=_LOG_DELIVERY, resources=[_ANY])],
    )  # fmt: skip
    acknowledge_wildcards(policy, [_ANY], "The log delivery actions of Step Functions have no resource-level permissions in IAM.")
    machine = sfn.CfnStateMachine(
        scope, "Machine", state_machine_name=name, role_arn=role.role_arn,
        definition_string=Stack.of(scope).to_json_string(definition),
        logging_configuration={
            "level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group.log_group_arn}}],
        },
    )  # fmt: skip
    machine.node.add_dependency(policy)
    acknowledge(
        machine, "AwsSolutions-SF2", "X-Ray traces of a few tasks that take minutes would be kept data that nobody reads."
    )
    return Machine(machine, role, policy)


def job_statements(kind: Job, jobs: str, passed_role: str) -> list[iam.PolicyStatement]:
    """Return what it takes to start jobs whose ARN matches `jobs` as `passed_role`, and to look at them."""
    actions = [f"sagemaker:{name}{kind}Job" for name in ("Create", "Describe")]
    return [iam.PolicyStatement(actions=actions, resources=[jobs]), pass_role(passed_role)]


def look_seconds(limit: int) -> int:
    """Return how long to wait between two looks at a job that may take `limit` seconds."""
    return max(_LOOK_SECONDS, math.ceil(limit / _MOST_LOOKS))


def sdk(scope: Construct, operation: str) -> str:
    """Return the resource of a task that calls an operation of SageMaker's, in camelCase."""
    return f"arn:{Stack.of(scope).partition}:states:::aws-sdk:sagemaker:{operation}"


def job_rights(kind: Job, jobs: str, passed_role: str) -> list[iam.PolicyStatement]:
    """Return what it takes to run jobs whose ARN matches `jobs` as `passed_role`."""
    return [
        iam.PolicyStatement(actions=[f"sagemaker:{name}{kind}Job" for name in ("Create", "Describe", "Stop")], resources=[jobs]),
        iam.PolicyStatement(actions=["sagemaker:AddTags", "sagemaker:ListTags"], resources=[jobs]),
        pass_role(passed_role),
    ]


def pass_role(role: str) -> iam.PolicyStatement:
    """Return the right to give `role` to a job of SageMaker's."""
    passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    return iam.PolicyStatement(actions=["iam:PassRole"], resources=[role], conditions=passed)


def job_logs_arn(scope: Construct, group: str) -> str:
    """Return the ARN of the streams of a log group that SageMaker has for all jobs of a kind."""
    return Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=f"{group}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def retain_job_logs(scope: Construct, id: str, group: str, days: int) -> Construct:
    """Limit the log group that SageMaker makes for all jobs of a kind; several stacks cannot own it. Depend on the result."""
    helper = StackHelper.of(scope)
    arn = Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=f"{group}*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    helper.allow(["logs:CreateLogGroup", "logs:PutRetentionPolicy"], arn)
    check_retention(days)
    return helper.resource(scope, id, "LogRetention", {"LogGroup": group, "Days": str(days)})


def schedule_machine(scope: Construct, machine: Machine, schedule: str, target: dict[str, Any]) -> events.CfnRule:
    """Start `machine` by time; `target` adds to the rule's target, for instance its input."""
    role = service_role(scope, "StartRole", "events.amazonaws.com")
    arn = machine.resource.attr_arn
    policy = iam.Policy(
        scope, "StartPolicy", roles=[role],
        statements=[iam.PolicyStatement(actions=["states:StartExecution"], resources=[arn])],
    )  # fmt: skip
    whole = {"arn": arn, "id": "run", "roleArn": role.role_arn, **target}
    rule = events.CfnRule(scope, "Schedule", schedule_expression=schedule, targets=[whole])
    rule.node.add_dependency(policy)
    return rule


def failures(machine: Machine, **options: Any) -> cloudwatch.Metric:
    """Return the number of executions that failed, summed over an hour unless `options` of the metric say otherwise."""
    return failed_executions(machine.resource.attr_arn, options, period=Duration.hours(1))


def alarm_from_one(scope: Construct, id: str, metric: cloudwatch.Metric, text: str) -> cloudwatch.Alarm:
    """Return an alarm that goes off when `metric` is 1 or more in one period; no data is fine."""
    return cloudwatch.Alarm(
        scope, id, metric=metric, threshold=1, evaluation_periods=1, alarm_description=text,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )  # fmt: skip
