"""Requests that wait in a queue and are answered as files in S3: nothing runs while the queue is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from constructs import Construct

from ..catalog import limits
from ..core import defaults
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_prefix, check_type, check_whole
from ..storage.artifacts import ArtifactLocation
from .base import DEFAULT_VARIANT
from .container import Container, ModelDefinition
from .container_capture import allow_capture, capturing
from .image import ContainerImage, check_image
from .on_instances import InstanceEndpoint
from .props import DataCapture
from .scaling import BacklogScaling, BacklogTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .props import InstanceProps

_DEFAULT_BACKLOG = BacklogTracking()
# InvocationModelErrors is not published for asynchronous endpoints (developer guide, async-inference-monitor).
_ERRORS = ("Invocation5XXErrors", "Invocation4XXErrors")


class AsynchronousEndpoint(InstanceEndpoint):
    """An asynchronous endpoint that scales from zero.

    Parameters
    ----------
    artifact, image, instance_type, environment:
        As for `RealTimeEndpoint`.
    bucket:
        Where requests, results and failures lie, below input/, results/ and failures/ of `prefix`. Let it expire
        them: `DataBucket(self, "Data", expire_days=14)`.
    prefix:
        Default: none.
    scaling:
        Limits and target; default 0 to 2 instances. AWS creates the endpoint with one; scaling takes it to zero.
    concurrency_per_instance:
        Requests that an instance works on at once, 1 to 1000; default 4.
    notify:
        Make two topics (encrypted, TLS only) that are told of results and of failures: `success_topic`, `error_topic`.
        Default: no.
    capture:
        Requests and answers written to S3; default: none.

    The rest is `InstanceProps`. Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        AsynchronousEndpoint(self, "Digits", artifact=artifact.location, image=image, instance_type="ml.c7g.large",
                             bucket=DataBucket(self, "Data", expire_days=14))
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
        scaling: BacklogTracking = _DEFAULT_BACKLOG,
        concurrency_per_instance: int = defaults.ASYNC_CONCURRENCY_PER_INSTANCE,
        notify: bool = False,
        capture: DataCapture | None = None,
        environment: Mapping[str, str] | None = None,
        **props: Unpack[InstanceProps],
    ) -> None:
        check_image("image", image)
        check_type("scaling", scaling, BacklogTracking, "BacklogTracking(min_instances, max_instances)")
        check_whole("concurrency_per_instance", concurrency_per_instance, 1, limits.ASYNC_CONCURRENCY_MAX)
        if image.processor == "inf1":
            raise ValueError("image is for inf1; AWS does not offer Inferentia 1 on asynchronous hosting")
        check_prefix("prefix", prefix, may_be_empty=True)
        self.bucket = bucket
        self.input_prefix, self.output_prefix, self.failure_prefix = (
            f"{prefix}{part}/" for part in ("input", "results", "failures")
        )
        # The topics stand beside the endpoint: it names them while it is made.
        self.success_topic = _topic(scope, f"{id}Results") if notify else None
        self.error_topic = _topic(scope, f"{id}Failures") if notify else None
        key = props.get("encryption_key")
        output: dict[str, Any] = {
            "s3OutputPath": f"s3://{bucket.bucket_name}/{self.output_prefix}",
            "s3FailurePath": f"s3://{bucket.bucket_name}/{self.failure_prefix}",
            **({"kmsKeyId": key.key_arn} if key else {}),
        }
        if self.success_topic and self.error_topic:
            output["notificationConfig"] = {
                "successTopic": self.success_topic.topic_arn, "errorTopic": self.error_topic.topic_arn,
            }  # fmt: skip
        # The serving image takes what real-time endpoints may send, unless it is told otherwise.
        largest = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": str(limits.bytes_of("ASYNC_PAYLOAD_BYTES") // 1_048_576)}
        variables = capturing({**largest, **(environment or {})}, capture, key.key_arn if key else None)
        client = {"maxConcurrentInvocationsPerInstance": concurrency_per_instance}
        super().__init__(
            scope, id, model=ModelDefinition.single(Container(image, artifact, variables)), instance_type=instance_type,
            # Not by invocations per instance, which asynchronous endpoints do not publish: BacklogScaling follows.
            scaling=None, kind="async", config={"async_inference_config": {"clientConfig": client, "outputConfig": output}},
            error_metrics=_ERRORS, **props,
        )  # fmt: skip
        # The base took scaling=None for a fixed count, but this count is scaled all the same.
        self.cfn_endpoint.retain_all_variant_properties = True
        self._grant_data()
        allow_capture(self._access, capture)
        self.scaling = BacklogScaling(self, "Scaling", endpoint=self.cfn_endpoint, variant_name=DEFAULT_VARIANT, tracking=scaling)

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put inputs, invoke the endpoint in every generation of it, and read results and failures."""
        inputs = self.bucket.arn_for_objects(f"{self.input_prefix}*")
        outputs = [self.bucket.arn_for_objects(f"{path}*") for path in (self.output_prefix, self.failure_prefix)]
        principal = grantee.grant_principal
        if isinstance(principal, Construct):
            acknowledge_wildcards(principal, [inputs, *outputs], "Objects below the prefixes of one endpoint.")
        iam.Grant.add_to_principal(grantee=grantee, actions=["s3:PutObject"], resource_arns=[inputs])
        iam.Grant.add_to_principal(grantee=grantee, actions=["s3:GetObject"], resource_arns=outputs)
        return self._grant_invoke(grantee, None, ("sagemaker:InvokeEndpointAsync",))

    def _address(self) -> dict[str, Any]:
        return {"asynchronous": {"bucket": self.bucket.bucket_name, "input": self.input_prefix}}

    def _grant_data(self) -> None:
        access, arn = self._access, self.bucket.bucket_arn
        access.read(ArtifactLocation(self.bucket.bucket_name, arn, self.input_prefix, self.input_prefix))
        access.list(arn, self.input_prefix)
        access.write(arn, self.output_prefix)
        access.write(arn, self.failure_prefix)
        topics = [topic.topic_arn for topic in (self.success_topic, self.error_topic) if topic]
        if topics:
            access.publish(topics)


def _topic(scope: Construct, id: str) -> sns.Topic:
    topic = sns.Topic(scope, id, enforce_ssl=True)
    # SNS's own key: whoever may publish may use it, and it costs nothing.
    topic.node.default_child.kms_master_key_id = "alias/aws/sns"  # type: ignore[union-attr]
    return topic
