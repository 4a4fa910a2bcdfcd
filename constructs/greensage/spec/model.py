"""The ModelSpec: every key a model file may have, its default (the sustainable one) and its range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from ..catalog import limits, traffic
from ..catalog.kinds import hosting_kind
from ..core import defaults
from .drift import DriftSpec, RetrainingSpec
from .hosting import Hosting
from .model_source import ModelSource, ShadowSpec, VariantSpec
from .optimize import OptimizeSpec
from .parts import (
    AsTuple,
    CaptureSpec,
    DeploymentSpec,
    Name,
    Part,
    ScheduleSpec,
    Texts,
    VpcSpec,
)
from .recommend import RecommendSpec

# botocore, TagKey and TagValue: letters, spaces and digits of any script, and these.
_TAG = re.compile(r"^[\w\s.:/=+\-@]*$")
Pattern = Literal["steady", "office-hours", "bursty", "intermittent", "nightly"]


def _wrong_with_tag(key: str, text: str) -> Iterator[str]:
    shown = repr(key[:40])
    if key.lower().startswith("aws:"):
        yield f"the tag {shown} begins with aws:, which is AWS's own"
    if not key:
        yield "a tag has no key"
    for what, given, most in (("key", key, limits.TAG_KEY_MAX), ("value", text, limits.TAG_VALUE_MAX)):
        if len(given) > most:
            yield f"the {what} of the tag {shown} has {len(given)} characters, more than {most}"
        elif not _TAG.match(given):
            yield f"the {what} of the tag {shown} has characters that AWS does not take: {given[:40]!r}"


@cache
def _timezones() -> set[str]:
    # Looked up once: it reads the whole folder of the database.
    return available_timezones()


class SlaSpec(Part):
    """What the caller needs. Ask for less and the deployment gets greener."""

    latency_p95_ms: int | None = Field(
        default=None, ge=1, le=3_600_000, description="95th percentile in milliseconds; leave out when nobody waits."
    )
    cold_start_ok: bool | None = Field(
        default=None,
        description="A first answer after idle time may take some seconds. "
        "Default: yes, unless latency_p95_ms is below a cold start.",
    )
    availability: Literal["best-effort", "standard", "high"] = Field(
        default="standard", description="high keeps two instances in two zones; the others keep one."
    )

    @property
    def accepts_cold_starts(self) -> bool:
        """Whether a first answer may be late: as the file says, and no silent yes where the p95 is below a cold start."""
        if self.cold_start_ok is not None:
            return self.cold_start_ok
        return self.latency_p95_ms is None or self.latency_p95_ms >= traffic.COLD_START_SECONDS * 1000

    @property
    def instances_kept(self) -> int:
        """How many instances the availability keeps, whatever the load."""
        return 2 if self.availability == "high" else 1


class TrafficSpec(Part):
    """How much and when."""

    requests_per_day: int = Field(default=1_000, ge=0, le=10_000_000_000)
    pattern: Pattern = Field(default="intermittent")
    peak_requests_per_second: float | None = Field(
        default=None, gt=0, le=1_000_000, description="Overrides the peak estimated from the pattern."
    )
    cpu_ms_per_request: float | None = Field(
        default=None, gt=0, le=3_600_000, description="Measured CPU time of one request on one m5 vCPU; default: estimated."
    )
    payload_kb: float | None = Field(
        default=None, gt=0, le=1_048_576, description="Request and answer together, in kB; default: 3, an estimate."
    )
    timezone: str = Field(default="UTC", description="Of the pattern, for instance Europe/Stockholm.")

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value != "UTC" and value not in _timezones():
            raise ValueError("not a time zone of the IANA database | for instance Europe/Stockholm")
        return value


class RegionSpec(Part):
    """Where the model may run."""

    allowed: Texts = Field(
        default=(), description="Data residency: only these Regions; the cleanest wins. Empty: the Region of your AWS profile."
    )
    users_near: str | None = Field(default=None, description="The AWS Region nearest to the callers, for max_network_ms.")
    max_network_ms: int | None = Field(
        default=None, ge=1, le=1_000, description="Estimated round trip from users_near; Regions further away are left out."
    )

    @model_validator(mode="after")
    def _from_somewhere(self) -> RegionSpec:
        if self.max_network_ms is not None and self.users_near is None:
            raise ValueError("region.max_network_ms needs region.users_near | the AWS Region nearest to the callers")
        return self


class RetentionSpec(Part):
    """How long things are kept. Nothing is kept for ever."""

    logs_days: int = Field(default=defaults.LOG_RETENTION_DAYS, json_schema_extra={"enum": list(limits.LOG_RETENTION_DAYS)})
    artifact_versions_days: int = Field(
        default=defaults.ARTIFACT_VERSIONS_DAYS,
        ge=1,
        le=3_650,
        description="Days that a replaced version of the artifact can be restored.",
    )
    data_days: int = Field(
        default=defaults.DATA_DAYS,
        ge=1,
        le=3_650,
        description="Days that inputs and results of asynchronous and batch hosting are kept.",
    )

    @field_validator("logs_days")
    @classmethod
    def _known_retention(cls, value: int) -> int:
        if value not in limits.LOG_RETENTION_DAYS:
            allowed = ", ".join(map(str, limits.LOG_RETENTION_DAYS))
            raise ValueError(f"CloudWatch Logs keeps logs for fixed numbers of days | {allowed}")
        return value


class LogsSpec(Part):
    """How much the container logs, and where that is kept."""

    level: Literal["error", "warning", "info"] = Field(default="warning", description="Of greensage's container.")
    requests_percent: float = Field(
        default=0, ge=0, le=100, description="Share of the requests that greensage's container writes a line about."
    )
    storage: Literal["standard", "infrequent-access"] = Field(
        default="standard", description="infrequent-access costs half to write; it is read by Logs Insights only."
    )
    archive_days: int | None = Field(
        default=None, ge=1, le=3_650, description="Also keep them compressed in S3, so many days: for those who must."
    )

    @model_validator(mode="after")
    def _archived(self) -> LogsSpec:
        if self.archive_days and self.storage == "infrequent-access":
            raise ValueError("logs of the infrequent-access class cannot be read for an archive | storage: standard")
        return self


class ModelSpec(Part):
    """One model as its owner describes it. The smallest valid file is `name` and `model`."""

    name: Name = Field(description="Lower case letters, digits and single hyphens; the stack's name too.")
    model: ModelSource
    sla: SlaSpec = SlaSpec()
    traffic: TrafficSpec = TrafficSpec()
    region: RegionSpec = RegionSpec()
    hosting: Literal["auto"] | Hosting = Field(default="auto", description="auto, a kind, or a kind with its options.")
    optimize_for: Literal["carbon", "cost"] = Field(
        default="carbon", description="What the least of is chosen, among all that keeps the SLA; the other breaks ties."
    )
    silicon: Literal["auto", "graviton", "x86", "gpu", "inferentia", "trainium"] = Field(
        default="auto", description="auto is Graviton if it can be, or what the artifact was compiled for."
    )
    group: Name | None = Field(default=None, description="Files of one group share an endpoint, if their kind can.")
    sharing: Literal["auto", "never"] = Field(
        default="auto",
        description="auto: without a group, may share an endpoint with like models where that saves; never: alone.",
    )
    # The main variant is one of SageMaker's ten.
    variants: Annotated[tuple[VariantSpec, ...], AsTuple] = Field(default=(), max_length=limits.VARIANTS_MAX - 1)
    shadow: ShadowSpec | None = None
    schedule: Annotated[tuple[ScheduleSpec, ...], AsTuple] = Field(
        default=(), max_length=10, description="Other scaling limits at certain times."
    )
    capture: CaptureSpec | None = None
    deployment: DeploymentSpec = DeploymentSpec()
    drift: DriftSpec | None = None
    retraining: RetrainingSpec | None = None
    optimize: OptimizeSpec | None = Field(
        default=None, description="Serve the optimized model: true, or how (greensage optimize NAME makes it)."
    )
    retention: RetentionSpec = RetentionSpec()
    logs: LogsSpec = LogsSpec()
    vpc: VpcSpec | None = None
    network_isolation: bool = Field(default=False, description="The container reaches nothing, not even AWS.")
    high_resolution_metrics: bool = Field(default=False, description="Metrics every 10 seconds; scales out sooner.")
    kms_key_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:kms:", description="Encrypts the volume, the artifacts and captured data."
    )
    execution_role_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$",
        description="A role of yours that the containers run as; its policy is added. Default: a role of the model's own.",
    )  # fmt: skip
    permissions_boundary: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+$",
        description="A managed policy that limits every role of the model's stack.",
    )  # fmt: skip
    notify: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:sns:",
        description="An SNS topic that the alarms of the model's stack tell; drift.notify is for drift.",
    )  # fmt: skip
    recommend: RecommendSpec | None = None
    dashboard: Literal["auto"] | bool = Field(
        default="auto",
        description="A CloudWatch dashboard of its own, with alarms; auto: where that costs less than a tenth of the endpoint.",
    )
    tags: dict[str, str] = Field(default_factory=dict, max_length=limits.TAGS_MAX)

    @field_validator("name", "group")
    @classmethod
    def _not_taken(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("greensage-platform") or value == "cdktoolkit"):
            raise ValueError("the name is taken: a stack of greensage's or the CDK's is called so | any other name")
        return value

    @field_validator("tags")
    @classmethod
    def _known_to_aws(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [words for key, text in value.items() for words in _wrong_with_tag(key, text)]
        if wrong:
            raise ValueError(f"{'; '.join(wrong)} | keys of 1 to 128 and values of up to 256 letters, digits, spaces, _.:/=+-@")
        return value

    @field_validator("hosting", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) and value != "auto" else value

    @field_validator("optimize", mode="before")
    @classmethod
    def _optimize_alone(cls, value: Any) -> Any:
        return {} if value is True else None if value is False else value

    @model_validator(mode="after")
    def _optimized_here(self) -> ModelSpec:
        if self.optimize is None:
            return self
        if self.model.artifact.startswith("s3://"):
            raise ValueError("optimize needs the archive as a file | aws s3 cp it, and name the file in model.artifact")
        if self.model.image not in ("auto", "serving") or self.model.compiled_for:
            raise ValueError("optimize makes archives for greensage's serving image | image: auto, and no compiled_for")
        return self

    @model_validator(mode="after")
    def _with_an_archive(self) -> ModelSpec:
        if self.model.artifact:
            return self
        if self.retraining is not None or self.optimize is not None:
            raise ValueError("retraining and optimize need the archive of the model | model.artifact")
        if self.drift is not None and self.drift.baseline is None:
            raise ValueError("drift needs the baseline, which cannot lie beside an archive here | drift: {baseline: FILE}")
        return self

    @property
    def as_given(self) -> ModelSpec:
        """The spec with its model as it is without `optimize`."""
        given = self.model.given
        return self if given is None else self.model_copy(update={"model": given})

    @model_validator(mode="after")
    def _group_given(self) -> ModelSpec:
        if self.hosting != "auto" and self.group is None and hosting_kind(self.hosting.kind).shares:
            raise ValueError(f"hosting is {self.hosting.kind}, so the files that share the endpoint need the same group")
        return self

    @model_validator(mode="after")
    def _archived_before_they_go(self) -> ModelSpec:
        if self.logs.archive_days and self.retention.logs_days < limits.ARCHIVE_LOGS_DAYS_MIN:
            raise ValueError(
                f"logs.archive_days needs retention.logs_days of {limits.ARCHIVE_LOGS_DAYS_MIN} or more: a day is archived when "
                "it is over, and may be tried again | retention: {logs_days: 7}"
            )
        if self.logs.storage == "infrequent-access" and "GREENSAGE_METRICS_SECONDS" in self.model.environment:
            raise ValueError(
                "infrequent-access makes no metrics of log lines | leave GREENSAGE_METRICS_SECONDS out, or storage: standard"
            )
        return self

    @model_validator(mode="after")
    def _retrained_by_drift(self) -> ModelSpec:
        if self.retraining is None:
            return self
        if self.drift is None:
            raise ValueError("retraining needs drift: nothing is retrained by the clock | for instance drift: {kpi: {auc: 0.8}}")
        if self.retraining.approval == "person" and self.drift.notify is None:
            raise ValueError("retraining.approval: person needs drift.notify | the ARN of the topic through which it is asked")
        return self
