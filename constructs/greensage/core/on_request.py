"""A state machine that runs when somebody starts it: what its constructs have in common."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from constructs import Construct, IDependable

from .metrics import failed_executions


class OnRequest(Construct):
    """Base of constructs that do one thing whenever they are started; `state_machine` is the L1 that does it."""

    state_machine: sfn.CfnStateMachine

    def needs(self, *resources: IDependable) -> None:
        """Be there only after `resources`, for instance the copy of an archive."""
        self.state_machine.node.add_dependency(*resources)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` start a run."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[self.state_machine.attr_arn]
        )

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return how many runs failed, summed; `options` are those of cloudwatch.Metric."""
        return failed_executions(self.state_machine.attr_arn, options)
