"""Several models on shared instances, each with its own cores, memory, accelerators and copies, down to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker

from constructs import Construct, IDependable, IValidation

from ..catalog import limits
from ..catalog.instances import Processor, instance, local_storage
from ..core import defaults
from ..core.checked import check_choice, check_count, check_number, check_order, check_whole, is_token
from ..core.logs import log_group
from ..core.metrics import metric
from ..core.names import unique_component_name
from ..planner.placement import Placement, Share, capacity_of, fits, place
from ..storage.artifacts import ArtifactLocation
from .base import DEFAULT_VARIANT, Endpoint, EndpointDefinition, VariantDefinition
from .container import Container
from .deployment import DEFAULT_DEPLOYMENT
from .image import ContainerImage, check_of_ecr
from .on_instances import variant_settings
from .scaling import CopyScaling, CopyTracking

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .props import InstanceProps

_DEFAULT_COPIES = CopyTracking()


@dataclass(frozen=True)
class Resources:
    """What one copy of an inference component reserves.

    Parameters
    ----------
    memory_mb:
        MB, at least 128.
    cpu_cores:
        At least 0.25; default 1.
    accelerators:
        Whole GPUs or Inferentia and Trainium devices, from 0; default 0.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    memory_mb: int
    cpu_cores: float = defaults.COMPONENT_CPU_CORES
    accelerators: int = 0

    def __post_init__(self) -> None:
        check_whole("memory_mb", self.memory_mb, limits.COMPONENT_MEMORY_MIN_MB)
        check_number("cpu_cores", self.cpu_cores, least=limits.COMPONENT_CPU_MIN)
        check_whole("accelerators", self.accelerators, 0)

    @property
    def requirements(self) -> dict[str, Any]:
        """ComputeResourceRequirements as CloudFormation takes them."""
        made: dict[str, Any] = {"minMemoryRequiredInMb": self.memory_mb, "numberOfCpuCoresRequired": self.cpu_cores}
        return {**made, "numberOfAcceleratorDevicesRequired": self.accelerators} if self.accelerators else made


class InferenceComponentEndpoint(Endpoint):
    """An endpoint whose instances come and go with the copies of its components.

    Parameters
    ----------
    instance_type, processor:
        The instances, and what the components' images are built for: cpu (default), gpu or neuronx. A change of type
        is an update in place: these instances are not a scalable target.
    min_instances, max_instances:
        Limits of SageMaker's managed instance scaling; default 0 to 2. AWS refuses a minimum of 0 in some Regions.

    The rest is `InstanceProps`. Add models with `add_component`, or in other stacks with `InferenceComponent`.
    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        shared = InferenceComponentEndpoint(self, "Shared", instance_type="ml.g6.xlarge", processor="gpu")
        shared.add_component("Summaries", artifact=summaries.location, image=image, resources=Resources(8_000, 2, 1))
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        instance_type: str,
        processor: Processor = "cpu",
        min_instances: int = 0,
        max_instances: int = defaults.MAX_INSTANCES,
        **props: Unpack[InstanceProps],
    ) -> None:
        check_whole("min_instances", min_instances, 0)
        check_whole("max_instances", max_instances, 1)
        check_order("min_instances", min_instances, "max_instances", max_instances)
        check_choice("processor", processor, ("cpu", "gpu", "neuronx"))
        self.instance_type, self._max_instances = instance_type, max_instances
        self._copies: dict[Share, int] = {}
        network, isolated = props.get("network"), props.get("network_isolation")
        # An image only for the check of the silicon: each component brings its own.
        architecture = "x86_64" if processor != "cpu" else _architecture(instance_type)
        probe = ContainerImage("", architecture, "", processor)
        settings = {
            **variant_settings(instance_type, probe, max(1, min_instances), None),
            "managedInstanceScaling": {"status": "ENABLED", "minInstanceCount": min_instances, "maxInstanceCount": max_instances},
            "routingConfig": {"routingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
        }
        props.setdefault("deployment", DEFAULT_DEPLOYMENT)
        super().__init__(
            scope,
            id,
            definition=EndpointDefinition(
                generation="ic",
                variants=[VariantDefinition(DEFAULT_VARIANT, None, settings)],
                config={"vpc_config": network.config if network else None, "enable_network_isolation": isolated or None},
                encrypt_volume=not local_storage(instance_type),
                retain_variant_properties=True,
                error_metrics=("Invocation5XXErrors",),
            ),
            **props,
        )
        # AWS answers 400 without it, although the API calls it optional.
        self.cfn_endpoint_config.execution_role_arn = self.role.role_arn
        self.node.add_validation(_Fit(self))

    @property
    def placement(self) -> Placement:
        """How one copy of each component of this stack fits the instances."""
        return place(dict.fromkeys(self._copies, 1), capacity_of(instance(self.instance_type)))

    def add_component(
        self,
        id: str,
        *,
        artifact: ArtifactLocation | None,
        image: ContainerImage,
        resources: Resources,
        scaling: CopyTracking = _DEFAULT_COPIES,
        environment: Mapping[str, str] | None = None,
    ) -> InferenceComponent:
        """Return a new component of this endpoint; ValueError when one copy does not fit an instance."""
        share = Share(id, resources.memory_mb, resources.cpu_cores, resources.accelerators)
        capacity = capacity_of(instance(self.instance_type))
        # For its message: place raises, and says which resource is short.
        if not fits(share, capacity):
            place({share: 1}, capacity)
        self._copies[share] = scaling.max_copies
        access = self._access
        container = Container(image, artifact, environment or {})
        access.pull(image)
        if artifact is not None:
            access.read(artifact)
        made = InferenceComponent(
            self, id, endpoint_name=self.cfn_endpoint.attr_endpoint_name, container=container,
            resources=resources, scaling=scaling,
        )  # fmt: skip
        # The log group exists before the component, and the role may write to it.
        access.log_to(made.log_group)
        made.needs(self.cfn_endpoint, access.policy)
        return made

    @property
    def most_instances(self) -> int:
        """The upper limit of managed instance scaling."""
        return self._max_instances


@jsii.implements(IValidation)
class _Fit:
    """Says at synth when one copy of each component does not fit the instances there may be."""

    def __init__(self, endpoint: InferenceComponentEndpoint) -> None:
        self._endpoint = endpoint

    def validate(self) -> list[str]:
        needed, most = len(self._endpoint.placement.instances), self._endpoint.most_instances
        if is_token(most) or needed <= most:
            return []
        return [f"one copy of each component needs {self._endpoint.placement}, but max_instances is {most}"]


class InferenceComponent(Construct):
    """One model on a shared endpoint, with its own resources and copies; in the endpoint's stack or another.

    Parameters
    ----------
    endpoint_name:
        Of an `InferenceComponentEndpoint`; may be a token. Its role must be allowed to pull the image and read the
        artifact (`add_component` sees to it).
    container, resources, scaling:
        The model, what each copy reserves, and how many copies. AWS creates one copy; scaling takes it to zero.
        Default: 0 to 2 copies.
    log_retention_days:
        One of CloudWatch's numbers of days; default 14.
    component_name:
        A physical name, at most 63 characters; default: made from the stack and the id.
    startup_timeout_seconds, download_timeout_seconds:
        60 to 3600: until the container has to answer /ping, and until the model has to be there. Default: SageMaker's.

    `component_name` is what callers pass as InferenceComponentName. Raises ValueError, naming the property, the value and
    what is allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        container: Container,
        resources: Resources,
        scaling: CopyTracking = _DEFAULT_COPIES,
        log_retention_days: int = defaults.LOG_RETENTION_DAYS,
        component_name: str | None = None,
        startup_timeout_seconds: int | None = None,
        download_timeout_seconds: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        waits = {
            "containerStartupHealthCheckTimeoutInSeconds": ("startup_timeout_seconds", startup_timeout_seconds),
            "modelDataDownloadTimeoutInSeconds": ("download_timeout_seconds", download_timeout_seconds),
        }
        for prop, seconds in waits.values():
            if seconds is not None:
                check_whole(prop, seconds, limits.WAIT_FOR_MODEL_SECONDS_MIN, limits.WAIT_FOR_MODEL_SECONDS_MAX)
        started = {key: seconds for key, (_, seconds) in waits.items() if seconds is not None}
        check_count("environment", container.environment, 0, limits.COMPONENT_ENVIRONMENT_MAX)
        self.component_name = component_name or unique_component_name(self)
        name = f"/aws/sagemaker/InferenceComponents/{self.component_name}"
        self.log_group = log_group(self, "Logs", log_retention_days, name=name)
        self.cfn_inference_component = sagemaker.CfnInferenceComponent(
            self,
            "Component",
            inference_component_name=self.component_name,
            endpoint_name=endpoint_name,
            variant_name=DEFAULT_VARIANT,
            specification={
                "container": _component_container(container),
                "computeResourceRequirements": resources.requirements,
                **({"startupParameters": started} if started else {}),
            },
            # AWS refuses to create a component with no copy.
            runtime_config={"copyCount": max(1, scaling.min_copies)},
        )
        self.cfn_inference_component.node.add_dependency(self.log_group, *container.after)
        self.scaling = CopyScaling(self, "Scaling", component_name=self.component_name, tracking=scaling)
        # The target exists only with the component.
        self.scaling.after(self.cfn_inference_component)

    def needs(self, *resources: IDependable) -> None:
        """Create the component only after `resources`, for instance the copy of its artifact."""
        self.cfn_inference_component.node.add_dependency(*resources)

    def grant_invoke(self, grantee: iam.IGrantable, endpoint: Endpoint) -> iam.Grant:
        """Let `grantee` invoke `endpoint`, and of its components this one."""
        component = Stack.of(self).format_arn(
            service="sagemaker", resource="inference-component", resource_name=self.component_name
        )
        iam.Grant.add_to_principal(grantee=grantee, actions=["sagemaker:InvokeEndpoint"], resource_arns=[component])
        return endpoint.grant_invoke(grantee)

    def metric_invocations(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests, summed."""
        return self._metric("Invocations", options)

    def metric_no_capacity_failures(self, **options: Any) -> cloudwatch.Metric:
        """Return the number of requests that found no copy, summed."""
        return self._metric("NoCapacityInvocationFailures", options)

    def _metric(self, name: str, options: Mapping[str, Any]) -> cloudwatch.Metric:
        return metric("AWS/SageMaker", name, {"InferenceComponentName": self.component_name}, options)


def _component_container(container: Container) -> dict[str, Any]:
    check_of_ecr("container.image", container.image, "an inference component")
    made: dict[str, Any] = {"image": container.image.uri, "environment": dict(container.environment)}
    return {**made, "artifactUrl": container.artifact.uri} if container.artifact else made


def _architecture(instance_type: str) -> Any:
    return "x86_64" if Token.is_unresolved(instance_type) else instance(instance_type).architecture
