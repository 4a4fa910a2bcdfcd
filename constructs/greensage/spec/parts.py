"""The parts of a model file that hosting kinds share: the base of all parts, names, and what a container is made of."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from ..catalog import limits
from ..catalog.optimized import Cost
from ..core import defaults
from ..core.cron import check_schedule
from ..narrow import is_list

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", min_length=1, max_length=limits.SPEC_NAME_MAX)]
Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
# What an image of the user's own brings with it.
OTHER = "other"
Framework = Literal["xgboost", "lightgbm", "sklearn", "onnx", "pytorch", "tensorflow", "triton", "other"]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if is_list(value) else value


# YAML has lists; frozen parts hold tuples.
AsTuple = BeforeValidator(_as_tuple)
Texts = Annotated[tuple[str, ...], AsTuple]


class Part(BaseModel):
    """Base of all parts: frozen, strict, and unknown keys are errors."""

    # Strict, because YAML has types: a version without quotes is a number, and 3.10 would become 3.1.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# What containers call their secrets, and what such values begin with.
_SECRET_NAME = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY(_ID)?|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)$")
# Of tokenizers.
_NO_SECRET = re.compile(r"(^|_)(PAD|EOS|BOS|UNK|SEP|CLS|MASK|STOP|MAX|MIN)_TOKEN$")
_SECRET_VALUE = re.compile(r"^(hf_|sk-|ghp_|github_pat_|glpat-|AKIA|ASIA|xox[abp]-|AIza)[A-Za-z0-9_\-]{6,}")
_SECRET_ARN = re.compile(r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")


def looks_like_a_secret(name: str, text: str) -> bool:
    """Return whether a variable looks like one that must not stand in a template: by its name, or by what it begins with."""
    if not text or text.startswith(("arn:", "{{resolve:")):
        return False
    named = bool(_SECRET_NAME.search(name.upper())) and not _NO_SECRET.search(name.upper())
    return named or bool(_SECRET_VALUE.match(text))


class ModelSource(Part):
    """A trained model and the container that serves it."""

    artifact: str = Field(
        default="",
        description="Path of a model.tar.gz, relative to this file, or an s3:// URI. Not needed with an image of your own.",
    )
    framework: Framework = Field(
        default=OTHER,
        description="What the model was trained with; triton: a Triton model repository. Not needed with an image of your own.",
    )  # fmt: skip
    code: str | None = Field(
        default=None, min_length=1,
        description="Folder with inference.py, relative to this file; packed into the archive. Implies allow_code.",
    )  # fmt: skip
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
    compiled_for: Literal["inf1", "inf2", "trainium"] | None = Field(
        default=None, description="The artifact was compiled with the Neuron SDK for this silicon, and runs on nothing else."
    )
    allow_pickle: bool = Field(
        default=False, description="Load a pickle or joblib file. It runs code: only for files you made yourself."
    )
    allow_code: bool = Field(
        default=False,
        description="Run code that the archive brings: trees that greensage optimize compiled. Only for files you made yourself.",
    )
    size_mb: float | None = Field(
        default=None, gt=0, le=limits.MODEL_SIZE_MB, description="Size of the artifact in MB, for s3:// artifacts (default 100)."
    )
    memory_mb: float | None = Field(
        default=None, gt=0, le=2_000_000,
        description="What it takes when loaded, as measured, in MB; of a GPU's memory where it runs on one. Default: estimated.",
    )  # fmt: skip
    precision: Precision | None = Field(
        default=None, description="What a GPU holds the weights in, where the container converts them; of files in 16 bits."
    )
    # SageMaker takes 100; the rest is for what greensage sets itself.
    environment: dict[str, str] = Field(default_factory=dict, max_length=80, description="For the container; no secrets.")
    secrets: dict[str, str] = Field(
        default_factory=dict, max_length=10,
        description="ARNs of Secrets Manager by names: the container gets NAME_SECRET_ARN, and its role may read the secret.",
    )  # fmt: skip

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if looks_like_a_secret(name, text):
                raise ValueError(
                    f"{name} looks like a secret, and would stand in the template and in DescribeModel | secrets: {{{name}: ARN "
                    f"of Secrets Manager}}, which the container reads at run time by {name}_SECRET_ARN; or the model in S3 "
                    "(artifact: s3://BUCKET/PREFIX/), so that it needs none"
                )
        return value

    @field_validator("secrets")
    @classmethod
    def _by_reference(cls, value: dict[str, str]) -> dict[str, str]:
        for name, arn in value.items():
            if not _SECRET_ARN.match(arn):
                raise ValueError(
                    f"{name} is no ARN of Secrets Manager | arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-ABCDEF"
                )
        return value

    @model_validator(mode="after")
    def _something_to_serve(self) -> Self:
        own = self.image not in ("auto", "serving", "prebuilt")
        missing = [key for key, given in (("artifact", self.artifact), ("framework", self.framework != OTHER)) if not given]
        if missing and not own:
            examples = {"artifact": "a path or s3:// URI", "framework": ", ".join(get_args(Framework)[:-1])}
            shown = "; ".join(f"{key}: {examples[key]}" for key in missing)
            raise ValueError(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing | {shown}")
        return self

    # What greensage optimize measured; not of the file, so no fields.
    _cost: Cost | None = PrivateAttr(default=None)
    _given: ModelSource | None = PrivateAttr(default=None)
    _not_optimized: str = PrivateAttr(default="")

    @property
    def cost(self) -> Cost | None:
        """What greensage optimize measured of this archive, if it did."""
        return self._cost

    @property
    def given(self) -> ModelSource | None:
        """What this optimized source was made from; None for one that is as it was given."""
        return self._given

    @property
    def not_optimized(self) -> str:
        """Why `optimize` of the model file has no effect; empty where it has, or is not there."""
        return self._not_optimized

    def with_cost(self, cost: Cost | None, given: ModelSource | None = None, not_optimized: str = "") -> Self:
        """Return a copy with what was measured, what it was made from, or why nothing was."""
        copy = self.model_copy()
        copy._cost, copy._given, copy._not_optimized = cost, given, not_optimized
        return copy


class VariantSpec(Part):
    """One more production variant beside the main one, with its share of the traffic."""

    name: Name
    weight: float = Field(gt=0, description="Share of the traffic, relative to the others; the main variant's is hosting.weight.")
    model: ModelSource


class ShadowSpec(Part):
    """A model that gets a copy of the traffic; its answers are thrown away, its metrics and captures are kept."""

    traffic_percent: float = Field(
        default=defaults.SHADOW_PERCENT, gt=0, le=100, description="Share of the requests that are copied."
    )
    model: ModelSource


class CaptureSpec(Part):
    """Requests and answers written to S3, to look for drift."""

    sample_percent: int = Field(default=defaults.CAPTURE_PERCENT, ge=1, le=100)
    days: int = Field(default=defaults.CAPTURE_DAYS, ge=1, le=365, description="After that many days captured data are deleted.")


class VpcSpec(Part):
    """Subnets and security groups of yours that the containers run in."""

    subnets: Annotated[Texts, Field(min_length=1, max_length=limits.SUBNETS_MAX)]
    security_groups: Annotated[Texts, Field(min_length=1, max_length=limits.SECURITY_GROUPS_MAX)]


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
