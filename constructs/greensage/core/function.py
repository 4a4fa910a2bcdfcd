"""A Lambda function of greensage's own, on Graviton, with a role that may do what it is allowed one by one, and logs that end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sns as sns

from constructs import Construct

from .acknowledge import acknowledge, acknowledge_wildcards
from .logs import log_group
from .metrics import metric
from .roles import give_back_before_emptying, service_role

# PutMetricData has no resource-level permissions in IAM; the namespace limits it.
_ANY = "*"


class Function(Construct):
    """A function with a role and a log group of its own.

    Parameters
    ----------
    handler:
        As Lambda names it: package.module.function.
    code:
        Holds that package.
    settings:
        What the handler says it takes; may hold tokens.
    seconds, memory_mb:
        Its limits.
    layers:
        ARNs of layers.
    """

    def __init__(
        self, scope: Construct, id: str, *, handler: str, code: assets.Asset, settings: Mapping[str, Any], seconds: int,
        memory_mb: int, layers: Sequence[str], description: str, log_retention_days: int,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        group = log_group(self, "Logs", log_retention_days)
        self.role = service_role(self, "Role", "lambda.amazonaws.com")
        self.policy = iam.Policy(self, "Policy", roles=[self.role])
        self.allow(["logs:CreateLogStream", "logs:PutLogEvents"], group.log_group_arn)
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            runtime="python3.13",
            architectures=["arm64"],
            handler=handler,
            code={"s3Bucket": code.s3_bucket_name, "s3Key": code.s3_object_key},
            layers=list(layers) or None,
            timeout=seconds,
            memory_size=memory_mb,
            role=self.role.role_arn,
            environment={"variables": {"SETTINGS": Stack.of(self).to_json_string(dict(settings))}},
            logging_config={"logGroup": group.log_group_name},
            description=description,
        )
        self.function.node.add_dependency(self.policy)
        acknowledge(self.function, "AwsSolutions-L1", "Python 3.13 is supported by Lambda and is what AWS's layers are for.")

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return self.function.attr_arn

    def run_by(self, scope: Construct, id: str, schedule: str, description: str) -> events.CfnRule:
        """Have the function invoked by time, as `schedule` says; return the rule."""
        target = {"arn": self.arn, "id": "run", "retryPolicy": {"maximumRetryAttempts": 2}}
        rule = events.CfnRule(scope, id, schedule_expression=schedule, targets=[target], description=description)
        lambda_.CfnPermission(
            scope, f"{id}Permission", action="lambda:InvokeFunction", function_name=self.arn, principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )  # fmt: skip
        return rule

    def tell_failures(self, scope: Construct, id: str, topic: sns.ITopic) -> None:
        """Have Lambda tell `topic` of an event that the function failed at three times; it must be allowed to publish.

        By Lambda and not by an alarm, which costs: and CloudWatch may not use the key of AWS's that encrypts a topic. It takes
        no topic of another account, which then is told what the function itself can tell.
        """
        own, others = Stack.of(self).account, topic.env.account
        if not Token.is_unresolved(own) and not Token.is_unresolved(others) and own != others:
            return
        sent = {"onFailure": {"destination": topic.topic_arn}}
        told = lambda_.CfnEventInvokeConfig(
            scope, id, function_name=self.function.ref, qualifier="$LATEST", destination_config=sent
        )
        told.node.add_dependency(self.policy)

    def metric_errors(self, **options: Any) -> cloudwatch.Metric:
        """Return how often the function failed, summed."""
        return metric("AWS/Lambda", "Errors", {"FunctionName": self.function.ref}, options)

    def allow(self, actions: Sequence[str], *arns: str, conditions: Mapping[str, Any] | None = None, why: str = "") -> None:
        """Add one statement to the role; `why` says for cdk-nag what a wildcard stands for."""
        self.policy.add_statements(
            iam.PolicyStatement(actions=list(actions), resources=list(arns), conditions=dict(conditions or {}) or None)
        )
        give_back_before_emptying(self.policy, actions, arns)
        acknowledge_wildcards(self.policy, arns, why or "Files below a prefix of the loop's own.")

    def allow_files(self, bucket_arn: str, actions: Sequence[str], *prefixes: str) -> None:
        """Let the function do `actions` on the objects below prefixes (that end with a slash) or on single keys."""
        self.allow(actions, *(f"{bucket_arn}/{prefix}{'*' if prefix.endswith('/') else ''}" for prefix in prefixes))

    def allow_listing(self, bucket_arn: str, *prefixes: str) -> None:
        """Let the function list prefixes; without it S3 says "denied" where it should say "not there"."""
        self.allow(["s3:ListBucket"], bucket_arn, conditions={"StringLike": {"s3:prefix": [f"{item}*" for item in prefixes]}})

    def allow_metrics(self, namespace: str) -> None:
        """Let the function publish to one namespace of CloudWatch."""
        within = {"StringEquals": {"cloudwatch:namespace": namespace}}
        self.allow(["cloudwatch:PutMetricData"], _ANY, conditions=within, why="IAM cannot limit PutMetricData but by namespace.")
