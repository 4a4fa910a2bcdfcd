"""The weekly review: right-sizing, clean-up and KPIs of a Region's models by one small function, and a mail of three lines."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from constructs import Construct

from ..catalog import layers
from ..core import defaults
from ..core.checked import check_cron, check_whole
from ..core.function import Function
from .upkeep_code import upkeep_code

# 500 models are planned, observed and described well within that.
_SECONDS, _MEMORY_MB = 900, 512
_ANY = "*"
_LISTS = "These list what there is: they take no ARN, or only that of everything."


class WeeklyReview(Construct):
    """Looks once a week at what a Region's models used, at what nothing uses and at the month's KPIs, and says it in a mail.

    It deletes and changes nothing: it writes the KPIs to `kpi/` of the bucket and publishes to the topic. Models are found by
    the parameters that their stacks publish, so they come and go without this stack.

    Parameters
    ----------
    bucket:
        Keeps the KPIs, a file of JSON Lines a month, below kpi/.
    topic:
        Is told; subscribe people to it. Default: a new one, encrypted, in `topic`.
    parameters_root:
        Of the parameters that the model stacks publish; default /greensage.
    schedule:
        rate(…) or cron(…) in UTC; default cron(0 6 ? * MON *), Mondays at 6.
    keep_versions:
        So many versions of each group of the model registry are not reported; default 5.
    log_retention_days:
        One of CloudWatch's numbers of days; default 14.

    On Graviton, about half a minute a week: under 0.001 USD a month; CloudWatch's answers cost 0.01 USD per 1,000 metrics, of
    which it asks about 150 a month and endpoint. Escape hatch: `function` holds the L1s, `rule` is one.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self, scope: Construct, id: str, *, bucket: s3.IBucket, topic: sns.ITopic | None = None,
        parameters_root: str = defaults.PARAMETERS_ROOT, schedule: str = defaults.REVIEW_SCHEDULE,
        keep_versions: int = defaults.KEEP_VERSIONS, log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        check_cron("schedule", schedule)
        check_whole("keep_versions", keep_versions, 1)
        self.topic = topic or _topic(self)
        settings = {
            "root": parameters_root, "topic": self.topic.topic_arn, "keep_versions": keep_versions, "bucket": bucket.bucket_name,
        }  # fmt: skip
        self.function = Function(
            self, "Weekly", handler="upkeep.weekly.handler", code=upkeep_code(self), settings=settings, seconds=_SECONDS,
            memory_mb=_MEMORY_MB, layers=[_layer(self)], description="greensage: the weekly review",
            log_retention_days=log_retention_days,
        )  # fmt: skip
        self._allow(bucket, parameters_root)
        self.rule = self.function.run_by(self, "Schedule", schedule, "greensage: the weekly review")
        self.function.tell_failures(self, "Failures", self.topic)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return how many reviews failed; what could not be read only is said in the mail."""
        return self.function.metric_errors(**options)

    def _allow(self, bucket: s3.IBucket, root: str) -> None:
        allow, stack = self.function.allow, Stack.of(self)
        names = (f"{root.strip('/')}{rest}" for rest in ("", "/*"))
        arns = [stack.format_arn(service="ssm", resource="parameter", resource_name=name) for name in names]
        allow(["ssm:GetParametersByPath", "ssm:GetParameter"], *arns, why="The parameters that the models' stacks publish.")
        for asked, resource in _DESCRIBED:
            service, _, kind = resource.partition(":")
            colon = ArnFormat.COLON_RESOURCE_NAME if kind.endswith(":") else ArnFormat.SLASH_RESOURCE_NAME
            arn = stack.format_arn(service=service, resource=kind.rstrip(":"), resource_name="*", arn_format=colon)
            allow(asked, arn, why="Whatever is deployed is looked at.")
        allow(list(_LISTED), _ANY, why=_LISTS)
        allow(["s3:ListBucketMultipartUploads"], bucket.bucket_arn)
        self.function.allow_files(bucket.bucket_arn, ["s3:GetObject", "s3:PutObject"], "kpi/")
        self.function.allow_listing(bucket.bucket_arn, "kpi/", "models/", "groups/")
        allow(["sns:Publish"], self.topic.topic_arn)


# What `operate` reads of each service. Only reads: the review deletes nothing.
_DESCRIBED = (
    (["sagemaker:DescribeEndpoint", "sagemaker:ListTags"], "sagemaker:endpoint"),
    (["sagemaker:DescribeEndpointConfig", "sagemaker:ListTags"], "sagemaker:endpoint-config"),
    (["sagemaker:DescribeModel", "sagemaker:ListTags"], "sagemaker:model"),
    (["sagemaker:DescribeModelPackage", "sagemaker:ListTags"], "sagemaker:model-package"),
    (["sagemaker:ListModelPackages", "sagemaker:ListTags"], "sagemaker:model-package-group"),
    (["ecr:DescribeRepositories", "ecr:DescribeImages", "ecr:ListTagsForResource"], "ecr:repository"),
    (["sagemaker:DescribeInferenceComponent"], "sagemaker:inference-component"),
    (["sagemaker:DescribePipeline"], "sagemaker:pipeline"),
    (["sagemaker:DescribeTransformJob"], "sagemaker:transform-job"),
    (["cloudformation:ListStackResources"], "cloudformation:stack"),
    (["lambda:GetFunction"], "lambda:function:"),
    (["logs:DescribeLogGroups", "logs:ListTagsLogGroup"], "logs:log-group:"),
    (["states:DescribeStateMachine"], "states:stateMachine:"),
)
_LISTED = (
    "cloudformation:DescribeStacks", "cloudwatch:GetMetricData", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions",
    "lambda:ListFunctions", "sagemaker:ListEndpointConfigs", "sagemaker:ListEndpoints", "sagemaker:ListInferenceComponents",
    "sagemaker:ListModelPackageGroups", "sagemaker:ListModels", "sagemaker:ListPipelines", "sagemaker:ListTransformJobs",
    "states:ListStateMachines",
)  # fmt: skip


def _topic(scope: Construct) -> sns.ITopic:
    """A topic of its own: TLS only, encrypted by AWS's key, which costs nothing."""
    key = kms.Alias.from_alias_name(scope, "Key", "alias/aws/sns")
    return cast(sns.ITopic, sns.Topic(scope, "Topic", display_name="greensage weekly review", enforce_ssl=True, master_key=key))


def _layer(scope: Construct) -> str:
    """AWS's layer with pydantic, by the public parameter in which AWS keeps its ARN."""
    return ssm.StringParameter.value_for_string_parameter(scope, layers.pydantic_layer())
