"""When to retrain, and what a challenger must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..catalog import drift
from ..core import defaults
from ..core.checked import check_choice, check_needed, check_number, check_whole

_CHOICES = {
    "on_drift": ("alert", "retrain"),
    "approval": ("automatic", "person"),
    "engine": ("step-functions", "pipelines"),
}


@dataclass(frozen=True)
class RetrainingPolicy:
    """A KPI below its threshold asks for a retraining; drift alone is an alert, unless `on_drift` says retrain.

    Parameters
    ----------
    on_drift:
        alert (default) or retrain.
    cooldown_days:
        Days after a retraining, won or lost, in which there is no other; 0 or more, default 7.
    retrainings_per_month:
        At most, in 30 days; what is beyond is an alert. Default 2.
    max_usd:
        What the trainings of one retraining may cost together at most, in USD at list prices on demand; an attempt that might
        go beyond is not begun. Default: no such limit; max_run_minutes limits each attempt.
    dry_run:
        Decide and record, but start nothing; default false.
    metric, margin:
        The challenger must be better by `margin` of this metric on the newest labelled rows; default: the first
        KPI, by 0.005.
    tolerance:
        What it may lose on held-out data and on protected slices; default 0.02.
    protected:
        A feature; on none of its values (or quarters) may the challenger be worse than the champion. Default:
        none.
    approval, approval_hours:
        automatic (default), or by a person who answers within so many hours; default 72.
    flexible_hours:
        The training may wait this long for the hour in which the Region's grid is cleanest; default 0: starts
        at once.
    engine:
        step-functions (default), or pipelines (SageMaker Pipelines, extra `pipelines`), which tries Spot only.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    on_drift: Literal["alert", "retrain"] = "alert"
    cooldown_days: float = defaults.RETRAINING_COOLDOWN_DAYS
    retrainings_per_month: int = defaults.RETRAININGS_PER_MONTH
    max_usd: float | None = None
    dry_run: bool = False
    metric: str | None = None
    margin: float = drift.setting("margin")
    tolerance: float = drift.setting("tolerance")
    protected: str | None = None
    approval: Literal["automatic", "person"] = "automatic"
    approval_hours: int = defaults.APPROVAL_HOURS
    flexible_hours: int = defaults.FLEXIBLE_HOURS
    engine: Literal["step-functions", "pipelines"] = "step-functions"

    def __post_init__(self) -> None:
        for prop, allowed in _CHOICES.items():
            check_needed(prop, getattr(self, prop), "what is built depends on it")
            check_choice(prop, getattr(self, prop), allowed)
        if self.metric is not None:
            check_choice("metric", self.metric, drift.kpis())
        check_whole("retrainings_per_month", self.retrainings_per_month, 1)
        if self.max_usd is not None:
            check_number("max_usd", self.max_usd, above=0)
        for prop in ("margin", "tolerance", "cooldown_days"):
            check_number(prop, getattr(self, prop), least=0)
        for prop in ("flexible_hours", "approval_hours"):
            check_needed(prop, getattr(self, prop), "the state machine's times are computed from it")
        check_whole("flexible_hours", self.flexible_hours, 0, 24)
        by_pipeline = self.engine == "pipelines" and self.approval == "person"
        # A Standard state machine runs for a year at most; a pipeline's question lies in a queue.
        check_whole("approval_hours", self.approval_hours, 1, drift.limit("pipeline_approval_hours") if by_pipeline else 8_760)
