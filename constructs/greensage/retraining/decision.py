"""The function that decides on reports, and what has it invoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

from ..catalog.checks import assumed_name
from ..core.state_machines import Machine
from ..monitoring.function import LoopFunction
from ..monitoring.monitor import Monitor

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

_SECONDS, _MEMORY_MB = 120, 256


def known_region(stack: Stack) -> str:
    """Return the stack's Region; for a stack of no certain Region the one that the checks assume, for estimates only."""
    return assumed_name("region") if Token.is_unresolved(stack.region) else stack.region


def decide_function(
    scope: Construct, settings: Mapping[str, Any], monitor: Monitor, topic: sns.ITopic | None, key: kms.IKey | None,
    days: int,
) -> LoopFunction:  # fmt: skip
    """Return the function that decides on reports; it can only alert until it may start something."""
    function = LoopFunction(
        scope, "Decide", module="decide", settings=settings, seconds=_SECONDS, memory_mb=_MEMORY_MB, numpy=False,
        log_retention_days=days,
    )  # fmt: skip
    arn, prefix = monitor.bucket.bucket_arn, monitor.prefix
    written = [f"{prefix}{name}/" for name in ("decisions", "records", "reports")]
    read = [f"{prefix}{name}/" for name in ("reports", "decisions", "records", "state")]
    function.allow_files(arn, ["s3:GetObject"], *read)
    function.allow_listing(arn, *read)
    function.allow_files(arn, ["s3:PutObject"], f"{prefix}state/history.json", *written)
    if monitor.namespace:
        function.allow_metrics(monitor.namespace)
    if key:
        function.allow(["kms:Decrypt", "kms:GenerateDataKey"], key.key_arn)
    if topic:
        function.allow(["sns:Publish"], topic.topic_arn)
        function.tell_failures(function, "Told", topic)
    return function


def listen(scope: Construct, id: str, function: LoopFunction, monitor: Monitor) -> None:
    """Have `function` invoked with every report of `monitor`."""
    _invoke(scope, id, function, monitor.report_pattern)


def listen_to_failures(scope: Construct, id: str, function: LoopFunction, machine: Machine) -> None:
    """Have `function` invoked with every execution of `machine` that failed, was stopped or took too long."""
    detail = {"stateMachineArn": [machine.resource.attr_arn], "status": ["FAILED", "TIMED_OUT", "ABORTED"]}
    kind = "Step Functions Execution Status Change"
    _invoke(scope, id, function, {"source": ["aws.states"], "detail-type": [kind], "detail": detail})


def _invoke(scope: Construct, id: str, function: LoopFunction, pattern: Mapping[str, Any]) -> None:
    target = {"arn": function.arn, "id": "decide", "retryPolicy": {"maximumRetryAttempts": 8, "maximumEventAgeInSeconds": 86_400}}
    rule = events.CfnRule(scope, id, event_pattern=pattern, targets=[target])
    lambda_.CfnPermission(
        scope, f"{id}Permission", action="lambda:InvokeFunction", function_name=function.arn, principal="events.amazonaws.com",
        source_arn=rule.attr_arn,
    )  # fmt: skip
