"""A CDK Pipeline that deploys the same model to a staging and a production account.

npx cdk synth --app "python examples/pipelines/app.py"
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Environment, Stack, Stage, pipelines

from constructs import Construct
from greensage import (
    ArtifactBucket,
    ContainerImage,
    GuardedDeployment,
    ModelArtifact,
    RealTimeEndpoint,
    ServingImage,
    ServingRepository,
)

ARTIFACTS = Path(__file__).resolve().parents[2] / "models/artifacts"
TOOLS = Environment(account="111111111111", region="eu-west-1")
STAGING = Environment(account="222222222222", region="eu-west-1")
PRODUCTION = Environment(account="333333333333", region="eu-west-1")
CONNECTION = "arn:aws:codestar-connections:eu-west-1:111111111111:connection/00000000-0000-0000-0000-000000000000"


class ChurnStage(Stage):
    """What each account gets. An update in production reaches a tenth of the traffic first."""

    def __init__(self, scope: Construct, id: str, *, env: Environment, deployment: GuardedDeployment) -> None:
        super().__init__(scope, id, env=env)
        stack = Stack(self, "churn")
        bucket = ArtifactBucket(stack, "Models")
        repository = ServingRepository(stack, "Images")
        built = ServingImage(stack, "Image", repository=repository, architecture="arm64")
        artifact = ModelArtifact(stack, "Churn", source=str(ARTIFACTS / "churn.tar.gz"), bucket=bucket, prefix="churn/")
        endpoint = RealTimeEndpoint(
            stack,
            "Endpoint",
            artifact=artifact.location,
            image=ContainerImage.from_repository(repository, built.tag, architecture="arm64"),
            instance_type="ml.c7g.large",
            deployment=deployment,
        )
        endpoint.needs(artifact, built.resource)


class PipelineStack(Stack):
    """The pipeline, in an account of its own."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        source = pipelines.CodePipelineSource.connection("example/models", "main", connection_arn=CONNECTION)
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            cross_account_keys=True,
            synth=pipelines.ShellStep(
                "Synth", input=source,
                commands=["npm ci", "pip install -r requirements.txt", "npx cdk synth --app 'python examples/pipelines/app.py'"],
            ),
        )  # fmt: skip
        pipeline.add_stage(ChurnStage(self, "staging", env=STAGING, deployment=GuardedDeployment()))
        careful = GuardedDeployment("canary", step_percent=10, interval_seconds=300, max_latency_ms=200)
        pipeline.add_stage(
            ChurnStage(self, "production", env=PRODUCTION, deployment=careful),
            pre=[pipelines.ManualApprovalStep("Release")],
        )


def main() -> App:
    """Build the app; cdk synth runs this file."""
    app = App()
    PipelineStack(app, "models-pipeline", env=TOOLS)
    return app


if __name__ == "__main__":
    main().synth()
