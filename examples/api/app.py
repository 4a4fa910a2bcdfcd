"""An HTTP API with a function in front of an endpoint: the function may call this endpoint and nothing else.

npx cdk synth --app "python examples/api/app.py"
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs import Construct
from greensage import ArtifactBucket, ContainerImage, ModelArtifact, ServerlessEndpoint, ServingImage, ServingRepository

ARTIFACTS = Path(__file__).resolve().parents[2] / "models/artifacts"
CODE = """
import os

import boto3

runtime = boto3.client("sagemaker-runtime")


def handler(event, context):
    answer = runtime.invoke_endpoint(
        EndpointName=os.environ["ENDPOINT"], Body=event["body"], ContentType="application/json", Accept="application/json"
    )
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": answer["Body"].read().decode()}
"""


class DigitsApiStack(Stack):
    """Endpoint, function and API; nothing of it runs while nobody calls."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        endpoint = self._endpoint()
        function = self._function(endpoint.cfn_endpoint.attr_endpoint_name)
        endpoint.grant_invoke(function)
        http = api.HttpApi(self, "Api", create_default_stage=False, default_authorizer=authorizers.HttpIamAuthorizer())
        http.add_routes(
            path="/digits", methods=[api.HttpMethod.POST], integration=integrations.HttpLambdaIntegration("Digits", function)
        )
        throttle = api.ThrottleSettings(rate_limit=50, burst_limit=100)
        stage = api.HttpStage(self, "Stage", http_api=http, auto_deploy=True, throttle=throttle)
        # On the L1, since the L2 wants an object of an interface that Python cannot pass as a value.
        cfn_stage = cast(api.CfnStage, stage.node.default_child)
        fields = '{"at":"$context.requestTime","status":"$context.status","error":"$context.error.message"}'
        cfn_stage.access_log_settings = {"destinationArn": self._logs("Calls").log_group_arn, "format": fields}
        CfnOutput(self, "Url", value=f"{stage.url}digits")

    def _endpoint(self) -> ServerlessEndpoint:
        bucket = ArtifactBucket(self, "Models")
        repository = ServingRepository(self, "Images")
        built = ServingImage(self, "Image", repository=repository, architecture="x86_64")
        artifact = ModelArtifact(self, "Archive", source=str(ARTIFACTS / "digits.tar.gz"), bucket=bucket, prefix="digits/")
        image = ContainerImage.from_repository(repository, built.tag, architecture="x86_64")
        endpoint = ServerlessEndpoint(self, "Digits", artifact=artifact.location, image=image, memory_mb=2048)
        endpoint.needs(artifact, built.resource)
        return endpoint

    def _function(self, endpoint_name: str) -> lambda_.Function:
        log_group = self._logs("FunctionLogs")
        role = iam.Role(self, "FunctionRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        return lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE),
            role=role,
            log_group=log_group,
            environment={"ENDPOINT": endpoint_name},
        )

    def _logs(self, id: str) -> logs.LogGroup:
        return logs.LogGroup(self, id, retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)


def main() -> App:
    """Build the app; cdk synth runs this file."""
    app = App()
    account = os.environ.get("CDK_DEFAULT_ACCOUNT", "111111111111")
    DigitsApiStack(app, "digits-api", env=Environment(account=account, region="eu-west-1"))
    return app


if __name__ == "__main__":
    main().synth()
