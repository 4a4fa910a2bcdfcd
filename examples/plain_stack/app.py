"""greensage inside somebody else's app: three endpoints in one stack of your own, a caller, and an alarm.

npx cdk synth --app "python examples/plain_stack/app.py"
"""

from __future__ import annotations

import os
from pathlib import Path

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam

from constructs import Construct
from greensage import (
    ArtifactBucket,
    ContainerImage,
    ModelArtifact,
    MultiModelEndpoint,
    RealTimeEndpoint,
    ServerlessEndpoint,
    ServingImage,
    ServingRepository,
    TargetTracking,
)

ARTIFACTS = Path(__file__).resolve().parents[2] / "models/artifacts"


class ScoringStack(Stack):
    """Your stack: what is greensage's and what is the CDK's stand side by side."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        bucket = ArtifactBucket(self, "Models")
        repository = ServingRepository(self, "Images")
        built = {name: ServingImage(self, name, repository=repository, architecture=name) for name in ("arm64", "x86_64")}
        arm64 = ContainerImage.from_repository(repository, built["arm64"].tag, architecture="arm64")
        x86 = ContainerImage.from_repository(repository, built["x86_64"].tag, architecture="x86_64")

        churn = self._artifact("churn", bucket, "churn/")
        real_time = RealTimeEndpoint(
            self,
            "Churn",
            artifact=churn.location,
            image=arm64,
            instance_type="ml.c7g.large",
            scaling=TargetTracking(min_instances=1, max_instances=4, target_invocations_per_minute=6_000),
        )
        real_time.needs(churn, built["arm64"].resource)

        digits = self._artifact("digits", bucket, "digits/")
        serverless = ServerlessEndpoint(self, "Digits", artifact=digits.location, image=x86, memory_mb=2048)
        serverless.needs(digits, built["x86_64"].resource)

        shared = MultiModelEndpoint(self, "Shared", bucket=bucket, prefix="shared/", image=arm64, instance_type="ml.c7g.large")
        shared.needs(built["arm64"].resource)
        self._artifact("wine", bucket, shared.prefix)

        caller = iam.Role(self, "Caller", assumed_by=iam.AccountRootPrincipal())
        real_time.grant_invoke(caller)
        shared.grant_invoke(caller, target_models=["wine-*.tar.gz"])
        cloudwatch.Alarm(
            self, "Errors", metric=real_time.metric_invocation_5xx_errors(), threshold=1, evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )  # fmt: skip

    def _artifact(self, name: str, bucket: ArtifactBucket, prefix: str) -> ModelArtifact:
        source = str(ARTIFACTS / f"{name}.tar.gz")
        return ModelArtifact(self, f"Artifact-{name}", source=source, bucket=bucket, prefix=prefix, name=name)


def main() -> App:
    """Build the app; cdk synth runs this file."""
    app = App()
    account = os.environ.get("CDK_DEFAULT_ACCOUNT", "111111111111")
    ScoringStack(app, "scoring", env=Environment(account=account, region="eu-west-1"))
    return app


if __name__ == "__main__":
    main().synth()
