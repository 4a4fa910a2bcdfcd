"""The state machine of a retraining as a resource: its rights, its limit, and the places its states are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from constructs import Construct

from ..core.acknowledge import acknowledge_own, acknowledge_wildcards
from ..core.state_machines import Machine, job_statements, pass_role, state_machine
from ..monitoring.function import LoopFunction
from .expressions import for_states
from .jobs import Jobs
from .machine import OptimizeJob, definition
from .policy import RetrainingPolicy
from .training import TrainingSource

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns

_HOUR = 3_600


def retraining_machine(
    scope: Construct, *, base: str, jobs: Jobs, source: TrainingSource, policy: RetrainingPolicy, bucket: s3.IBucket, prefix: str,
    data: LoopFunction, deploy: LoopFunction, topic: sns.ITopic | None, optimize: lambda_.IFunction | None, places: int,
    update_seconds: int, key: kms.IKey | None, days: int,
) -> Machine:  # fmt: skip
    """Return the machine in `scope`; names of its jobs begin with `base`, its log is kept for `days`."""
    person = policy.approval == "person"
    training_seconds = source.max_wait_minutes * 60
    asked = policy.approval_hours * _HOUR if person else 0
    # An hour for all functions, with their retries; then cleaning up may have to wait for an update once more.
    longest = (
        policy.flexible_hours * _HOUR + training_seconds * places + jobs.compare_seconds * (2 if jobs.optimizing_role else 1)
        + asked + 2 * update_seconds + _HOUR
    )  # fmt: skip
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key.key_arn} if key else {}
    record = {"Bucket": bucket.bucket_name, "Key.$": f"States.Format('{prefix}records/{{}}.json', $.name)", **encrypted}
    machine = definition(
        partition=Stack.of(scope).partition, data=data.arn, deploy=deploy.arn,
        train_spot=for_states(jobs.train(spot=True)), train_on_demand=for_states(jobs.train(spot=False)),
        compare=for_states(jobs.compare()), optimize_job=_optimize_job(jobs), compare_seconds=jobs.compare_seconds,
        wait_seconds=training_seconds, places=places, optimize=optimize.function_arn if optimize else None,
        topic=topic.topic_arn if topic else None, approval_hours=policy.approval_hours if person else None, record_at=record,
        seconds=longest,
    )  # fmt: skip
    training, processing = (
        Stack.of(scope).format_arn(service="sagemaker", resource=kind, resource_name=f"{base}-*")
        for kind in ("training-job", "processing-job")
    )
    records = f"{bucket.bucket_arn}/{prefix}records/*"
    called = [data.arn, deploy.arn, *([optimize.function_arn] if optimize else [])]
    statements = [
        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=called),
        *job_statements("Training", training, jobs.training_role.role.role_arn),
        *job_statements("Processing", processing, jobs.comparing_role.role.role_arn),
        iam.PolicyStatement(actions=["s3:PutObject"], resources=[records]),
    ]
    if key:
        statements.append(iam.PolicyStatement(actions=["kms:GenerateDataKey"], resources=[key.key_arn]))
    if jobs.optimizing_role:
        statements.append(pass_role(jobs.optimizing_role.role.role_arn))
    if topic:
        statements.append(iam.PolicyStatement(actions=["sns:Publish"], resources=[topic.topic_arn]))
    made = state_machine(scope, machine, statements, log_retention_days=days, name=base)
    acknowledge_own(
        made.resource, "GS-TRN02", "Every instance type is tried on Spot first; on demand comes last, when none had capacity."
    )
    acknowledge_wildcards(made.policy, [training, processing, records], "Jobs and records are named by the retraining's number.")
    return made


def _optimize_job(jobs: Jobs) -> OptimizeJob | None:
    if jobs.optimizing_role is None:
        return None
    artifact = for_states({"artifact": jobs.optimized("/model.tar.gz")})
    return OptimizeJob(for_states(jobs.optimize()), artifact, jobs.compare_seconds)
