"""An endpoint that the models of a group share. Adding a model to a multi-model or component group does not touch it, but for
the container of a multi-model group, which is told which members to capture."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ssm as ssm

from constructs import Construct

from ..core.names import Parameters
from ..core.tags import GROUP_TAG, KIND_TAG, ROOT_TAG
from ..endpoints import DataCapture
from ..endpoints.base import Endpoint
from ..endpoints.container_capture import MODEL, allow_capture
from ..monitoring.log_archive import LogArchive
from ..planner import GroupPlan
from .builders import build_group
from .dashboards import told
from .loop import group_loop
from .notify import limit_roles, tell_alarms
from .props import instance_props
from .shared import Images, artifact_bucket, key_from_arn, tag_stack


class GroupStack(Stack):
    """Builds what the GroupPlan says; decides nothing."""

    def __init__(self, scope: Construct, id: str, *, group: GroupPlan, parameters: Parameters, **props: Any) -> None:
        super().__init__(scope, id, **props)
        self.group, self.parameters = group, parameters
        self.key = key_from_arn(self, group.lead.kms_key_arn)
        self.images = Images(self, parameters)
        # Before the endpoint, whose containers are told where to write.
        self.loop = group_loop(self, group, parameters, self.key)
        self.bucket = artifact_bucket(self, parameters)
        self.endpoint_props = instance_props(self, group.lead, group.deployment, self.key, group.logs_days, group.instance_type)
        self.endpoint: Endpoint = build_group(self)
        # What writes into the bucket has to be gone before the bucket is emptied.
        if self.loop is not None:
            self.endpoint.needs(self.loop)
        name = self.endpoint.cfn_endpoint.attr_endpoint_name
        ssm.StringParameter(
            self, "EndpointName", parameter_name=parameters.group_endpoint(group.name, group.kind), string_value=name
        )
        CfnOutput(self, "Endpoint-Name", value=name)
        if group.lead.logs.archive_days:
            LogArchive.include(self.endpoint.log_group)
        limit_roles(self, group.lead.permissions_boundary)
        if group.lead.notify:
            tell_alarms(self, told(self, group.lead.notify))
        # By these tags `greensage clean` finds what nothing uses any more.
        tag_stack(self, {GROUP_TAG: group.name, KIND_TAG: group.kind, ROOT_TAG: parameters.root})

    def capture_of(self, member: str) -> DataCapture | None:
        """How the container of one member captures; None for a member without drift."""
        percent = dict(self.group.captured).get(member)
        if self.loop is None or percent is None:
            return None
        return DataCapture(self.loop, sample_percent=percent, prefix=f"{member}/capture/")

    def capture_all(self) -> DataCapture | None:
        """How a container that serves all members captures those with drift."""
        if self.loop is None:
            return None
        return DataCapture(self.loop, prefix=f"{MODEL}/capture/", models=dict(self.group.captured))

    def allow_captures(self, endpoint: Endpoint) -> None:
        """Let the containers of an endpoint write the captures of the members that have drift."""
        for name, _ in self.group.captured:
            allow_capture(endpoint.access, self.capture_of(name))
