"""An endpoint that the models of a group share. Adding a model to a multi-model or component group does not touch it, but for
the container of a multi-model group, which is told which members to capture."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, CfnOutput, Stack
from aws_cdk import aws_ssm as ssm

from constructs import Construct
from greensage.core.acknowledge import acknowledge_wildcards
from greensage.core.names import Parameters
from greensage.core.tags import GROUP_TAG, KIND_TAG, ROOT_TAG
from greensage.endpoints import Container, DataCapture
from greensage.endpoints.base import Endpoint
from greensage.endpoints.container_capture import MODEL, allow_capture, captured
from greensage.planner import GroupPlan
from greensage.spec import MultiModelHosting
from greensage.storage.artifacts import ArtifactLocation, ModelArtifact

from .loop import group_loop
from .props import instance_props, tracking
from .shared import Images, allow_unpinning, artifact_bucket, environment_of, group_prefix, key_from_arn, tag_stack


class GroupStack(Stack):
    """Builds what the GroupPlan says; decides nothing."""

    def __init__(self, scope: Construct, id: str, *, group: GroupPlan, parameters: Parameters, **props: Any) -> None:
        super().__init__(scope, id, **props)
        self._group, self._parameters = group, parameters
        self._key = key_from_arn(self, group.lead.kms_key_arn)
        self._images = Images(self, parameters)
        self._loop = group_loop(self, group, parameters, self._key)
        self._bucket = artifact_bucket(self, parameters)
        self._props = instance_props(self, group.lead, group.deployment, self._key, group.logs_days)
        build = {"multi-model": self._multi_model, "multi-container": self._multi_container}
        self.endpoint: Endpoint = build.get(group.kind, self._components)()
        if self._loop is not None:
            self.endpoint.needs(self._loop)
        allow_unpinning(self, parameters)
        name = self.endpoint.cfn_endpoint.attr_endpoint_name
        ssm.StringParameter(
            self, "EndpointName", parameter_name=parameters.group_endpoint(group.name, group.kind), string_value=name
        )
        CfnOutput(self, "Endpoint-Name", value=name)
        # By these tags `greensage clean` finds what nothing uses any more.
        tag_stack(self, {GROUP_TAG: group.name, KIND_TAG: group.kind, ROOT_TAG: parameters.root})

    def _capture(self, member: str) -> DataCapture | None:
        """How the container of one member captures; None for a member without drift."""
        percent = dict(self._group.captured).get(member)
        if self._loop is None or percent is None:
            return None
        return DataCapture(self._loop, sample_percent=percent, prefix=f"{member}/capture/")

    def _capture_all(self) -> DataCapture | None:
        """How a container that serves all members captures those with drift."""
        if self._loop is None:
            return None
        return DataCapture(self._loop, prefix=f"{MODEL}/capture/", models=dict(self._group.captured))

    def _allow_captures(self, endpoint: Endpoint) -> None:
        """Let the containers of an endpoint write the captures of the members that have drift."""
        for name, _ in self._group.captured:
            allow_capture(endpoint.access, self._capture(name))

    def _multi_model(self) -> Endpoint:
        from greensage.endpoints import MultiModelEndpoint

        group = self._group
        image, pin = self._images.get(group.image)
        hosting = group.lead.hosting
        environment = {"GREENSAGE_ALLOW_PICKLE": "1"} if group.allow_pickle else {}
        endpoint = MultiModelEndpoint(
            self, "Endpoint", bucket=self._bucket, prefix=group_prefix(group.name), image=image,
            instance_type=group.instance_type, scaling=tracking(group.scaling, group.lead), environment=environment,
            capture=self._capture_all(),
            cache_models=hosting.cache_models if isinstance(hosting, MultiModelHosting) else True, **self._props,
        )  # fmt: skip
        endpoint.needs(*pin)
        return endpoint

    def _multi_container(self) -> Endpoint:
        from greensage.endpoints import MultiContainerEndpoint

        group, needed, containers = self._group, [], {}
        for item in group.containers:
            image, pin = self._images.get(item.image)
            artifact = ModelArtifact(
                self, f"Artifact-{item.name}", source=item.source.artifact, bucket=self._bucket,
                prefix=f"groups/{group.name}-containers/{item.name}/", name=item.name, encryption_key=self._key,
            )  # fmt: skip
            needed += [artifact, *pin]
            made = Container(image, artifact.location, environment_of(item.source))
            containers[item.name] = captured(made, self._capture(item.name), self._key)
        endpoint = MultiContainerEndpoint(
            self, "Endpoint", containers=containers, instance_type=group.instance_type,
            scaling=tracking(group.scaling, group.lead), **self._props,
        )  # fmt: skip
        endpoint.needs(*needed)
        self._allow_captures(endpoint)
        return endpoint

    def _components(self) -> Endpoint:
        from greensage.endpoints import InferenceComponentEndpoint

        group = self._group
        endpoint = InferenceComponentEndpoint(
            self, "Endpoint", instance_type=group.instance_type, processor=group.image.processor,
            min_instances=group.scaling.min_instances, max_instances=group.scaling.max_instances, **self._props,
        )  # fmt: skip
        access, prefix = endpoint.access, group_prefix(group.name)
        self._allow_captures(endpoint)
        # The components are in the stacks of the models; their images, archives and logs are the group's by prefix.
        access.read(ArtifactLocation(self._bucket.bucket_name, self._bucket.bucket_arn, prefix, prefix))
        for item in group.containers:
            access.pull(self._images.get(item.image)[0])
        logs = self.format_arn(
            service="logs", resource="log-group", arn_format=ArnFormat.COLON_RESOURCE_NAME,
            resource_name=f"/aws/sagemaker/InferenceComponents/{group.name}-*",
        )  # fmt: skip
        access.log(logs)
        acknowledge_wildcards(
            access.policy, [logs], "The log groups of this group's components, whose names start with the group's."
        )
        return endpoint
