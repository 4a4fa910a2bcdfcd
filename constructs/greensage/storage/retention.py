"""What is kept, and for how long: logs, artifacts and images. Nothing for ever, nothing in use thrown away."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Tags
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs import Construct

from ..core import defaults
from ..core.acknowledge import acknowledge
from ..core.checked import check_whole
from ..core.stack_helper import StackHelper

# The same word stands in lambda/stack_helper/bucket.py.
EMPTY_ON_DELETE = "greensage:empty-on-delete"


class OwnBucket(s3.Bucket):
    """Encrypted, TLS only, private, no access logs; emptied and deleted with its stack unless it is to be kept."""

    def __init__(
        self, scope: Construct, id: str, *, encryption_key: kms.IKey | None, removal_policy: RemovalPolicy, **props: Any
    ) -> None:
        super().__init__(
            scope,
            id,
            encryption=s3.BucketEncryption.KMS if encryption_key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=encryption_key,
            bucket_key_enabled=True if encryption_key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=removal_policy,
            **props,
        )
        acknowledge(
            self,
            "AwsSolutions-S1",
            "Objects are written by deployments and services and read by execution roles, all in CloudTrail; access logs "
            "would be kept data that nobody reads. Switch them on through the bucket if your policy wants them.",
        )
        if removal_policy == RemovalPolicy.DESTROY:
            self._empty_on_delete()

    def _empty_on_delete(self) -> None:
        helper = StackHelper.of(self)
        helper.allow(["s3:ListBucketVersions"], self.bucket_arn)
        helper.allow(["s3:DeleteObject", "s3:DeleteObjectVersion"], f"{self.bucket_arn}/*")
        helper.allow(["s3:GetBucketTagging"], self.bucket_arn)
        # The tag is asked for before emptying: a bucket that has become one to RETAIN has lost it by then.
        Tags.of(self).add(EMPTY_ON_DELETE, "true")
        empty = helper.resource(self, "Empty", "EmptyBucket", {"Bucket": self.bucket_name})
        if self.policy:
            empty.node.add_dependency(self.policy)


class ArtifactBucket(OwnBucket):
    """A bucket for model archives: versioned, encrypted, TLS only, private, replaced versions expire.

    Parameters
    ----------
    noncurrent_days:
        Days that a replaced or deleted archive can be restored; default 30.
    encryption_key:
        Default: S3's own keys.
    removal_policy:
        DESTROY (default) empties and deletes the bucket with its stack, since archives come from elsewhere;
        RETAIN keeps it.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        noncurrent_days: int = defaults.ARTIFACT_VERSIONS_DAYS,
        encryption_key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        check_whole("noncurrent_days", noncurrent_days, 1)
        rule = s3.LifecycleRule(
            id="expire-replaced-artifacts",
            noncurrent_version_expiration=Duration.days(noncurrent_days),
            abort_incomplete_multipart_upload_after=Duration.days(1),
            expired_object_delete_marker=True,
        )
        super().__init__(
            scope, id, encryption_key=encryption_key, removal_policy=removal_policy, versioned=True, lifecycle_rules=[rule]
        )


class DataBucket(OwnBucket):
    """A bucket for what passes through: captured requests, asynchronous and batch inputs and results. All expires.

    Parameters
    ----------
    expire_days:
        Days after which every object is deleted; at least 1.
    encryption_key, removal_policy:
        As for `ArtifactBucket`.
    announce:
        Tell EventBridge of new objects, so that a job can start when they arrive; default: no.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        expire_days: int,
        encryption_key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        announce: bool = False,
    ) -> None:
        check_whole("expire_days", expire_days, 1)
        rule = s3.LifecycleRule(
            id="expire-everything",
            expiration=Duration.days(expire_days),
            abort_incomplete_multipart_upload_after=Duration.days(1),
        )
        super().__init__(scope, id, encryption_key=encryption_key, removal_policy=removal_policy, lifecycle_rules=[rule])
        if announce:
            # On the L1: the L2's own switch is a function of the CDK's, with a role and a log group of its own.
            resource: Any = self.node.default_child
            resource.notification_configuration = {"eventBridgeConfiguration": {"eventBridgeEnabled": True}}


class ServingRepository(ecr.Repository):
    """A repository whose tags never move, and which forgets untagged images after a day.

    Models refer to an image by its digest, and no rule of a lifecycle knows whether one is in use: counting or ageing the
    tagged would some day delete what an endpoint needs to scale. `greensage clean` and the weekly review ask who uses them.
    (ECR user guide, "Automate the cleanup of images by using lifecycle policies".)

    Everything else is the CDK's `ecr.Repository`, and goes to it. Raises what that raises.
    """

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(
            scope,
            id,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            encryption=ecr.RepositoryEncryption.AES_256,
            removal_policy=RemovalPolicy.DESTROY,
            empty_on_delete=True,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1, description="untagged images go after a day",
                    tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(1),
                ),
            ],
            **props,
        )  # fmt: skip


class ImageDigest(Construct):
    """Finds out what `tag` is when the stack is deployed. Its right is to read: only the platform's builder writes."""

    def __init__(self, scope: Construct, id: str, *, repository_name: str, repository_arn: str, tag: str) -> None:
        super().__init__(scope, id)
        helper = StackHelper.of(self)
        helper.allow(["ecr:BatchGetImage"], repository_arn)
        self.resource = helper.resource(self, "Digest", "ImageDigest", {"Repository": repository_name, "Tag": tag})

    @property
    def digest(self) -> str:
        """The image's digest, sha256:…, a token."""
        return self.resource.get_att_string("Digest")
