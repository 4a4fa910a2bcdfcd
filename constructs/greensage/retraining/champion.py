"""Which model serves: the one that was deployed, until a retraining puts a better one in its place."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack

from constructs import Construct, IDependable

from ..core.names import job_base
from ..core.stack_helper import StackHelper
from ..endpoints.base import Endpoint
from ..storage.artifacts import ArtifactLocation

_RETRAINED = "retrained/"


class Champion(Construct):
    """Keeps a deployment from undoing a retraining.

    A retraining updates the endpoint by SageMaker's API, so CloudFormation does not know of it. This custom resource
    remembers the champion in a parameter, and gives its archive to the endpoint whenever the endpoint's config changes
    in the template; when the deployed archive itself changes, that one becomes the champion.

    Parameters
    ----------
    artifact:
        The archive that is deployed with the stack. Retrained ones lie below `retrained/` of its prefix, so it must have
        one: that of a `ModelArtifact` has.
    parameter_name:
        Default: /greensage/champions/<a name made from the path>.

    Example
    -------
        champion = Champion(self, "Champion", artifact=artifact.location)
        endpoint = RealTimeEndpoint(self, "Churn", artifact=champion.location, ...)
        champion.follow(endpoint)
    """

    def __init__(self, scope: Construct, id: str, *, artifact: ArtifactLocation, parameter_name: str | None = None) -> None:
        super().__init__(scope, id)
        if not artifact.prefix.endswith("/"):
            raise ValueError("artifact has no prefix of its own, so retrained ones have no place; copy it: ModelArtifact(...)")
        self.base = job_base(self)
        self.parameter_name = parameter_name or f"/greensage/champions/{self.base}"
        self.outputs = ArtifactLocation(
            artifact.bucket_name, artifact.bucket_arn, f"{artifact.prefix}{_RETRAINED}", f"{artifact.prefix}{_RETRAINED}"
        )
        helper = StackHelper.of(self)
        stack = Stack.of(self)
        self.parameter_arn = stack.format_arn(service="ssm", resource="parameter", resource_name=self.parameter_name.lstrip("/"))
        helper.allow(["ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter"], self.parameter_arn)
        names = [
            stack.format_arn(service="sagemaker", resource=kind, resource_name=f"{self.base}-r*")
            for kind in ("model", "endpoint-config")
        ]
        helper.allow(["sagemaker:DeleteModel"], names[0])
        helper.allow(["sagemaker:DeleteEndpointConfig"], names[1])
        helper.allow(["s3:DeleteObject"], f"{artifact.bucket_arn}/{self.outputs.prefix}*")
        within = {"StringLike": {"s3:prefix": [f"{self.outputs.prefix}*"]}}
        helper.allow_if(["s3:ListBucket"], artifact.bucket_arn, conditions=within)
        self.resource = helper.resource(
            self, "Champion", "Champion",
            {
                "Parameter": self.parameter_name, "Bucket": artifact.bucket_name, "Key": artifact.key, "Base": self.base,
                "Retrained": self.outputs.prefix,
            },
        )  # fmt: skip
        self.location = ArtifactLocation(
            artifact.bucket_name, artifact.bucket_arn, self.resource.get_att_string("Key"), artifact.prefix
        )

    def follow(self, endpoint: Endpoint) -> None:
        """Look the champion up again whenever the config of `endpoint` changes in the template."""
        made = self.resource.node.default_child
        assert isinstance(made, CfnResource)
        made.add_property_override("Deployment", endpoint.config_name)

    def needs(self, *resources: IDependable) -> None:
        """Look only after `resources`, for instance the copy of the archive."""
        self.resource.node.add_dependency(*resources)
