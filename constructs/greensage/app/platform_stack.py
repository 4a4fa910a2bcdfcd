"""What the models of one Region share: the artifact bucket, the serving image and its repository, and a dashboard of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from constructs import Construct

from ..catalog.engines import Engine
from ..catalog.instances import Architecture
from ..core.names import Parameters
from ..monitoring.dashboard import UseDashboard
from ..monitoring.log_archive import LogArchive
from ..monitoring.review import WeeklyReview
from ..storage.retention import ArtifactBucket, ServingRepository
from ..storage.serving_image import ServingImage
from .dashboards import told
from .shared import serving_base


class PlatformStack(Stack):
    """One per Region. Other stacks find it through SSM parameters, so each can be synthesized alone."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        parameters: Parameters,
        images: Sequence[tuple[Architecture, Engine]],
        artifact_versions_days: int,
        archive_logs_days: int | None = None,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, **props)
        self.bucket = ArtifactBucket(self, "Artifacts", noncurrent_days=artifact_versions_days)
        self.repository = ServingRepository(self, "Serving")
        base = serving_base(self)
        for architecture, engine in images:
            id = f"Image-{engine}-{architecture.replace('_', '')}"
            ServingImage(self, id, repository=self.repository, architecture=architecture, engine=engine, base_image=base)
        self.dashboard = UseDashboard(self, "Use", bucket=self.bucket)
        review = self._review(parameters)
        if archive_logs_days is not None:
            LogArchive(self, "LogArchive", expire_days=archive_logs_days, topic=review.topic)
        _publish(self, "BucketName", parameters.artifact_bucket, self.bucket.bucket_name)
        _publish(self, "RepositoryName", parameters.serving_repository, self.repository.repository_name)

    def _review(self, parameters: Parameters) -> WeeklyReview:
        """The weekly review, to a topic of the user's (`-c notify=ARN`) or to a new one (`-c mail=ADDRESS` subscribes)."""
        mail = self.node.try_get_context("mail")
        made = WeeklyReview(self, "Review", bucket=self.bucket, topic=told(self), parameters_root=parameters.root)
        if mail:
            sns.CfnSubscription(self, "Mail", protocol="email", topic_arn=made.topic.topic_arn, endpoint=mail)
        CfnOutput(self, "ReviewTopic", value=made.topic.topic_arn, description="Subscribe whoever reads the weekly review")
        return made


def _publish(scope: Construct, id: str, name: str, value: str) -> None:
    ssm.StringParameter(scope, id, parameter_name=name, string_value=value)
