"""A retraining by SageMaker Pipelines: the pipeline, its queue, and the two functions that do its steps and wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from constructs import Construct

from ..catalog import drift
from ..core.acknowledge import acknowledge_wildcards
from ..core.roles import service_role
from ..core.state_machines import Job, alarm_from_one, job_rights, pass_role
from ..endpoints.access import ExecutionAccess
from ..monitoring.function import LoopFunction
from ..monitoring.monitor import Monitor
from .jobs import Jobs
from .pipeline_definition import Parts, definition
from .policy import RetrainingPolicy

_MEMORY_MB = 256
_STEP_SECONDS = drift.limit("pipeline_step_seconds")
# A message has to stay hidden for longer than its function may run: Lambda refuses a queue with less.
_WAIT_SECONDS, _VISIBLE_SECONDS, _SPARE_SECONDS = 180, 200, 10
# How long a function that a step calls may take.
PIPELINE_CALLED_SECONDS = _STEP_SECONDS - 2 * _SPARE_SECONDS
# ListTrainingJobs has no resource-level permissions in IAM, so no ARN can be named.
_ANY = "*"
# SQS's most; a message that waits comes again every 30 seconds to 12 hours.
_MOST_RECEIVED, _KEPT_DAYS = 1_000, 14


class PipelineEngine(Construct):
    """The pipeline of one model. `cfn_pipeline` is the L1; `definition` is its body, before tokens are resolved.

    Where it differs from the state machine: the instance types are tried on Spot only, one execution after the other; and
    a person must answer within 300 hours, because the question waits in a queue.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, jobs: Jobs, candidates: list[dict[str, object]], policy: RetrainingPolicy,
        monitor: Monitor, data: LoopFunction, deploy: LoopFunction, topic: sns.ITopic | None,
        optimize: lambda_.IFunction | None, encryption_key: kms.IKey | None, log_retention_days: int,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        self.name, self._days, self._key = name, log_retention_days, encryption_key
        self.queue = self._queue(topic)
        settings = {
            "model": monitor.model, "bucket": monitor.bucket.bucket_name, "prefix": monitor.prefix, "data": data.arn,
            "deploy": deploy.arn, "pipeline": name, "candidates": candidates, "topic": topic.topic_arn if topic else "",
            "queue": self.queue.queue_url, "approval_hours": policy.approval_hours,
        }  # fmt: skip
        self.steps = self._pipeline_function("Steps", "pipeline_steps", _STEP_SECONDS, settings, monitor, (data, deploy), topic)
        self.waiting = self._pipeline_function(
            "Waiting", "pipeline_waits", _WAIT_SECONDS, settings, monitor, (data, deploy), topic
        )
        self._listen()
        self.role, rights = self._role(jobs, optimize)
        parts = Parts(
            name=name, steps=self.steps.arn, queue=self.queue.queue_url,
            train={**jobs.train(spot=True), "TrainingJobName": f"{name}-t"},
            compare={**jobs.compare(), "ProcessingJobName": f"{name}-c"}, instance_type=str(candidates[0]["type"]),
            optimize=optimize.function_arn if optimize else None,
            optimize_job={**jobs.optimize(), "ProcessingJobName": f"{name}-o"} if jobs.optimizing_role else None,
            optimized=jobs.optimized("/model.tar.gz") if jobs.optimizing_role else None, person=policy.approval == "person",
            waits=policy.flexible_hours > 0,
        )  # fmt: skip
        self.definition = definition(parts)
        self.cfn_pipeline = sagemaker.CfnPipeline(
            self, "Pipeline", pipeline_name=name, role_arn=self.role.role_arn,
            pipeline_definition={"PipelineDefinitionBody": Stack.of(self).to_json_string(self.definition)},
            pipeline_description=f"greensage: retrains {monitor.model}, compares, registers and deploys",
        )  # fmt: skip
        self.cfn_pipeline.node.add_dependency(rights)

    def _queue(self, topic: sns.ITopic | None) -> sqs.Queue:
        undone = sqs.Queue(
            self, "Undone", encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True,
            retention_period=Duration.days(_KEPT_DAYS),
        )  # fmt: skip
        if topic:
            text = f"A message of the retraining pipeline {self.name} could not be dealt with; it lies in the queue Undone"
            left = undone.metric_approximate_number_of_messages_visible()
            alarm_from_one(self, "UndoneAlarm", left, text).add_alarm_action(cast(Any, actions.SnsAction(topic)))
        return sqs.Queue(
            self, "Queue", encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True,
            visibility_timeout=Duration.seconds(_VISIBLE_SECONDS), retention_period=Duration.days(_KEPT_DAYS),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=_MOST_RECEIVED, queue=undone),
        )  # fmt: skip

    def _pipeline_function(
        self, id: str, module: str, seconds: int, settings: Mapping[str, Any], monitor: Monitor,
        called: tuple[LoopFunction, ...], topic: sns.ITopic | None,
    ) -> LoopFunction:  # fmt: skip
        function = LoopFunction(
            self, id, module=module, settings={**settings, "seconds": seconds - _SPARE_SECONDS}, seconds=seconds,
            memory_mb=_MEMORY_MB, numpy=False, log_retention_days=self._days,
        )  # fmt: skip
        states = [f"{monitor.prefix}state/{name}" for name in ("retraining-", "waits/", "handled/")]
        arns = [f"{monitor.bucket.bucket_arn}/{name}*" for name in states]
        function.allow(["s3:GetObject", "s3:PutObject"], *arns, why="What each retraining, wait and end knows.")
        function.allow_listing(monitor.bucket.bucket_arn, *states)
        function.allow(["lambda:InvokeFunction"], *(other.arn for other in called))
        if topic:
            function.allow(["sns:Publish"], topic.topic_arn)
        if self._key:
            function.allow(["kms:Decrypt", "kms:GenerateDataKey"], self._key.key_arn)
        if module == "pipeline_waits":
            self._allow_waiting(function)
        return function

    def _allow_waiting(self, function: LoopFunction) -> None:
        actions = (
            "ListPipelineExecutionSteps", "ListPipelineParametersForExecution", "SendPipelineExecutionStepFailure",
            "SendPipelineExecutionStepSuccess", "StartPipelineExecution",
        )  # fmt: skip
        own = "Executions of one pipeline."
        function.allow([f"sagemaker:{name}" for name in actions], self.arn, f"{self.arn}/execution/*", why=own)
        jobs = Stack.of(self).format_arn(service="sagemaker", resource="training-job", resource_name=f"{self.name}-*")
        function.allow(["sagemaker:DescribeTrainingJob"], jobs, why="Training jobs of one pipeline.")
        function.allow(["sagemaker:ListTrainingJobs"], _ANY, why="IAM has no resource-level permissions for the lists of jobs.")
        received = ["ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"]
        function.allow([f"sqs:{name}" for name in received], self.queue.queue_arn)
        mapping = lambda_.CfnEventSourceMapping(
            self, "Messages", event_source_arn=self.queue.queue_arn, function_name=function.arn, batch_size=1,
            # By this a message that has to wait longer stays in the queue.
            function_response_types=["ReportBatchItemFailures"],
        )  # fmt: skip
        mapping.node.add_dependency(function.policy)

    def _listen(self) -> None:
        """Have the end of an execution that did not succeed put into the queue."""
        rule = events.CfnRule(
            self, "Ended",
            event_pattern={
                "source": ["aws.sagemaker"], "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
                "detail": {"currentPipelineExecutionStatus": ["Failed", "Stopped"], "pipelineArn": [self.arn]},
            },
            targets=[{"arn": self.queue.queue_arn, "id": "ended"}],
        )  # fmt: skip
        sent = iam.PolicyStatement(
            actions=["sqs:SendMessage"], principals=[cast(Any, iam.ServicePrincipal("events.amazonaws.com"))],
            resources=[self.queue.queue_arn], conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
        )  # fmt: skip
        self.queue.add_to_resource_policy(sent)

    def _role(self, jobs: Jobs, optimize: lambda_.IFunction | None) -> tuple[iam.IRole, iam.Policy]:
        role = service_role(self, "Role", "sagemaker.amazonaws.com")
        stack = Stack.of(self)
        called = [self.steps.arn, *([optimize.function_arn] if optimize else [])]
        statements = [
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=called),
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue.queue_arn]),
        ]
        wide: list[str] = []
        kinds: tuple[tuple[Job, ExecutionAccess], ...] = (("Training", jobs.training_role), ("Processing", jobs.comparing_role))
        for kind, passed in kinds:
            arn = stack.format_arn(service="sagemaker", resource=f"{kind.lower()}-job", resource_name=f"{self.name}-*")
            statements += job_rights(kind, arn, passed.role.role_arn)
            wide.append(arn)
        if jobs.optimizing_role:
            statements.append(pass_role(jobs.optimizing_role.role.role_arn))
        policy = iam.Policy(self, "Policy", roles=[role], statements=statements)
        acknowledge_wildcards(policy, wide, "Names of a pipeline's jobs end in its execution's id.")
        return role, policy

    @property
    def arn(self) -> str:
        """The pipeline's ARN, known before it is there."""
        return Stack.of(self).format_arn(service="sagemaker", resource="pipeline", resource_name=self.name)
