"""One model: its archive, its endpoint or its place behind a shared one, and the parameter that clients read."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ssm as ssm

from constructs import Construct
from greensage.artifacts import ModelArtifact
from greensage.endpoints import RealTimeEndpoint, ServerlessEndpoint
from greensage.names import Parameters
from greensage.planner import ModelPlan
from greensage.scaling import TargetTracking

from .group_stack import group_prefix
from .shared import allow_unpinning, artifact_bucket, container_image, environment, key_from_arn, tag_stack


class ModelStack(Stack):
    """Builds what the ModelPlan says; decides nothing."""

    def __init__(self, scope: Construct, id: str, *, model: ModelPlan, parameters: Parameters, **props: Any) -> None:
        super().__init__(scope, id, **props)
        self._model = model
        self._parameters = parameters
        self._key = key_from_arn(self, model.spec.kms_key_arn)
        shared = model.kind == "multi-model"
        artifact = ModelArtifact(
            self,
            "Artifact",
            source=model.spec.model.artifact,
            bucket=artifact_bucket(self, parameters),
            prefix=group_prefix(model.group or "") if shared else f"models/{model.name}/",
            name=model.name,
            encryption_key=self._key,
        )
        allow_unpinning(self, parameters)
        if shared:
            self._join_group(artifact)
        else:
            self._own_endpoint(artifact)
        tag_stack(self, {"greensage:model": model.name, "greensage:kind": model.kind, **model.spec.tags})

    def _join_group(self, artifact: ModelArtifact) -> None:
        group = self._model.group or ""
        # A pointer and not the name: the group's endpoint may be replaced without this stack being deployed.
        place = {"endpointParameter": self._parameters.group_endpoint(group), "targetModel": artifact.target_model}
        self._publish(place).node.add_dependency(artifact)

    def _own_endpoint(self, artifact: ModelArtifact) -> None:
        model = self._model
        image, pin = container_image(self, model.image, self._parameters)
        common: dict[str, Any] = {
            "artifact": artifact.location,
            "image": image,
            "environment": environment(allow_pickle=model.spec.model.allow_pickle),
            "encryption_key": self._key,
            "log_retention_days": model.spec.retention.logs_days,
        }
        if model.kind == "serverless":
            endpoint = ServerlessEndpoint(
                self, "Endpoint", memory_mb=model.memory_mb or 0, max_concurrency=model.max_concurrency or 0, **common
            )
        else:
            endpoint = RealTimeEndpoint(
                self, "Endpoint", instance_type=model.instance_type or "", scaling=_tracking(model), **common
            )
        endpoint.needs(artifact, *([pin] if pin else []))
        self._publish({"endpoint": endpoint.cfn_endpoint.attr_endpoint_name})

    def _publish(self, place: dict[str, str]) -> ssm.StringParameter:
        for key, value in place.items():
            CfnOutput(self, f"Output-{key}", value=value)
        name = self._parameters.model(self._model.name)
        return ssm.StringParameter(self, "Parameter", parameter_name=name, string_value=json.dumps(place))


def _tracking(model: ModelPlan) -> TargetTracking | None:
    plan = model.scaling
    return TargetTracking(plan.min_instances, plan.max_instances, plan.target_invocations_per_minute) if plan else None
