"""A multi-model endpoint that the models of a group share. Adding a model does not touch it."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ssm as ssm

from constructs import Construct
from greensage.endpoints import MultiModelEndpoint
from greensage.names import Parameters
from greensage.planner import GroupPlan
from greensage.scaling import TargetTracking

from .shared import artifact_bucket, container_image, environment, key_from_arn, tag_stack


class GroupStack(Stack):
    """Builds what the GroupPlan says; decides nothing."""

    def __init__(self, scope: Construct, id: str, *, group: GroupPlan, parameters: Parameters, **props: Any) -> None:
        super().__init__(scope, id, **props)
        image, pin = container_image(self, group.image, parameters)
        self.endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            bucket=artifact_bucket(self, parameters),
            prefix=group_prefix(group.name),
            image=image,
            instance_type=group.instance_type,
            scaling=TargetTracking(
                group.scaling.min_instances, group.scaling.max_instances, group.scaling.target_invocations_per_minute
            ),
            environment=environment(allow_pickle=group.allow_pickle),
            encryption_key=key_from_arn(self, group.kms_key_arn),
            log_retention_days=group.logs_days,
        )
        if pin is not None:
            self.endpoint.needs(pin)
        ssm.StringParameter(
            self,
            "EndpointName",
            parameter_name=parameters.group_endpoint(group.name),
            string_value=self.endpoint.cfn_endpoint.attr_endpoint_name,
        )
        CfnOutput(self, "Endpoint-Name", value=self.endpoint.cfn_endpoint.attr_endpoint_name)
        tag_stack(self, {"greensage:group": group.name})


def group_prefix(group: str) -> str:
    """Return the prefix under which the models of `group` lie."""
    return f"groups/{group}/"
