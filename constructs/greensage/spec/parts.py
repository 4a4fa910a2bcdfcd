"""The parts of a model file that hosting kinds share: the base of all parts, names, networks and updates."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ..catalog import limits
from ..core import defaults
from ..core.cron import check_schedule
from ..narrow import is_list

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=1, max_length=limits.SPEC_NAME_MAX)]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if is_list(value) else value


# YAML has lists; frozen parts hold tuples.
AsTuple = BeforeValidator(_as_tuple)
Texts = Annotated[tuple[str, ...], AsTuple]


class Part(BaseModel):
    """Base of all parts: frozen, strict, and unknown keys are errors."""

    # Strict, because YAML has types: a version without quotes is a number, and 3.10 would become 3.1.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CaptureSpec(Part):
    """Requests and answers written to S3, to look for drift."""

    sample_percent: int = Field(default=defaults.CAPTURE_PERCENT, ge=1, le=100)
    days: int = Field(default=defaults.CAPTURE_DAYS, ge=1, le=365, description="After that many days captured data are deleted.")


class VpcSpec(Part):
    """Subnets and security groups of yours that the containers run in."""

    subnets: Annotated[Texts, Field(max_length=limits.SUBNETS_MAX, description="Their ids, 1 to 16.")] = ()
    security_groups: Annotated[Texts, Field(max_length=limits.SECURITY_GROUPS_MAX, description="Their ids, 1 to 5.")] = ()
    tags: dict[str, str] = Field(
        default_factory=dict, max_length=limits.TAGS_MAX,
        description="In place of ids: tags of a security group and of a subnet in each of `zones` zones, found at deployment.",
    )  # fmt: skip
    zones: int = Field(default=defaults.ZONES, ge=1, le=limits.SUBNETS_MAX, description="With tags: in how many zones.")
    file: str | None = Field(
        default=None, min_length=1,
        description="In place of ids: a YAML file with subnets and security_groups, or with these by Region; relative to this.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ids = bool(self.subnets) or bool(self.security_groups)
        if sum((ids, bool(self.tags), self.file is not None)) != 1:
            raise ValueError("the network is named in one way | subnets and security_groups, or tags, or file")
        if ids and not (self.subnets and self.security_groups):
            missing = "security_groups" if self.subnets else "subnets"
            raise ValueError(f"{missing} is missing | a list of ids")
        if "zones" in self.model_fields_set and not self.tags:
            raise ValueError("zones goes with tags | leave it out, subnets say it themselves")
        return self


class DeploymentSpec(Part):
    """How an update reaches the traffic, what stops it, and how long the old fleet stays ready."""

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = "all-at-once"
    step_percent: int | None = Field(
        default=None, ge=1, le=50, description="Capacity per step: canary up to 50, linear 10 to 50, rolling 5 to 50."
    )
    interval_seconds: int = Field(
        default=defaults.STEP_INTERVAL_SECONDS, ge=0, le=limits.WAIT_SECONDS_MAX, description="Wait after each step."
    )
    bake_seconds: int = Field(
        default=defaults.BAKE_SECONDS,
        ge=0,
        le=limits.WAIT_SECONDS_MAX,
        description="Watch the alarms this long before the old fleet goes.",
    )
    max_error_percent: float = Field(
        default=defaults.MAX_ERROR_PERCENT, gt=0, le=100, description="More failed requests than this: roll back."
    )
    max_latency_ms: int | None = Field(default=None, ge=1, description="Default: 1.5 times sla.latency_p95_ms, if that is set.")
    # Of AWS's ten, three are greensage's own: two on errors and one on latency.
    alarms: Texts = Field(default=(), max_length=limits.ALARMS_MAX - 3, description="Names of CloudWatch alarms of yours.")


class ScheduleSpec(Part):
    """Other limits of scaling at certain times, for instance in office hours."""

    name: Name
    at: str = Field(pattern=r"^(cron|rate|at)\(.+\)$", description="For instance cron(0 8 ? * MON-FRI *).")
    timezone: str = Field(default="UTC", description="For instance Europe/Stockholm.")

    @field_validator("at")
    @classmethod
    def _known_schedule(cls, value: str) -> str:
        return value if value.startswith("at(") else check_schedule(value)

    min: int | None = Field(default=None, ge=0, le=1_000)
    max: int | None = Field(default=None, ge=0, le=1_000)
