"""The execution role: what a serving container may do, limited to its own prefix, repository and log group."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from constructs import Construct

from ..acknowledge import acknowledge_wildcards
from ..roles import service_role
from .image import ContainerImage

# These two have no resource-level permissions in IAM, so no ARN can be named.
_NO_ARN = "*"
_METRIC_NAMESPACES = ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]


class ExecutionAccess(Construct):
    """A role of its own (or the one given) with a policy for exactly one endpoint.

    The statements go on the role and not on the bucket, because a grant on an imported bucket of another
    account is dropped in silence. Depend on `policy` before creating the model.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        role: iam.IRole | None,
        image: ContainerImage,
        bucket_arn: str,
        prefix: str,
        list_prefix: bool,
        log_group: logs.ILogGroup,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        self.role = role or service_role(self, "Role", "sagemaker.amazonaws.com")
        statements = [
            *_artifact_statements(bucket_arn, prefix, list_prefix),
            *_image_statements(image),
            *_log_statements(log_group),
            *(_key_statements(key) if key else []),
        ]
        self.policy = iam.Policy(self, "Policy", statements=statements, roles=[self.role])
        acknowledge_wildcards(
            self.policy,
            [_objects(bucket_arn, prefix), _NO_ARN],
            "The objects under the model's own prefix; and ecr:GetAuthorizationToken and cloudwatch:PutMetricData, "
            "which IAM cannot limit to an ARN (PutMetricData is limited to SageMaker's namespaces).",
        )


def _objects(bucket_arn: str, prefix: str) -> str:
    """A prefix ends with a slash and stands for all below it; anything else is one key."""
    return f"{bucket_arn}/{prefix}*" if prefix.endswith("/") else f"{bucket_arn}/{prefix}"


def _artifact_statements(bucket_arn: str, prefix: str, list_prefix: bool) -> list[iam.PolicyStatement]:
    read = iam.PolicyStatement(sid="ReadOwnArtifacts", actions=["s3:GetObject"], resources=[_objects(bucket_arn, prefix)])
    if not list_prefix:
        return [read]
    only_prefix = {"StringLike": {"s3:prefix": [f"{prefix}*"]}}
    return [
        read,
        iam.PolicyStatement(sid="ListOwnArtifacts", actions=["s3:ListBucket"], resources=[bucket_arn], conditions=only_prefix),
    ]


def _image_statements(image: ContainerImage) -> list[iam.PolicyStatement]:
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        iam.PolicyStatement(sid="PullOwnImage", actions=pull, resources=[image.repository_arn]),
        iam.PolicyStatement(sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=[_NO_ARN]),
    ]


def _log_statements(log_group: logs.ILogGroup) -> list[iam.PolicyStatement]:
    # Not logs:CreateLogGroup: the group exists before, and must not come back without retention.
    write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    namespaces = {"StringEquals": {"cloudwatch:namespace": _METRIC_NAMESPACES}}
    return [
        iam.PolicyStatement(sid="WriteOwnLogs", actions=write, resources=[log_group.log_group_arn]),
        iam.PolicyStatement(
            sid="PublishMetrics", actions=["cloudwatch:PutMetricData"], resources=[_NO_ARN], conditions=namespaces
        ),
    ]


def _key_statements(key: kms.IKey) -> list[iam.PolicyStatement]:
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        iam.PolicyStatement(
            sid="UseKey", actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], resources=[key.key_arn]
        ),
        iam.PolicyStatement(sid="EncryptVolume", actions=["kms:CreateGrant"], resources=[key.key_arn], conditions=for_services),
    ]
