"""Builds greensage's serving image with CodeBuild; no Docker where you deploy from."""

from __future__ import annotations

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..catalog.engines import Engine, engines
from ..catalog.instances import Architecture
from ..core.acknowledge import acknowledge, acknowledge_wildcards
from ..core.checked import check_choice
from ..core.folders import serving_folder
from ..core.roles import service_role
from ..core.stack_helper import StackHelper
from .image_builds import ImageBuilds
from .serving_tag import NOT_IN_IMAGE, serving_tag

# ecr:GetAuthorizationToken has no resource-level permissions in IAM.
_NO_ARN = "*"
# As Docker calls them.
_PLATFORMS: dict[Architecture, str] = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
# CloudFormation's longest for a custom resource, and so for a build; waiting for a turn is not building.
_MINUTES = 60


class ServingImage(Construct):
    """The serving image for one architecture, built into `repository` whenever its sources change.

    Parameters
    ----------
    repository:
        Where it is pushed.
    architecture:
        x86_64 or arm64. Both are built on x86_64: CodeBuild has no arm64 machines in many Regions, eu-north-1 among them, and
        nothing of the Dockerfile's last stage runs, so that none is needed.
    engine:
        What it can load: trees (compiled by greensage optimize), onnx, xgboost, lightgbm, sklearn, all (default), or
        optimize, for jobs that make models smaller. The less it carries, the sooner it starts.
    base_image:
        Replaces the Python image that the Dockerfile names, for instance by one of your own registry; it has to have both
        x86_64 and the architecture. Default: the Dockerfile's, of AWS's public gallery, which limits nobody inside of AWS.

    `tag` says the image's content. The build takes some minutes; the stack waits for it, up to an hour, its turn included.
    Raises ValueError.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        repository: ecr.IRepository,
        architecture: Architecture,
        engine: Engine = "all",
        base_image: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_choice("engine", engine, engines())
        if engine == "optimize" and architecture != "x86_64":
            raise ValueError(f"architecture is {architecture!r}; the image of engine 'optimize' is for jobs, which are x86_64")
        self.tag = serving_tag(architecture, base_image, engine)
        source = assets.Asset(self, "Source", path=str(serving_folder()), exclude=list(NOT_IN_IMAGE))
        log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)
        role, access = self._role(source, repository, log_group)
        self.project = codebuild.Project(
            self,
            "Build",
            # The CDK's own grants of a project are wider than what the build needs.
            role=iam.Role.from_role_arn(self, "FixedRole", role.role_arn, mutable=False),
            grant_report_group_permissions=False,
            source=codebuild.Source.s3(bucket=source.bucket, path=source.s3_object_key),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5,
                compute_type=codebuild.ComputeType.MEDIUM,
                privileged=True,
            ),
            environment_variables={
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=repository.repository_uri),
                "REPOSITORY": codebuild.BuildEnvironmentVariable(value=repository.repository_name),
                "PLATFORM": codebuild.BuildEnvironmentVariable(value=_PLATFORMS[architecture]),
                "TARGET": codebuild.BuildEnvironmentVariable(value="optimize" if engine == "optimize" else "serving"),
                "ENGINE": codebuild.BuildEnvironmentVariable(value=engine),
                "TAG": codebuild.BuildEnvironmentVariable(value=self.tag),
                **_base_variable(base_image),
            },
            build_spec=codebuild.BuildSpec.from_object(_buildspec()),
            timeout=Duration.minutes(_MINUTES),
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)),
        )
        # CreateProject asks whether the role may be taken; with its rights it has been known for a while.
        self.project.node.add_dependency(access)
        self._acknowledge()
        self.resource = self._build_on_deploy(repository, access)

    def _role(self, source: assets.Asset, repository: ecr.IRepository, log_group: logs.ILogGroup) -> tuple[iam.IRole, iam.Policy]:
        role = service_role(self, "Role", "codebuild.amazonaws.com")
        push = ["ecr:BatchCheckLayerAvailability", "ecr:BatchDeleteImage", "ecr:BatchGetImage", "ecr:CompleteLayerUpload",
                "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]  # fmt: skip
        source_arn = f"{source.bucket.bucket_arn}/{source.s3_object_key}"
        statements = [
            iam.PolicyStatement(actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[source_arn]),
            iam.PolicyStatement(actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[source.bucket.bucket_arn]),
            iam.PolicyStatement(actions=push, resources=[repository.repository_arn]),
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=[_NO_ARN]),
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]),
        ]
        access = iam.Policy(self, "Access", statements=statements, roles=[role])
        acknowledge_wildcards(access, [_NO_ARN], "IAM cannot limit ecr:GetAuthorizationToken to an ARN.")
        return role, access

    def _build_on_deploy(self, repository: ecr.IRepository, access: iam.Policy) -> CustomResource:
        helper, builder = StackHelper.of(self), ImageBuilds.of(self)
        helper.allow(
            ["codebuild:StartBuild", "codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject"], self.project.project_arn
        )
        helper.allow(["ecr:BatchGetImage"], repository.repository_arn)
        names = {"Project": self.project.project_name, "Tag": self.tag, "Repository": repository.repository_name}
        build = helper.resource(self, "Image", "ImageBuild", {**names, "Builder": builder.arn}, seconds=_MINUTES * 60)
        build.node.add_dependency(access)
        return build

    def _acknowledge(self) -> None:
        acknowledge(self.project, "AwsSolutions-CB3", "Building an image needs Docker, which needs privileged mode.")
        acknowledge(
            self.project, "AwsSolutions-CB4",
            "The build has no artifact of its own; its output is an image in ECR, which encrypts at rest.",
        )  # fmt: skip


# CodeBuild's image has Docker 28.5 with buildx 0.32 and the AWS CLI (aws-codebuild-docker-images, al/x86_64/standard/5.0).
# SageMaker refuses OCI manifests ("Unsupported manifest media type"), which newer builders push by default with
# attestations: aws/amazon-sagemaker-feedback issue 180. These flags give Docker's own format.
_BUILD = (
    "docker buildx build --platform $PLATFORM --target $TARGET --build-arg ENGINE=$ENGINE ${BASE:+--build-arg BASE=$BASE} "
    '--provenance=false --sbom=false --output type=docker --tag "$REPOSITORY_URI:$TAG" .'
)
_MEDIA = (
    'aws ecr batch-get-image --repository-name "$REPOSITORY" --image-ids imageTag="$TAG" '
    "--query 'images[0].imageManifestMediaType' --output text"
)
# What SageMaker would refuse much later, with words that name no cause. A tag is never moved, so a wrong one has to go.
_REMOVE = 'aws ecr batch-delete-image --repository-name "$REPOSITORY" --image-ids imageTag="$TAG"'
_CHECK = (
    f'media=$({_MEDIA}); case "$media" in *docker.distribution.manifest.v2*) ;; '
    '*) echo "SageMaker does not take images of the type $media"; {_REMOVE}; exit 1 ;; esac'
)


def _base_variable(base_image: str | None) -> dict[str, codebuild.BuildEnvironmentVariable]:
    return {"BASE": codebuild.BuildEnvironmentVariable(value=base_image)} if base_image else {}


def _buildspec() -> dict[str, object]:
    login = "aws ecr get-login-password | docker login --username AWS --password-stdin ${REPOSITORY_URI%%/*}"
    return {
        "version": "0.2",
        "phases": {
            "pre_build": {"commands": [login]},
            "build": {
                "commands": [
                    _BUILD,
                    'docker push "$REPOSITORY_URI:$TAG"',
                    _CHECK,
                ]
            },
        },
    }
