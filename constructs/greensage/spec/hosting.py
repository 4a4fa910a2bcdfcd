"""The hosting kinds of a model file with their options. What AWS refuses for a kind is the planner's to say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, field_validator, model_validator

from ..catalog import limits
from ..core import defaults
from ..core.cron import check_schedule
from .model_source import ModelSource
from .parts import AsTuple, Part, Texts

_Sources = Annotated[tuple[ModelSource, ...], AsTuple]


# botocore, ProductionVariantInferenceAmiVersion and RoutingStrategy.
InferenceAmi = Literal[
    "al2-ami-sagemaker-inference-gpu-2",
    "al2-ami-sagemaker-inference-gpu-2-1",
    "al2-ami-sagemaker-inference-gpu-3-1",
    "al2-ami-sagemaker-inference-neuron-2",
    "al2023-ami-sagemaker-inference-gpu-4-1",
]
Routing = Literal["random", "least-outstanding", "prefix-aware"]
_Wait = Annotated[int, Field(ge=limits.WAIT_FOR_MODEL_SECONDS_MIN, le=limits.WAIT_FOR_MODEL_SECONDS_MAX)]


class MetricScaling(Part):
    """Instances follow a metric of CloudWatch in place of the requests: keep it near the target."""

    metric: str = Field(
        min_length=1, max_length=255,
        description="Of the instances: CPUUtilization, MemoryUtilization, GPUUtilization, GPUMemoryUtilization, DiskUtilization; "
        "or any other, with its namespace. It has to fall when instances are added.",
    )  # fmt: skip
    target: float = Field(gt=0, description="What the metric is kept near; percents go to 100 for each processor or GPU.")
    namespace: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Of a metric of your own; with the endpoint's name and the variant's.",
    )
    statistic: Literal["Average", "Minimum", "Maximum", "SampleCount", "Sum"] = "Average"


class _OnInstances(Part):
    instance_type: str | None = Field(default=None, description="For instance ml.c7g.large; default: chosen for you.")
    min_instances: int | None = Field(default=None, ge=0, le=1_000)
    max_instances: int | None = Field(default=None, ge=1, le=1_000)
    startup_timeout_seconds: _Wait | None = Field(
        default=None, description="Until the container has to answer /ping; default: by the model's size."
    )
    download_timeout_seconds: _Wait | None = Field(
        default=None, description="Until the model has to be there; default: by its size."
    )
    volume_gb: int | None = Field(
        default=None, ge=1, le=limits.VOLUME_GB_MAX,
        description="Of each instance, in GB; default: by the model's size, on types without disks of their own.",
    )  # fmt: skip
    inference_ami: InferenceAmi | None = Field(default=None, description="AWS's machine image, for a driver; default: AWS's.")
    routing: Routing | None = Field(
        default=None, description="least-outstanding sends a request to the instance with the fewest under way; default: random."
    )

    @field_validator("routing", mode="before")
    @classmethod
    def _aws_word(cls, value: object) -> object:
        return value.removesuffix("-requests") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _limits_in_order(self) -> _OnInstances:
        low, high = self.min_instances, self.max_instances
        if low is not None and high is not None and low > high:
            raise ValueError(f"hosting.min_instances ({low}) is above hosting.max_instances ({high})")
        return self


class RealTimeHosting(_OnInstances):
    """An endpoint of its own, on instances that follow the load."""

    kind: Literal["real-time"]
    weight: float = Field(default=defaults.WEIGHT, gt=0, description="Share of the main variant, beside `variants`.")
    scaling: MetricScaling | None = Field(default=None, description="Follow another metric than the requests per instance.")
    # A key that is only ever refused: people look for it, and should read why it is not here.
    managed_scaling: bool = Field(
        default=False, description="Refused: AWS has managed instance scaling for inference components only."
    )


class MultiModelHosting(_OnInstances):
    """An endpoint shared by all files of one group; models are loaded when they are called."""

    kind: Literal["multi-model"]
    cache_models: bool = Field(default=True, description="Keep models in memory between requests.")


class MultiContainerHosting(_OnInstances):
    """An endpoint shared by the 2 to 15 files of one group, a container each, called by the model's name."""

    kind: Literal["multi-container"]


class SerialPipelineHosting(_OnInstances):
    """A chain of 2 to 15 containers: each gets the answer of the one before."""

    kind: Literal["serial-pipeline"]
    before: _Sources = Field(default=(), description="Containers before the model, for instance preprocessing.")
    after: _Sources = Field(default=(), description="Containers after the model.")

    @model_validator(mode="after")
    def _length(self) -> SerialPipelineHosting:
        count = len(self.before) + 1 + len(self.after)
        if not limits.CONTAINERS_MIN <= count <= limits.CONTAINERS_MAX:
            allowed = f"{limits.CONTAINERS_MIN} to {limits.CONTAINERS_MAX} containers: the model with `before` and `after`"
            raise ValueError(f"the pipeline has {count} container{'s' if count > 1 else ''} | {allowed}")
        return self


class InferenceComponentHosting(_OnInstances):
    """A share of the instances of one group: its own cores, memory and copies, down to zero."""

    kind: Literal["inference-components"]
    memory_mb: int | None = Field(default=None, ge=limits.COMPONENT_MEMORY_MIN_MB, description="Default: estimated.")
    cpu_cores: float = Field(default=defaults.COMPONENT_CPU_CORES, ge=limits.COMPONENT_CPU_MIN, le=192)
    accelerators: int = Field(default=0, ge=0, le=16, description="Whole accelerator devices per copy.")
    min_copies: int = Field(default=0, ge=0, le=1_000)
    max_copies: int = Field(default=defaults.MAX_COPIES, ge=1, le=1_000)

    @model_validator(mode="after")
    def _copies_in_order(self) -> InferenceComponentHosting:
        if self.min_copies > self.max_copies:
            raise ValueError(f"hosting.min_copies ({self.min_copies}) is above hosting.max_copies ({self.max_copies})")
        return self


class ServerlessHosting(Part):
    """No instance at all: billed by the millisecond, zero when idle, with cold starts."""

    kind: Literal["serverless"]
    memory_mb: int | None = Field(default=None, json_schema_extra={"enum": [*limits.SERVERLESS_MEMORY_MB, None]})
    max_concurrency: int | None = Field(default=None, ge=1, le=limits.SERVERLESS_MAX_CONCURRENCY)
    provisioned_concurrency: int | None = Field(
        default=None, ge=1, le=limits.SERVERLESS_MAX_CONCURRENCY, description="Warm environments; these bill when idle."
    )
    max_provisioned_concurrency: int | None = Field(
        default=None, ge=1, le=limits.SERVERLESS_MAX_CONCURRENCY, description="Scale the warm environments up to this."
    )

    @field_validator("memory_mb")
    @classmethod
    def _memory_step(cls, value: int | None) -> int | None:
        # CloudFormation checks only the range, so 1500 would not fail before the deployment.
        if value is not None and value not in limits.SERVERLESS_MEMORY_MB:
            allowed = ", ".join(map(str, limits.SERVERLESS_MEMORY_MB))
            raise ValueError(f"serverless memory comes in steps of 1024 MB | {allowed}")
        return value

    @model_validator(mode="after")
    def _provisioned_fits(self) -> ServerlessHosting:
        low, high, most = self.provisioned_concurrency, self.max_provisioned_concurrency, self.max_concurrency
        if high is not None and low is None:
            raise ValueError("hosting.max_provisioned_concurrency needs hosting.provisioned_concurrency")
        if low is not None and high is not None and low > high:
            raise ValueError(f"hosting.provisioned_concurrency ({low}) is above hosting.max_provisioned_concurrency ({high})")
        # What scaling may reach counts, not where it begins.
        wanted = high or low
        if wanted is not None and most is not None and wanted > most:
            raise ValueError(f"provisioned concurrency ({wanted}) is above hosting.max_concurrency ({most})")
        return self


class AsynchronousHosting(_OnInstances):
    """Requests wait in a queue and answers come as files; zero instances when the queue is empty."""

    kind: Literal["asynchronous"]
    concurrency_per_instance: int = Field(default=defaults.ASYNC_CONCURRENCY_PER_INSTANCE, ge=1, le=limits.ASYNC_CONCURRENCY_MAX)
    backlog_per_instance: float = Field(
        default=defaults.BACKLOG_PER_INSTANCE, gt=0, description="Scale out when more requests wait per instance."
    )
    notify: bool = Field(default=False, description="Tell SNS topics of each result and failure.")


class BatchHosting(Part):
    """Files are scored by a job that ends; started on a schedule or by files that arrive."""

    kind: Literal["batch"]
    instance_type: str | None = Field(default=None, description="Batch has no Graviton; default: chosen for you.")
    instances: int = Field(default=defaults.BATCH_INSTANCES, ge=1, le=limits.TRANSFORM_INSTANCES_MAX)
    schedule: str | None = Field(
        default=None, pattern=r"^(cron|rate)\(.+\)$", description="For instance cron(0 2 * * ? *), in UTC."
    )
    window_hours: int = Field(
        default=0, ge=0, le=23, description="The job may start up to that many hours later: greener hours, if they are known."
    )

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, value: str | None) -> str | None:
        return None if value is None else check_schedule(value)

    on_arrival: bool | None = Field(default=None, description="Start when a file arrives; default: yes, without a schedule.")
    content_type: str = defaults.BATCH_CONTENT_TYPE
    split: Literal["line", "none"] = Field(default="line", description="line: each line is a record, sent in batches.")
    max_payload_mb: int = Field(default=defaults.BATCH_PAYLOAD_MB, ge=1, le=limits.TRANSFORM_PAYLOAD_MB)


class EdgeHosting(Part):
    """A Greengrass v2 component with the model, deployed to groups of devices."""

    kind: Literal["edge"]
    device_groups: Annotated[Texts, Field(description="Names of AWS IoT thing groups.")] = ()
    create_device_groups: bool = Field(
        default=False, description="Create those that do not exist; default: the deployment stops and says how to create them."
    )
    device: str | None = Field(default=None, description="A device that Neo compiles for, for instance jetson_xavier.")
    input_shape: str | None = Field(default=None, description='For Neo, for instance {"input": [1, 64]}.')
    port: int = Field(default=defaults.EDGE_PORT, ge=1024, le=65535, description="On the device's loopback.")


Hosting = Annotated[
    RealTimeHosting
    | MultiModelHosting
    | MultiContainerHosting
    | SerialPipelineHosting
    | InferenceComponentHosting
    | ServerlessHosting
    | AsynchronousHosting
    | BatchHosting
    | EdgeHosting,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Hosting] = TypeAdapter(Hosting)


def hosting_of(kind: str, **options: object) -> Hosting:
    """Return the hosting of `kind` with its defaults but for `options`, as a file would say it. Raises ValueError."""
    return _ADAPTER.validate_python({"kind": kind, **options})
