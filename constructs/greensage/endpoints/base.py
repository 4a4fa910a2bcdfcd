"""What all endpoints share: models, config, endpoint and logs in the right order, grants and metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_ssm as ssm

from constructs import Construct, IDependable

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_choice
from ..core.defaults import PARAMETERS_ROOT
from ..core.logs import LogStorage, log_group
from ..core.names import endpoint_names
from .access import ExecutionAccess
from .container import ModelDefinition
from .deployment import DeploymentAlarms, GuardedDeployment
from .image import PrivateImage
from .metered import MeteredEndpoint
from .network import Network
from .overridable import OverridableEndpointConfig, OverridableModel, content_of
from .props import Routing, instance_settings

DEFAULT_VARIANT = "AllTraffic"
_MODEL_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,128}$")
_ERRORS = ("InvocationModelErrors", "Invocation5XXErrors")


@dataclass(frozen=True)
class VariantDefinition:
    """A production or shadow variant as the base builds it; without a model it waits for inference components."""

    name: str
    model: ModelDefinition | None
    settings: Mapping[str, Any]
    weight: float = 1.0


@dataclass(frozen=True)
class EndpointDefinition:
    """What a hosting kind adds to an endpoint: its name's generation, its variants, and settings of the config."""

    generation: str
    variants: Sequence[VariantDefinition]
    shadow: VariantDefinition | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    encrypt_volume: bool = True
    retain_variant_properties: bool = False
    error_metrics: Sequence[str] = _ERRORS


class Endpoint(MeteredEndpoint):
    """Base of the hosting constructs; use one of them.

    Escape hatch: `cfn_models` (by variant), `cfn_endpoint_config` and `cfn_endpoint` are the L1s.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        definition: EndpointDefinition,
        role: iam.IRole | None = None,
        encryption_key: kms.IKey | None = None,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
        log_storage: LogStorage = "standard",
        endpoint_name: str | None = None,
        network: Network | None = None,
        network_isolation: bool = False,
        deployment: GuardedDeployment | None = None,
        metric_seconds: int | None = None,
        volume_size_gb: int | None = None,
        startup_timeout_seconds: int | None = None,
        download_timeout_seconds: int | None = None,
        inference_ami: str | None = None,
        routing: Routing | None = None,
        retain_counts: bool | None = None,
        model_name: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        if metric_seconds is not None:
            check_choice("metric_seconds", metric_seconds, limits.METRIC_SECONDS)
        self._instances = instance_settings(
            volume_size_gb=volume_size_gb, startup_timeout_seconds=startup_timeout_seconds,
            download_timeout_seconds=download_timeout_seconds, inference_ami=inference_ami, routing=routing,
            with_model=definition.variants[0].model is not None,
        )  # fmt: skip
        retained = definition.retain_variant_properties if retain_counts is None else retain_counts
        self._definition, self._key, self._network, self._isolated = definition, encryption_key, network, network_isolation
        # A log group does not change its class, and is called like its endpoint: another class is another generation.
        generation = definition.generation + ("-ia" if log_storage == "infrequent-access" else "")
        self._names = endpoint_names(self, generation, endpoint_name)
        self.variant_name = definition.variants[0].name
        name = f"/aws/sagemaker/Endpoints/{self._names.endpoint}"
        self.log_group = log_group(self, "Logs", log_retention_days, name=name, storage=log_storage)
        self._access = ExecutionAccess(self, "Access", role=role)
        self.role = self._access.role
        self._grant_execution()
        beside = [definition.shadow] if definition.shadow else []
        self.cfn_models = {
            item.name: self._model("Model" if index == 0 else f"Model{item.name}", item.model)
            for index, item in enumerate([*definition.variants, *beside])
            if item.model is not None
        }
        self.cfn_endpoint_config = self._config(metric_seconds)
        self.deployment_config = self._guard(deployment)
        self.cfn_endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._names.endpoint,
            endpoint_config_name=self.cfn_endpoint_config.attr_endpoint_config_name,
            # Without it an update sets autoscaled counts back to the config's initial count.
            retain_all_variant_properties=True if retained else None,
            deployment_config=self.deployment_config,
        )
        # SageMaker would create the log group itself, without retention; and the service logs as the role.
        self.cfn_endpoint.node.add_dependency(self.log_group, self._access.policy)
        if model_name is not None:
            self.publish(model_name)

    @property
    def access(self) -> ExecutionAccess:
        """The execution role's rights, to add what containers of your own or components in other stacks need."""
        return self._access

    @property
    def cfn_model(self) -> sagemaker.CfnModel:
        """The L1 of the first variant's model."""
        return self.cfn_models[self.variant_name]

    @property
    def endpoint_name(self) -> str:
        """The name to invoke, known at synth. It changes with the hosting kind and the instance type:
        clients read it from a parameter (`EndpointClient`) or take `endpoint_name` at deploy time."""
        return self._names.endpoint

    @property
    def grants_to(self) -> str:
        """Every generation of the endpoint."""
        return self._names.grant_pattern

    @property
    def endpoint_arn(self) -> str:
        """The ARN of the endpoint of this generation."""
        return self.cfn_endpoint.ref

    @property
    def config_name(self) -> str:
        """The name that CloudFormation gives the endpoint config; a changed config has another."""
        return self.cfn_endpoint_config.attr_endpoint_config_name

    @property
    def content(self) -> list[Any]:
        """The resolved properties and overrides of the config and the models, at the time of synthesis."""
        return content_of([self.cfn_endpoint_config, *self.cfn_models.values()])

    @property
    def connections(self) -> Any:
        """The security groups of the containers, to open or close (aws_ec2.Connections).

        Raises ValueError without a network.
        """
        if self._network is None or self._network.connections is None:
            raise ValueError(f"{self.node.path} has no network; give it one: network=Network.in_vpc(...)")
        return self._network.connections

    def publish(self, model_name: str, *, root: str = PARAMETERS_ROOT, **target: str) -> None:
        """Let `EndpointClient(model_name)`, `greensage invoke` and `status` find this endpoint, by a parameter of SSM.

        `root` separates environments, default /greensage. `target` says which model of a shared endpoint: targetModel (a key
        below the prefix), targetContainer or inferenceComponent. Raises ValueError for a name that is none.
        """
        if not _MODEL_NAME.match(model_name):
            raise ValueError(f"model_name is {model_name!r}; allowed: letters, digits, hyphens, dots and underscores")
        value = Stack.of(self).to_json_string({"endpoint": self.cfn_endpoint.attr_endpoint_name, **self._address(), **target})
        ssm.StringParameter(self, f"Published-{model_name}", parameter_name=f"{root}/models/{model_name}", string_value=value)

    def _address(self) -> dict[str, Any]:
        """What a client has to know beside the endpoint's name."""
        return {}

    def needs(self, *resources: IDependable) -> None:
        """Create the models only after `resources`, for instance the copy of an artifact."""
        for model in self.cfn_models.values():
            model.node.add_dependency(*resources)

    def _grant_execution(self) -> None:
        access, definition = self._access, self._definition
        access.log_to(self.log_group)
        if self._key:
            access.use_key(self._key)
        if self._network:
            access.join(self._network)
        for variant in [*definition.variants, *([definition.shadow] if definition.shadow else [])]:
            grant_model(access, variant.model)

    def _model(self, id: str, definition: ModelDefinition) -> OverridableModel:
        return served_model(self, id, definition, self._access, network=self._network, isolated=self._isolated)

    def _config(self, metric_seconds: int | None) -> OverridableEndpointConfig:
        definition = self._definition
        config: dict[str, Any] = {
            "production_variants": [self._variant(item) for item in definition.variants],
            "kms_key_id": self._key.key_arn if self._key and definition.encrypt_volume else None,
            **definition.config,
        }
        if definition.shadow:
            config["shadow_production_variants"] = [self._variant(definition.shadow)]
        if metric_seconds:
            config["metrics_config"] = {"metricPublishFrequencyInSeconds": metric_seconds, "enableEnhancedMetrics": True}
        # Without a name of its own, so that CloudFormation can replace it whatever changes: an archive, an image, an override.
        return OverridableEndpointConfig(self, "Config", **config)

    def _variant(self, item: VariantDefinition) -> dict[str, Any]:
        named = (
            {"modelName": self.cfn_models[item.name].attr_model_name, "initialVariantWeight": item.weight} if item.model else {}
        )
        return {"variantName": item.name, **named, **item.settings, **self._instances}

    def _guard(self, deployment: GuardedDeployment | None) -> dict[str, Any] | None:
        if deployment is None:
            return None
        variants = [item.name for item in self._definition.variants]
        alarms = DeploymentAlarms(
            self, "Alarms", endpoint_name=self._names.endpoint, variants=variants, guard=deployment,
            metrics=self._definition.error_metrics,
        ).all  # fmt: skip
        if alarms:
            self._access.watch([alarm.alarm_arn for alarm in alarms])
        return deployment.config([alarm.alarm_name for alarm in alarms])


def served_model(
    scope: Construct, id: str, definition: ModelDefinition, access: ExecutionAccess, *, network: Network | None, isolated: bool
) -> OverridableModel:
    """Return a new model that is created after the rights of its role.

    Raises ValueError for an image of a private registry without a network, through which it is pulled.
    """
    for container in definition.containers.values():
        if isinstance(container.image, PrivateImage) and network is None:
            raise ValueError(f"image {container.image.uri} is of a private registry, which is reached through a VPC; "
                             "network=Network.in_vpc(...), on a kind of hosting that has one")  # fmt: skip
    model = OverridableModel(
        scope, id, execution_role_arn=access.role.role_arn, vpc_config=network.config if network else None,
        enable_network_isolation=True if isolated else None, **definition.properties,
    )  # fmt: skip
    model.node.add_dependency(access.policy, *(item for container in definition.containers.values() for item in container.after))
    return model


def grant_model(access: ExecutionAccess, model: ModelDefinition | None) -> None:
    """Let the role pull the images and read the artifacts of `model`."""
    for container in model.containers.values() if model else ():
        access.pull(container.image)
        if container.artifact is not None:
            access.read(container.artifact)
            # A prefix of many models, or of one uncompressed model, is listed; one archive is not.
            if container.artifact.key.endswith("/"):
                access.list(container.artifact.bucket_arn, container.artifact.prefix)
