"""The execution role: what a serving container may do, limited to its own prefixes, images, logs and topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from constructs import Construct

from ..core.acknowledge import acknowledge_wildcards
from ..core.roles import give_back_before_emptying, service_role
from ..storage.artifacts import ArtifactLocation
from .image import ContainerImage
from .network import Network

# These have no resource-level permissions in IAM, so no ARN can be named.
_NO_ARN = "*"
# What SageMaker's containers and its jobs publish as the role (developer guide, monitoring-cloudwatch).
_METRIC_NAMESPACES = ["AWS/SageMaker", *(f"/aws/sagemaker/{name}" for name in (
    "Endpoints", "InferenceComponents", "ProcessingJobs", "TrainingJobs", "TransformJobs"))]  # fmt: skip
_DESCRIBE_NETWORK = [
    "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
]  # fmt: skip
_CHANGE_NETWORK = [
    "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
]  # fmt: skip


class ExecutionAccess(Construct):
    """A role of its own (or the one given) with a policy for exactly one endpoint; each method adds one right.

    The statements go on the role and not on the bucket, because a grant on an imported bucket of another
    account is dropped in silence. Depend on `policy` before creating the model.
    """

    def __init__(self, scope: Construct, id: str, *, role: iam.IRole | None) -> None:
        super().__init__(scope, id)
        self.role = role or service_role(self, "Role", "sagemaker.amazonaws.com")
        self.policy = iam.Policy(self, "Policy", roles=[self.role])
        self._pulled: dict[tuple[str, ...], None] = {}
        self._keys: set[str] = set()
        self._allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], [_NO_ARN])
        namespaces = {"StringEquals": {"cloudwatch:namespace": _METRIC_NAMESPACES}}
        self._allow("PublishMetrics", ["cloudwatch:PutMetricData"], [_NO_ARN], namespaces)
        self._explain(
            [_NO_ARN],
            "ecr:GetAuthorizationToken, cloudwatch:PutMetricData (limited to SageMaker's namespaces) and, in a VPC, "
            "ec2:Describe… cannot be limited to an ARN by IAM.",
        )

    def read(self, location: ArtifactLocation) -> None:
        """Let the container read the artifact's prefix, or its one key."""
        arn = _objects(location.bucket_arn, location.prefix)
        self._allow(None, ["s3:GetObject"], [arn])
        self._explain([arn], "The objects under the model's own prefix.")
        if location.encryption_key is not None:
            self.decrypt(location.encryption_key)

    def list(self, bucket_arn: str, prefix: str) -> None:
        """Let the container list a prefix."""
        self._allow(None, ["s3:ListBucket"], [bucket_arn], {"StringLike": {"s3:prefix": [f"{prefix}*"]}})

    def write(self, bucket_arn: str, prefix: str) -> None:
        """Let the service write below a prefix: captured data, results, failures."""
        arn = _objects(bucket_arn, prefix)
        self._allow(None, ["s3:AbortMultipartUpload", "s3:PutObject"], [arn])
        self._explain([arn], "New objects below a prefix of the model's own.")

    def pull(self, image: ContainerImage) -> None:
        """Let the service get the image, from whichever account or registry owns it."""
        actions, arns = image.rights
        if arns and arns not in self._pulled:
            self._pulled[arns] = None
            self._allow(None, actions, arns)

    @property
    def pulled(self) -> list[str]:
        """What was granted to be pulled: ARNs of repositories."""
        return [arn for arns in self._pulled for arn in arns]

    def log(self, log_group_arn: str) -> None:
        """Let the container log; not logs:CreateLogGroup: the group exists, and must not come back without retention."""
        self._allow(None, ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [log_group_arn])

    def log_to(self, group: logs.ILogGroup) -> None:
        """As `log`, for a group of the CDK."""
        self.log(group.log_group_arn)

    def use_key(self, key: kms.IKey) -> None:
        """Let the service decrypt artifacts and encrypt volumes and results."""
        self._keys.add(key.key_arn)
        for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        self._allow(None, ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], [key.key_arn])
        # SageMaker hands the key on to EBS, for the volumes, by a grant.
        self._allow(None, ["kms:CreateGrant"], [key.key_arn], for_services)

    def read_secrets(self, arns: Sequence[str]) -> None:
        """Let the container read secrets at run time; each ARN as Secrets Manager writes it, or without its last six letters."""
        self._allow(None, ["secretsmanager:GetSecretValue"], list(arns))

    def decrypt(self, key: kms.IKey) -> None:
        """Let the service read what is encrypted with `key`."""
        if key.key_arn in self._keys:
            return
        self._keys.add(key.key_arn)
        self._allow(None, ["kms:Decrypt"], [key.key_arn])

    def publish(self, topic_arns: Sequence[str]) -> None:
        """Let the service tell topics of results and failures."""
        self._allow(None, ["sns:Publish"], list(topic_arns))

    def watch(self, alarm_arns: Sequence[str]) -> None:
        """Let a guarded deployment read the alarms that stop it."""
        self._allow(None, ["cloudwatch:DescribeAlarms"], list(alarm_arns))

    def join(self, network: Network) -> None:
        """Let the service put network interfaces into the subnets (developer guide, sagemaker-roles)."""
        stack = Stack.of(self)

        def arn(kind: str, name: str) -> str:
            return stack.format_arn(service="ec2", resource=kind, resource_name=name)

        interfaces = arn("network-interface", "*")
        subnets = [arn("subnet", name) for name in network.subnet_ids]
        groups = [arn("security-group", name) for name in network.security_group_ids]
        self._allow(None, _CHANGE_NETWORK, [interfaces, *subnets, *groups])
        self._allow(None, _DESCRIBE_NETWORK, [_NO_ARN])
        self._explain([interfaces], "Network interfaces get their ids when they are made; subnets and groups are named.")

    def _allow(
        self, sid: str | None, actions: Sequence[str], arns: Sequence[str], conditions: Mapping[str, Any] | None = None
    ) -> None:
        self.policy.add_statements(
            iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(arns), conditions=dict(conditions or {}) or None)
        )
        give_back_before_emptying(self.policy, actions, arns)

    def _explain(self, arns: Sequence[str], reason: str) -> None:
        acknowledge_wildcards(self.policy, arns, reason)


def _objects(bucket_arn: str, prefix: str) -> str:
    """A prefix ends with a slash and stands for all below it; anything else is one key."""
    return f"{bucket_arn}/{prefix}*" if prefix.endswith("/") else f"{bucket_arn}/{prefix}"
