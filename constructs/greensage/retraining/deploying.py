"""The rights of the function that registers challengers, updates the endpoint and cleans up: on this model's things only."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker

from ..endpoints.base import Endpoint
from ..monitoring.function import LoopFunction
from .champion import Champion

# These have no resource-level permissions in IAM, so no ARN can be named.
_ANY = "*"


def allow_deploying(
    function: LoopFunction, endpoint: Endpoint, champion: Champion, group: sagemaker.CfnModelPackageGroup, key: kms.IKey | None
) -> None:
    """Let `function` do what lambda/retraining/deploy.py does; `key` is what archives are encrypted with, if the user's own."""
    base = champion.base

    def arn(kind: str, name: str) -> str:
        return Stack.of(function).format_arn(service="sagemaker", resource=kind, resource_name=name)

    models, configs = arn("model", f"{base}-r*"), arn("endpoint-config", f"{base}-r*")
    own = "Models, configs and jobs of this retraining: their names end in its number."
    function.allow(["sagemaker:CreateModel", "sagemaker:DeleteModel"], models, why=own)
    function.allow(["sagemaker:DescribeModel"], models, *(model.ref for model in endpoint.cfn_models.values()), why=own)
    function.allow(["sagemaker:CreateEndpointConfig", "sagemaker:DeleteEndpointConfig"], configs, why=own)
    function.allow(["sagemaker:DescribeEndpointConfig"], configs, endpoint.cfn_endpoint_config.ref, why=own)
    function.allow(["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpoint"], endpoint.endpoint_arn)
    # UpdateEndpoint is authorized on the config that it moves to, too.
    function.allow(["sagemaker:UpdateEndpoint"], configs, why=own)
    passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    function.allow(["iam:PassRole"], endpoint.role.role_arn, conditions=passed)
    packages = arn("model-package", f"{base}/*")
    registry = ["sagemaker:CreateModelPackage", "sagemaker:ListModelPackages"]
    function.allow(registry, group.attr_model_package_group_arn, packages, why=own)
    function.allow(["sagemaker:UpdateModelPackage"], packages, why=own)
    # The registry looks at image and archive with the caller's rights (AmazonSageMakerModelRegistryFullAccess has them).
    function.allow(["ecr:BatchGetImage", "ecr:DescribeImages"], *endpoint.access.pulled)
    function.allow_files(champion.outputs.bucket_arn, ["s3:GetObject"], champion.outputs.prefix)
    if key:
        function.allow(["kms:Decrypt"], key.key_arn)
    for kind, name in (("training", "Training"), ("processing", "Processing")):
        function.allow([f"sagemaker:Stop{name}Job"], arn(f"{kind}-job", f"{base}-*"), why=own)
    lists = ["sagemaker:ListProcessingJobs", "sagemaker:ListTrainingJobs"]
    function.allow(lists, _ANY, why="IAM has no resource-level permissions for the lists of jobs.")
    function.allow(["ssm:GetParameter", "ssm:PutParameter"], champion.parameter_arn)
    function.allow_files(champion.outputs.bucket_arn, ["s3:DeleteObject"], champion.outputs.prefix)
