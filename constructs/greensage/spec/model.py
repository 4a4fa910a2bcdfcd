"""The ModelSpec: every key a model file may have, its default (the sustainable one) and its range."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..catalog import limits

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=1, max_length=limits.SPEC_NAME_MAX)]
Framework = Literal["xgboost", "lightgbm", "sklearn", "onnx", "pytorch", "tensorflow"]
Pattern = Literal["steady", "office-hours", "bursty", "intermittent", "nightly"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelSource(_Part):
    """The trained model and the container that serves it."""

    artifact: str = Field(description="Path of a model.tar.gz, relative to this file, or an s3:// URI.", min_length=1)
    framework: Framework = Field(description="What the model was trained with.")
    version: str | None = Field(
        default=None,
        description="Version of AWS's prebuilt image, for instance '3.0-5'; in quotes. Not needed for greensage's own.",
    )
    image: str = Field(
        default="auto",
        description="auto: greensage's serving image where it serves the framework, else AWS's; serving; prebuilt; "
        "or the URI of an image of your own.",
    )
    image_architecture: Literal["arm64", "x86_64"] | None = Field(
        default=None, description="Needed with an image of your own: what it was built for."
    )
    allow_pickle: bool = Field(
        default=False, description="Load a pickle or joblib file. It runs code: only for files you made yourself."
    )
    size_mb: float | None = Field(
        default=None, gt=0, le=500_000, description="Size of the artifact in MB, for s3:// artifacts (default 100)."
    )


class SlaSpec(_Part):
    """What the caller needs. Ask for less and the deployment gets greener."""

    latency_p95_ms: int | None = Field(
        default=None, ge=1, le=3_600_000, description="95th percentile in milliseconds; leave out when nobody waits."
    )
    cold_start_ok: bool = Field(default=True, description="A first answer after idle time may take some seconds.")
    availability: Literal["best-effort", "standard", "high"] = Field(
        default="standard", description="high keeps two instances in two zones; the others keep one."
    )


class TrafficSpec(_Part):
    """How much and when."""

    requests_per_day: int = Field(default=1_000, ge=0, le=10_000_000_000)
    pattern: Pattern = Field(default="intermittent")
    peak_requests_per_second: float | None = Field(
        default=None, gt=0, le=1_000_000, description="Overrides the peak estimated from the pattern."
    )


class RegionSpec(_Part):
    """Where the model may run."""

    allowed: tuple[str, ...] = Field(
        default=(), description="Data residency: only these Regions. Empty: the Region of your AWS profile."
    )

    @field_validator("allowed", mode="before")
    @classmethod
    def _list_to_tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class RealTimeHosting(_Part):
    """An endpoint of its own, on instances that follow the load."""

    kind: Literal["real-time"]
    instance_type: str | None = Field(default=None, description="For instance ml.c7g.large; default: chosen for you.")
    min_instances: int | None = Field(default=None, ge=1, le=1_000)
    max_instances: int | None = Field(default=None, ge=1, le=1_000)


class MultiModelHosting(_Part):
    """An endpoint shared by all files of one group; models are loaded when they are called."""

    kind: Literal["multi-model"]
    instance_type: str | None = Field(default=None, description="The same in all files of the group.")
    min_instances: int | None = Field(default=None, ge=1, le=1_000)
    max_instances: int | None = Field(default=None, ge=1, le=1_000)


class ServerlessHosting(_Part):
    """No instance at all: billed by the millisecond, zero when idle, with cold starts."""

    kind: Literal["serverless"]
    memory_mb: int | None = Field(default=None, json_schema_extra={"enum": [*limits.SERVERLESS_MEMORY_MB, None]})
    max_concurrency: int | None = Field(default=None, ge=1, le=limits.SERVERLESS_MAX_CONCURRENCY)

    @field_validator("memory_mb")
    @classmethod
    def _memory_step(cls, value: int | None) -> int | None:
        if value is not None and value not in limits.SERVERLESS_MEMORY_MB:
            allowed = ", ".join(map(str, limits.SERVERLESS_MEMORY_MB))
            raise ValueError(f"serverless memory comes in steps of 1024 MB | {allowed}")
        return value


Hosting = Annotated[RealTimeHosting | MultiModelHosting | ServerlessHosting, Field(discriminator="kind")]


class DriftSpec(_Part):
    """When to look for drift, and which KPI must hold before retraining is considered."""

    schedule: Literal["hourly", "daily", "weekly"] = "daily"
    kpi: dict[str, float] = Field(default_factory=dict)
    features: Literal["psi", "ks", "jensen-shannon", "wasserstein"] = "psi"

    @field_validator("kpi", mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: float(item) if type(item) is int else item for key, item in value.items()}
        return value


class RetentionSpec(_Part):
    """How long things are kept. Nothing is kept for ever."""

    logs_days: int = Field(default=14, json_schema_extra={"enum": list(limits.LOG_RETENTION_DAYS)})
    artifact_versions_days: int = Field(
        default=30, ge=1, le=3_650, description="Days that a replaced version of the artifact can be restored."
    )

    @field_validator("logs_days")
    @classmethod
    def _known_retention(cls, value: int) -> int:
        if value not in limits.LOG_RETENTION_DAYS:
            allowed = ", ".join(map(str, limits.LOG_RETENTION_DAYS))
            raise ValueError(f"CloudWatch Logs keeps logs for fixed numbers of days | {allowed}")
        return value


class ModelSpec(_Part):
    """One model as its owner describes it. The smallest valid file is `name` and `model`."""

    name: Name = Field(description="Lower case letters, digits and single hyphens; the stack's name too.")
    model: ModelSource
    sla: SlaSpec = SlaSpec()
    traffic: TrafficSpec = TrafficSpec()
    region: RegionSpec = RegionSpec()
    hosting: Literal["auto"] | Hosting = Field(default="auto", description="auto, a kind, or a kind with its options.")
    silicon: Literal["auto", "graviton", "x86"] = Field(default="auto", description="auto is Graviton if it can be.")
    group: Name | None = Field(default=None, description="Files of one group may share an endpoint.")
    drift: DriftSpec | None = None
    retention: RetentionSpec = RetentionSpec()
    kms_key_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:kms:", description="Encrypts the volume and the artifacts."
    )
    tags: dict[str, str] = Field(default_factory=dict, max_length=limits.TAGS_MAX)

    @field_validator("hosting", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) and value != "auto" else value

    @model_validator(mode="after")
    def _consistent(self) -> ModelSpec:
        hosting = self.hosting
        if isinstance(hosting, RealTimeHosting | MultiModelHosting):
            low, high = hosting.min_instances, hosting.max_instances
            if low is not None and high is not None and low > high:
                raise ValueError(f"hosting.min_instances ({low}) is above hosting.max_instances ({high})")
        if isinstance(hosting, MultiModelHosting) and self.group is None:
            raise ValueError("hosting is multi-model, so the files that share the endpoint need the same group")
        return self
