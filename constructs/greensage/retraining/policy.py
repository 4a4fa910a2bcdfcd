"""When to retrain, and what a challenger must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog import drift


@dataclass(frozen=True)
class RetrainingPolicy:
    """A KPI below its threshold asks for a retraining; drift alone is an alert, unless `on_drift` says retrain.

    cooldown_days: days after a retraining, won or lost, in which there is no other.
    retrainings_per_month: at most, in 30 days; what is beyond is an alert.
    dry_run: decide and record, but start nothing.
    metric, margin: the challenger must be better by `margin` of this metric on the newest labelled rows.
    tolerance: what it may lose on held-out data and on protected slices.
    protected: a feature; on none of its values (or quarters) may the challenger be worse than the champion.
    approval: automatic, or by a person who answers within `approval_hours`.
    engine: Step Functions, or SageMaker Pipelines (extra `pipelines`), which tries Spot only.
    flexible_hours: the training may wait this long for the hour in which the Region's grid is cleanest; 0: starts at once.
    """

    on_drift: Literal["alert", "retrain"] = "alert"
    cooldown_days: float = 7
    retrainings_per_month: int = 2
    dry_run: bool = False
    metric: str | None = None
    margin: float = drift.setting("margin")
    tolerance: float = drift.setting("tolerance")
    protected: str | None = None
    approval: Literal["automatic", "person"] = "automatic"
    approval_hours: int = 72
    flexible_hours: int = 0
    engine: Literal["step-functions", "pipelines"] = "step-functions"

    def __post_init__(self) -> None:
        if self.metric is not None and self.metric not in drift.kpis():
            raise ValueError(f"metric is {self.metric!r}; known: {', '.join(drift.kpis())}")
        if self.retrainings_per_month < 1:
            raise ValueError(f"retrainings_per_month is {self.retrainings_per_month}; allowed: at least 1 (or dry_run=True)")
        if self.margin < 0 or self.tolerance < 0 or self.cooldown_days < 0:
            raise ValueError("margin, tolerance and cooldown_days must not be negative")
        if not 0 <= self.flexible_hours <= 24:
            raise ValueError(f"flexible_hours is {self.flexible_hours}; allowed: 0 to 24")
        if not 1 <= self.approval_hours <= 8_760:
            raise ValueError(f"approval_hours is {self.approval_hours}; allowed: 1 to 8,760")
        most = drift.limit("pipeline_approval_hours")
        if self.engine == "pipelines" and self.approval == "person" and self.approval_hours > most:
            raise ValueError(f"approval_hours is {self.approval_hours}; with engine pipelines at most {most}")
