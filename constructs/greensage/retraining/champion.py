"""Which model serves: the one that was deployed, until a retraining puts a better one in its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import jsii
from aws_cdk import CfnResource, IStableAnyProducer, Lazy, Stack

from constructs import Construct, IDependable

from ..core.names import job_base
from ..core.stack_helper import StackHelper
from ..endpoints.base import Endpoint
from ..narrow import is_list, is_mapping
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

    Raises ValueError, naming the property, the value and what is allowed.

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
        """Look the champion up again whenever a model or the config of `endpoint` is replaced by a deployment.

        That is when its properties change, its overrides, or the values behind them (parameters, attributes).
        """
        made = self.resource.node.default_child
        assert isinstance(made, CfnResource)
        # Lazy, because the endpoint may be overridden until the app is synthesized.
        made.add_property_override("Deployment", Lazy.any(_Deployment(endpoint, made)))

    def needs(self, *resources: IDependable) -> None:
        """Look only after `resources`, for instance the copy of the archive."""
        self.resource.node.add_dependency(*resources)


@jsii.implements(IStableAnyProducer)
class _Deployment:
    """What an endpoint is made of, without what comes from the champion itself: a hash, and the values known only later."""

    def __init__(self, endpoint: Endpoint, champion: CfnResource) -> None:
        self._endpoint, self._champion = endpoint, champion

    def produce(self) -> Any:
        """Return a property of the custom resource that changes with the endpoint's content."""
        made = [self._champion, *self._endpoint.cfn_models.values()]
        after = {Stack.of(item).resolve(item.ref)["Ref"] for item in made}
        content = _without(self._endpoint.content, after)
        values = {json.dumps(value, sort_keys=True): value for value in _intrinsics(content)}
        text = json.dumps(content, sort_keys=True, default=str)
        return {"Content": hashlib.sha256(text.encode()).hexdigest(), "Values": [values[key] for key in sorted(values)]}


def _without(content: Any, resources: set[str]) -> Any:
    """Return `content` without the values that come from `resources`: to wait for them would be a circle."""
    if is_mapping(content):
        return {key: _without(value, resources) for key, value in content.items() if not _names(value, resources)}
    if is_list(content):
        return [_without(value, resources) for value in content if not (_is_intrinsic(value) and _names(value, resources))]
    return content


def _names(value: Any, resources: set[str]) -> bool:
    """Whether an intrinsic function refers to one of `resources`."""
    if not _is_intrinsic(value):
        return False
    return any(item in resources or item.split(".")[0] in resources for item in _strings(value))


def _strings(value: Any) -> Iterator[str]:
    if is_mapping(value):
        value = list(value.values())
    if is_list(value):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def _intrinsics(content: Any) -> Iterator[dict[str, Any]]:
    if _is_intrinsic(content):
        yield content
    else:
        for value in content.values() if is_mapping(content) else content if is_list(content) else ():
            yield from _intrinsics(value)


def _is_intrinsic(value: Any) -> bool:
    return is_mapping(value) and len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))
