"""The parts of a model file about drift: what is looked for, which KPIs must hold, and how the model is trained again."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ..catalog import drift
from ..core import defaults
from ..narrow import is_mapping
from .parts import Part, Texts


def _as_float(value: Any) -> Any:
    """In YAML 7 is a whole number; where a float is meant it is one."""
    # Not isinstance: YAML's true is an int in Python and must stay an error.
    return float(value) if type(value) is int else value


class DriftSpec(Part):
    """What is looked for in captured requests, and the KPIs that must hold; switches capture and monitoring on."""

    schedule: Literal["hourly", "daily", "weekly"] = "daily"
    every_captures: int = Field(
        default=0, ge=0, le=10_000_000, description="Evaluate only once so many captured rows are new; looked at hourly."
    )
    kpi: dict[str, float] = Field(
        default_factory=dict, description="For instance {auc: 0.8}; judged when labels arrive below labels/ of the bucket."
    )
    # A plain str and not a Literal: the methods are rows of the catalog, and one more must not touch this file.
    features: str = Field(
        default=drift.methods()[0],
        json_schema_extra={"enum": [*drift.methods()]},
        description="How the size of a change is measured.",
    )
    threshold: float | None = Field(default=None, gt=0, description="Change that counts, in the unit of features.")
    baseline: str | None = Field(
        default=None, min_length=1, description="statistics.json of the training data; default: NAME.statistics.json beside it."
    )
    share: float = Field(default=0.0, ge=0, le=1, description="Of all columns that must drift before it counts; 0: one does.")
    judged_rows: int = Field(
        default=int(drift.setting("judged_rows")),
        ge=20,
        le=20_000,
        description="Newest labelled answers that KPIs are judged on.",
    )
    label_days: int = Field(
        default=int(drift.setting("label_days")),
        ge=1,
        le=365,
        description="So many days after an answer its label may come; captures are kept until then.",
    )
    classes: tuple[str | int, ...] = Field(
        default=(),
        max_length=1_000,
        description="The classes in the order of the model's answers, the positive one of two last; default: seen in labels.",
    )
    on_drift: Literal["alert", "retrain"] = Field(default="alert", description="What drift alone does; a KPI below retrains.")
    min_labels: int = Field(default=int(drift.setting("min_labels")), ge=20, le=1_000_000)
    notify: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:sns:", description="Topic that is told and asked.")
    metrics: bool = Field(
        default=False, description="Publish the figures of reports to CloudWatch too, for alarms and dashboards of your own."
    )
    segments: Texts = Field(
        default=(), max_length=5, description="Features by whose values, or quarters, drift and KPIs are looked at besides."
    )

    @field_validator("kpi", mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        return {key: _as_float(item) for key, item in value.items()} if is_mapping(value) else value

    @field_validator("threshold", "share", mode="before")
    @classmethod
    def _whole_threshold(cls, value: Any) -> Any:
        return _as_float(value)

    @field_validator("features")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if value not in drift.methods():
            raise ValueError(f"{value!r} is no method | {', '.join(drift.methods())}")
        return value

    @field_validator("classes")
    @classmethod
    def _classes_of_one_kind(cls, value: tuple[str | int, ...]) -> tuple[str | int, ...]:
        if len({type(item) for item in value}) > 1 or len(set(value)) < len(value) or len(value) == 1:
            raise ValueError("classes must be two or more different names, or whole numbers | for instance [no, yes]")
        return value

    @field_validator("kpi")
    @classmethod
    def _known_kpis(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(drift.kpis()))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no KPI that can be watched | {', '.join(drift.kpis())}")
        return value


class RetrainingSpec(Part):
    """How the model is trained again when a KPI fell, and what a challenger must show. Needs drift."""

    source: str = Field(min_length=1, description="Folder with the training script, relative to this file.")
    script: str = Field(default="train.py", min_length=1)
    data: str = Field(min_length=1, description="CSV with a header that it was trained on: a path, or s3:// key or prefix/.")
    holdout: str | None = Field(default=None, min_length=1, description="CSV that is only for comparing.")
    label: str = Field(min_length=1, description="Name of the label's column.")
    cooldown_days: float = Field(
        default=defaults.RETRAINING_COOLDOWN_DAYS, ge=0, le=365, description="No other retraining for so long after one."
    )
    retrainings_per_month: int = Field(default=defaults.RETRAININGS_PER_MONTH, ge=1, le=100)
    max_usd: float | None = Field(
        default=None, gt=0, description="What the trainings of one retraining may cost together, at list prices on demand."
    )
    dry_run: bool = Field(default=False, description="Decide and record, start nothing.")
    metric: str | None = Field(default=None, description="Decides between champion and challenger; default: the first KPI.")
    margin: float = Field(default=drift.setting("margin"), ge=0, description="By which the challenger must win.")
    tolerance: float = Field(default=drift.setting("tolerance"), ge=0, description="That may be lost on holdout and slices.")
    protected: str | None = Field(default=None, description="A feature on none of whose values the challenger may lose.")
    approval: Literal["automatic", "person"] = "automatic"
    approval_hours: int = Field(default=defaults.APPROVAL_HOURS, ge=1, le=8_760)
    flexible_hours: int = Field(
        default=defaults.FLEXIBLE_HOURS, ge=0, le=24, description="May wait so long for the cleanest hour of the grid."
    )
    engine: Literal["step-functions", "pipelines"] = Field(
        default="step-functions", description="pipelines: SageMaker Pipelines, which needs greensage[pipelines]; Spot only."
    )
    optimize: str | None = Field(
        default=None,
        pattern=r"^arn:aws[a-z-]*:lambda:",
        description="Function that gets {artifact, name, number} of the winner and returns {artifact}, for instance pruned.",
    )
    instance_types: Texts = Field(default=(), description="Smallest first; each on Spot, then the first on demand.")
    max_run_minutes: int = Field(default=defaults.MAX_RUN_MINUTES, ge=1, le=40_320)
    max_wait_minutes: int = Field(default=defaults.MAX_WAIT_MINUTES, ge=1, le=40_320, description="For Spot; counts the run.")

    @field_validator("margin", "tolerance", "cooldown_days", "max_usd", mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        return _as_float(value)

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str | None) -> str | None:
        if value is not None and value not in drift.kpis():
            raise ValueError(f"{value!r} is no metric that models are compared by | {', '.join(drift.kpis())}")
        return value

    @model_validator(mode="after")
    def _wait_counts_the_run(self) -> RetrainingSpec:
        if self.max_wait_minutes < self.max_run_minutes:
            raise ValueError("max_wait_minutes is below max_run_minutes | the wait for Spot counts the run")
        # SQS, through which Pipelines waits for a person, keeps a message for 14 days.
        most = drift.limit("pipeline_approval_hours")
        if self.engine == "pipelines" and self.approval == "person" and self.approval_hours > most:
            raise ValueError(f"approval_hours is {self.approval_hours} | with engine: pipelines at most {most}")
        return self
