"""Files scored by a job that ends: a state machine around a transform job, started by time or by files that arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs import Construct, IDependable

from ..catalog import limits
from ..catalog.instances import batch_types
from ..core import defaults, states
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_choice, check_cron, check_needed, check_prefix, check_whole
from ..core.metrics import failed_executions
from ..core.names import job_base
from ..core.roles import service_role
from ..core.state_machines import TRANSIENT, job_logs_arn, job_statements, look_seconds, retain_job_logs, sdk, state_machine
from ..storage.artifacts import ArtifactLocation, check_location
from .access import ExecutionAccess
from .base import grant_model, served_model
from .container import Container, ModelDefinition
from .container_capture import allow_capture, capturing
from .image import ContainerImage, PrivateImage, check_image, check_of_ecr
from .instance import check_instance
from .network import Network
from .props import DataCapture

LOG_GROUP = "/aws/sagemaker/TransformJobs"


# SageMaker's longest for a job (developer guide, quotas).
_LONGEST_SECONDS = 5 * 86_400


class BatchTransform(Construct):
    """Batch transform of a model; nothing runs between the jobs.

    Parameters
    ----------
    artifact, image, environment, role, encryption_key, network:
        As for `RealTimeEndpoint`. The image is x86_64: batch transform has no Graviton.
    instance_type, instance_count:
        A type of batch transform, for instance ml.c7i.large, and how many of them share the files; default 1.
    bucket, prefix:
        Inputs lie below input/ of `prefix`, results come below output/. Let the bucket expire them, and with
        `on_arrival` announce them: `DataBucket(self, "Data", expire_days=14, announce=True)`.
        Default: no prefix.
    schedule:
        cron(…) or rate(…), in UTC: every time, the files below input/ are scored. Default: never.
    on_arrival:
        A file that arrives below input/ is scored at once, it alone; default: no.
    content_type, split:
        Of the input; default text/csv, and `line`, which sends each line as a record, several at a time; `none` sends
        a whole file.
    max_payload_mb:
        MB of one request to the container, 1 to 100; default 6.
    capture:
        Keep what went in and came out below capture/ of `prefix`, for Model Monitor; all of it, there is no sampling.
        Default: no.
    container_capture:
        A sample of what went in and came out, by greensage's serving image, as endpoints capture it: for `DriftMonitor`.
        Default: none.
    network_isolation:
        True: the container reaches nothing. AWS's pages disagree on whether batch transform has it. Default: no.
    log_retention_days:
        Of the log groups; the one of all transform jobs of the account is shared, and gets this retention too.
        Default 14 days.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        BatchTransform(self, "Churn", artifact=artifact.location, image=image, instance_type="ml.c7i.large",
                       bucket=bucket, schedule="cron(0 2 * * ? *)")
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation | None = None,
        image: ContainerImage,
        instance_type: str,
        bucket: s3.IBucket,
        prefix: str = "",
        instance_count: int = defaults.BATCH_INSTANCES,
        schedule: str | None = None,
        on_arrival: bool = False,
        content_type: str = defaults.BATCH_CONTENT_TYPE,
        split: Literal["line", "none"] = "line",
        max_payload_mb: int = defaults.BATCH_PAYLOAD_MB,
        environment: Mapping[str, str] | None = None,
        role: iam.IRole | None = None,
        encryption_key: kms.IKey | None = None,
        network: Network | None = None,
        network_isolation: bool = False,
        capture: bool = False,
        container_capture: DataCapture | None = None,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:
        super().__init__(scope, id)
        _check(instance_type, image, artifact)
        check_whole("instance_count", instance_count, 1, limits.TRANSFORM_INSTANCES_MAX)
        check_whole("max_payload_mb", max_payload_mb, 1, limits.TRANSFORM_PAYLOAD_MB)
        check_needed("split", split, "the job's output depends on it")
        check_choice("split", split, ("line", "none"))
        check_prefix("prefix", prefix, may_be_empty=True)
        if schedule is not None:
            check_cron("schedule", schedule)
        self.bucket = bucket
        self.input_prefix, self.output_prefix = f"{prefix}input/", f"{prefix}output/"
        self._capture_prefix = f"{prefix}capture/" if capture else None
        self._key, self._days = encryption_key, log_retention_days
        self._access = ExecutionAccess(self, "Access", role=role)
        self.role = self._access.role
        key_arn = encryption_key.key_arn if encryption_key else None
        model = ModelDefinition.single(Container(image, artifact, capturing(environment, container_capture, key_arn)))
        allow_capture(self._access, container_capture)
        self._grant_execution(model, network)
        self.cfn_model = served_model(self, "Model", model, self._access, network=network, isolated=network_isolation)
        # The first job would otherwise make the shared group, without retention.
        self.cfn_model.node.add_dependency(retain_job_logs(self, "JobLogs", LOG_GROUP, log_retention_days))
        job = self._job(instance_type, instance_count, content_type, split, max_payload_mb)
        self.state_machine = self._machine(job)
        self._starters(schedule, on_arrival)

    def needs(self, *resources: IDependable) -> None:
        """Create the model only after `resources`, for instance the copy of its artifact."""
        self.cfn_model.node.add_dependency(*resources)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` start a run; its input is {"input": "s3://bucket/prefix-or-key"}."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[self.state_machine.attr_arn]
        )

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of runs that failed, summed."""
        return failed_executions(self.state_machine.attr_arn, options)

    def _grant_execution(self, model: ModelDefinition, network: Network | None) -> None:
        access, arn = self._access, self.bucket.bucket_arn
        grant_model(access, model)
        access.read(ArtifactLocation(self.bucket.bucket_name, arn, self.input_prefix, self.input_prefix))
        access.list(arn, self.input_prefix)
        access.write(arn, self.output_prefix)
        if self._capture_prefix:
            access.write(arn, self._capture_prefix)
        group = job_logs_arn(self, LOG_GROUP)
        access.log(group)
        acknowledge_wildcards(
            access.policy, [group], "The log streams of the one log group that SageMaker has for all transform jobs."
        )
        if self._key:
            access.use_key(self._key)
        if network:
            access.join(network)

    def _job(self, instance_type: str, count: int, content_type: str, split: str, payload_mb: int) -> dict[str, Any]:
        output: dict[str, Any] = {"S3OutputPath": f"s3://{self.bucket.bucket_name}/{self.output_prefix}", "Accept": content_type}
        resources: dict[str, Any] = {"InstanceType": instance_type, "InstanceCount": count}
        if self._key:
            output["KmsKeyId"] = resources["VolumeKmsKeyId"] = self._key.key_arn
        if split == "line":
            # Else SageMaker would put the answers one behind the other, without line breaks.
            output["AssembleWith"] = "Line"
        captured: dict[str, Any] = {}
        if self._capture_prefix:
            target = {"DestinationS3Uri": f"s3://{self.bucket.bucket_name}/{self._capture_prefix}", "GenerateInferenceId": True}
            captured["DataCaptureConfig"] = {**target, **({"KmsKeyId": self._key.key_arn} if self._key else {})}
        return {
            **captured,
            "TransformJobName.$": "$.name",
            "ModelName": self.cfn_model.attr_model_name,
            "BatchStrategy": "MultiRecord" if split == "line" else "SingleRecord",
            "MaxPayloadInMB": payload_mb,
            "TransformInput": {
                "ContentType": content_type,
                "SplitType": "Line" if split == "line" else "None",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": "$.input"}},
            },
            "TransformOutput": output,
            "TransformResources": resources,
        }

    def _machine(self, job: dict[str, Any]) -> sfn.CfnStateMachine:
        stack, again = Stack.of(self), [states.retry(TRANSIENT, 60)]
        name = {"name.$": f"States.Format('{job_base(self)}-{{}}', States.UUID())", "input.$": "$.input"}
        ends = {"Completed": "Done", "Failed": "Failed", "Stopped": "Stopped"}
        machine: states.States = {
            "Name": states.put(name, "$", "Transform"),
            "Transform": states.job(sdk(self, "createTransformJob"), job, "WaitForTransform", retry=again),
            **states.until(
                "Transform", sdk(self, "describeTransformJob"), {"TransformJobName.$": "$.name"}, "$.job", "TransformJobStatus",
                ends, seconds=look_seconds(_LONGEST_SECONDS), retry=again,
            ),
            "Done": states.end_with("$.job"),
            "Failed": states.fail("TransformFailed", "$.job.FailureReason"),
            "Stopped": states.fail("TransformStopped", "The job was stopped before it ended."),
        }  # fmt: skip
        comment = "greensage: scores the files of one input with a job that ends"
        definition = {"Comment": comment, "StartAt": "Name", "States": machine}
        jobs = stack.format_arn(service="sagemaker", resource="transform-job", resource_name=f"{job_base(self)}-*")
        # The model of a transform job is authorized too.
        of_the_model = iam.PolicyStatement(actions=["sagemaker:CreateTransformJob"], resources=[self.cfn_model.ref])
        statements = [*job_statements("Transform", jobs, self.role.role_arn), of_the_model]
        made = state_machine(self, definition, statements, log_retention_days=self._days)
        acknowledge_wildcards(made.policy, [jobs], "Job names end in the run's own id.")
        return made.resource

    def _starters(self, schedule: str | None, on_arrival: bool) -> None:
        if not schedule and not on_arrival:
            return
        role = service_role(self, "StartRole", "events.amazonaws.com")
        policy = iam.Policy(self, "StartPolicy", roles=[role])
        policy.add_statements(iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.state_machine.attr_arn]))
        target = {"arn": self.state_machine.attr_arn, "id": "run", "roleArn": role.role_arn}
        if schedule:
            everything = f"s3://{self.bucket.bucket_name}/{self.input_prefix}"
            run = {**target, "input": Stack.of(self).to_json_string({"input": everything})}
            events.CfnRule(self, "Schedule", schedule_expression=schedule, targets=[run]).node.add_dependency(policy)
        if on_arrival:
            transformer = {
                "inputPathsMap": {"bucket": "$.detail.bucket.name", "key": "$.detail.object.key"},
                "inputTemplate": '{"input": "s3://<bucket>/<key>"}',
            }
            pattern = {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [self.bucket.bucket_name]}, "object": {"key": [{"prefix": self.input_prefix}]}},
            }
            rule = events.CfnRule(self, "Arrival", event_pattern=pattern, targets=[{**target, "inputTransformer": transformer}])
            rule.node.add_dependency(policy)


def _check(instance_type: str, image: ContainerImage, artifact: ArtifactLocation | None) -> None:
    check_image("image", image)
    if isinstance(image, PrivateImage):
        check_of_ecr("image", image, "batch transform")
    check_location("artifact", artifact)
    if image.architecture != "x86_64":
        raise ValueError("image is arm64; batch transform has no Graviton types (botocore, TransformInstanceType)")
    check_instance(instance_type, image)
    if instance_type not in batch_types():
        raise ValueError(f"instance_type {instance_type} is none of batch transform's (botocore, TransformInstanceType)")
    if artifact is not None and artifact.key.endswith("/"):
        raise ValueError(f"artifact {artifact.key} is an uncompressed prefix; batch transform takes a .tar.gz")
