"""The state machine that builds images and answers CloudFormation: a function could wait fifteen minutes, a build may an hour."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from constructs import Construct

from ..core import states
from ..core.stack_helper import StackHelper
from ..core.state_machines import state_machine

_ID = "GreensageImageBuilds"
_FAILURE = "$.failure"
_LOG_DAYS = 7
_POLL_SECONDS = 15
# A build that finds the account's queue full is tried again for most of CloudFormation's hour.
_QUEUE_SECONDS, _QUEUE_TRIES = 60, 50
# Errors of Lambda itself, which pass (Step Functions developer guide, "Handle transient Lambda service exceptions").
# Of boto3's exceptions, by their class: a throttled call, a lost connection.
_PASSING = states.retry(["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
                         "Lambda.TooManyRequestsException", "ClientError", "EndpointConnectionError", "ConnectTimeoutError",
                         "ReadTimeoutError", "ConnectionClosedError"], 2, attempts=6)  # fmt: skip
# Who does not answer leaves the stack waiting for the hour.
_ANSWER = [states.retry(["States.ALL"], 5, attempts=8)]


class ImageBuilds(Construct):
    """One state machine for all images of a stack; made on first use."""

    @classmethod
    def of(cls, scope: Construct) -> ImageBuilds:
        """Return the one of the stack of `scope`."""
        stack = Stack.of(scope)
        existing = stack.node.try_find_child(_ID)
        return existing if isinstance(existing, ImageBuilds) else cls(stack, _ID)

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        helper = StackHelper.of(self)
        function = helper.function.attr_arn
        invoke = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function])
        self.machine = state_machine(self, _definition(function), [invoke], log_retention_days=_LOG_DAYS)
        self.arn = self.machine.resource.attr_arn
        helper.allow(["states:StartExecution"], self.arn)


def _definition(function: str) -> states.State:
    caught = states.catch("Fail", _FAILURE)
    queued = states.retry(["QueueFull"], _QUEUE_SECONDS, attempts=_QUEUE_TRIES, backoff=1.0)
    started = {"step": "start", "event.$": "$"}
    checked = {"step": "check", "build.$": "$.build.id", "begun.$": "$$.Execution.StartTime", "event.$": "$"}
    failed = {"step": "fail", "event.$": "$", "failure.$": _FAILURE}
    return {
        "Comment": "greensage: builds an image and tells CloudFormation",
        "StartAt": "Start",
        "States": {
            "Start": states.task(function, started, "Wait", result_path="$.build", retry=[queued, _PASSING], catch=caught),
            "Wait": states.wait("Check", seconds=_POLL_SECONDS),
            "Check": states.task(function, checked, "IsItDone", result_path="$.checked", retry=[_PASSING], catch=caught),
            "IsItDone": states.choice({("$.checked.done", True): "Answer"}, "Wait"),
            "Answer": states.task(function, {"step": "answer", "event.$": "$"}, None, retry=_ANSWER),
            "Fail": states.task(function, failed, None, retry=_ANSWER),
        },
    }
