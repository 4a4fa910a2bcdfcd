"""The same model in two Regions, each stack with what it needs; clients ask the nearer one.

npx cdk synth --app "python examples/several_regions/app.py"
"""

from __future__ import annotations

import os
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack

from constructs import Construct
from greensage import (
    ArtifactBucket,
    ContainerImage,
    ModelArtifact,
    RealTimeEndpoint,
    ScheduledLimits,
    ServingImage,
    ServingRepository,
    TargetTracking,
)

ARTIFACTS = Path(__file__).resolve().parents[2] / "models/artifacts"
# Region, an instance type that it hosts, and the office hours of the people who call there.
REGIONS = {
    "eu-north-1": ("ml.c8g.large", "Europe/Stockholm"),
    "us-west-2": ("ml.c7g.large", "America/Los_Angeles"),
}


class ChurnStack(Stack):
    """One Region: bucket, image, archive and endpoint; names are made by greensage, so Regions do not collide."""

    def __init__(self, scope: Construct, id: str, *, instance_type: str, timezone: str, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        bucket = ArtifactBucket(self, "Models")
        repository = ServingRepository(self, "Images")
        built = ServingImage(self, "Image", repository=repository, architecture="arm64")
        artifact = ModelArtifact(self, "Churn", source=str(ARTIFACTS / "churn.tar.gz"), bucket=bucket, prefix="churn/")
        office_hours = (
            ScheduledLimits("morning", "cron(0 8 ? * MON-FRI *)", min=2, timezone=timezone),
            ScheduledLimits("evening", "cron(0 18 ? * MON-FRI *)", min=1, timezone=timezone),
        )
        endpoint = RealTimeEndpoint(
            self,
            "Endpoint",
            artifact=artifact.location,
            image=ContainerImage.from_repository(repository, built.tag, architecture="arm64"),
            instance_type=instance_type,
            scaling=TargetTracking(1, 4, 6_000, schedule=office_hours),
        )
        endpoint.needs(artifact, built.resource)
        CfnOutput(self, "EndpointName", value=endpoint.cfn_endpoint.attr_endpoint_name)


def main() -> App:
    """Build the app; cdk synth runs this file."""
    app = App()
    account = os.environ.get("CDK_DEFAULT_ACCOUNT", "111111111111")
    for region, (instance_type, timezone) in REGIONS.items():
        env = Environment(account=account, region=region)
        ChurnStack(app, f"churn-{region}", instance_type=instance_type, timezone=timezone, env=env)
    return app


if __name__ == "__main__":
    main().synth()
