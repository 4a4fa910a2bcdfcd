"""The one small function per stack that does at deploy time what CloudFormation cannot: copy, look up, have built, empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from .acknowledge import acknowledge, acknowledge_wildcards
from .folders import lambda_folder
from .roles import service_role

_ID = "GreensageHelper"
# Lambda's limit: copying an archive of many gigabytes takes minutes.
_FUNCTION_SECONDS = 900
_MEMORY_MB = 256
_OWN_OBJECTS = "All objects below a prefix or in a bucket that greensage owns."


class StackHelper(Construct):
    """A Lambda function on Graviton behind the custom resources of its stack; made on first use.

    Its role holds exactly the statements that those resources asked for (`allow`), its log group expires.
    """

    @classmethod
    def of(cls, scope: Construct) -> StackHelper:
        """Return the helper of the stack of `scope`."""
        stack = Stack.of(scope)
        existing = stack.node.try_find_child(_ID)
        return existing if isinstance(existing, StackHelper) else cls(stack, _ID)

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)
        self.role = role = service_role(self, "Role", "lambda.amazonaws.com")
        self._policy = iam.Policy(self, "Policy", roles=[role])
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn)
        code = assets.Asset(self, "Code", path=str(lambda_folder()), exclude=["**/__pycache__", "*.pyc", "retraining"])
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            runtime="python3.13",
            architectures=["arm64"],
            handler="stack_helper.handler.on_event",
            code={"s3Bucket": code.s3_bucket_name, "s3Key": code.s3_object_key},
            timeout=_FUNCTION_SECONDS,
            memory_size=_MEMORY_MB,
            role=role.role_arn,
            logging_config={"logGroup": log_group.log_group_name},
            description="greensage: copies artifacts, has images built, empties buckets on deletion",
        )
        acknowledge(self.function, "AwsSolutions-L1", "Python 3.13 is supported by Lambda and has all that the function needs.")

    def resource(
        self, scope: Construct, id: str, kind: str, properties: Mapping[str, str], *, seconds: int = _FUNCTION_SECONDS
    ) -> CustomResource:
        """Return a new custom resource `Custom::Greensage<kind>`, created after the rights of the function.

        Its time limit `seconds` is the function's own, since one that ran out of time answers nobody; longer where a state
        machine answers, and at most CloudFormation's hour.
        """
        made = CustomResource(
            scope,
            id,
            resource_type=f"Custom::Greensage{kind}",
            service_token=self.function.attr_arn,
            service_timeout=Duration.seconds(seconds),
            properties=dict(properties),
        )
        made.node.add_dependency(self._policy)
        return made

    def allow_if(self, actions: Sequence[str], *resource_arns: str, conditions: Mapping[str, Any]) -> None:
        """Add one statement with conditions to the function's role."""
        self._policy.add_statements(
            iam.PolicyStatement(actions=list(actions), resources=list(resource_arns), conditions=dict(conditions))
        )

    def allow(self, actions: Sequence[str], *resource_arns: str, because: str = _OWN_OBJECTS) -> None:
        """Add one statement to the function's role; `because` says why an ARN has a wildcard."""
        self._policy.add_statements(iam.PolicyStatement(actions=list(actions), resources=list(resource_arns)))
        acknowledge_wildcards(self._policy, resource_arns, because)
