"""An archive of logs in S3 for those who must keep them: compressed, partitioned, colder after a while, and then gone."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Stack, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from constructs import Construct

from ..core import defaults
from ..core.checked import check_cron, check_whole
from ..core.function import Function
from ..core.tags import ARCHIVE_LOGS_TAG
from ..storage.retention import DataBucket
from .upkeep_code import upkeep_code

_SECONDS, _MEMORY_MB = 900, 256
# Glacier Instant Retrieval bills ninety days at least (S3 user guide, storage classes).
_COLD_AFTER, _COLD_LEAST = 30, 120


class LogArchive(Construct):
    """Copies each whole day of log groups to S3 once a day, without subscriptions.

    Log groups take part by a tag: `LogArchive.include(endpoint.log_group)`. CloudWatch must keep their lines for three days
    or more, in the standard class: others cannot be read. Each group and day is one file,
    logs/group=…/year=2026/month=11/day=28/events.jsonl.gz, with a line of JSON per event: Athena reads it as it lies.

    Parameters
    ----------
    expire_days:
        Days after which a file is deleted. From 120 on, files move to Glacier Instant Retrieval after 30.
    prefix:
        Only log groups whose names begin so; default /aws/sagemaker/.
    schedule:
        rate(…) or cron(…) in UTC; default cron(0 4 * * ? *), each day at 4.
    encryption_key:
        Encrypts the bucket; default: S3's own.
    topic:
        Is told where logs could not be archived; it is tried again the next day. Default: none.
    log_retention_days:
        Of the function's own log, one of CloudWatch's numbers of days; default 14.

    Escape hatch: `bucket`, `function`, `rule`. Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self, scope: Construct, id: str, *, expire_days: int, prefix: str = defaults.ARCHIVED_LOGS,
        schedule: str = defaults.ARCHIVE_SCHEDULE, encryption_key: kms.IKey | None = None, topic: sns.ITopic | None = None,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        check_whole("expire_days", expire_days, 1)
        check_cron("schedule", schedule)
        self.bucket = DataBucket(self, "Logs", expire_days=expire_days, encryption_key=encryption_key)
        if expire_days >= _COLD_LEAST:
            cold = s3.StorageClass.GLACIER_INSTANT_RETRIEVAL
            colder = s3.Transition(storage_class=cold, transition_after=Duration.days(_COLD_AFTER))
            self.bucket.add_lifecycle_rule(id="colder", transitions=[colder])
        self.function = Function(
            self, "Archive", handler="upkeep.archive.handler", code=upkeep_code(self),
            settings={"bucket": self.bucket.bucket_name, "prefix": prefix}, seconds=_SECONDS, memory_mb=_MEMORY_MB, layers=[],
            description="greensage: archives logs", log_retention_days=log_retention_days,
        )  # fmt: skip
        self._allow(prefix, encryption_key)
        self.rule = self.function.run_by(self, "Schedule", schedule, "greensage: archives logs")
        if topic:
            self.function.allow(["sns:Publish"], topic.topic_arn)
            self.function.tell_failures(self, "Failures", topic)

    @staticmethod
    def include(log_group: logs.ILogGroup) -> None:
        """Have a log group archived."""
        Tags.of(log_group).add(ARCHIVE_LOGS_TAG, "true")

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` read the archive."""
        return self.bucket.grant_read(grantee)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return how often archiving failed; it is tried again the next day."""
        return self.function.metric_errors(**options)

    def _allow(self, prefix: str, key: kms.IKey | None) -> None:
        own, stack = f"{self.bucket.bucket_arn}", Stack.of(self)
        groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
        # The list is of all groups: IAM knows no prefix for it.
        self.function.allow(["logs:DescribeLogGroups"], f"{groups}*", why="Log groups are listed by their prefix.")
        self.function.allow(
            ["logs:FilterLogEvents", "logs:ListTagsLogGroup"], f"{groups}{prefix}*", why="The groups that the archive is for."
        )
        self.function.allow_files(own, ["s3:PutObject"], "logs/")
        self.function.allow_listing(own, "logs/")
        if key:
            self.function.allow(["kms:GenerateDataKey"], key.key_arn)
