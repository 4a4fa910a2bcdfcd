"""How a model with `drift` is captured and watched, how much of its traffic, and whether it can be retrained."""

from __future__ import annotations

import math

from ..catalog import drift
from ..catalog.kinds import hosting_kind, hosting_kinds
from ..core import defaults
from ..spec import ModelSpec
from .context import Request
from .types import Choice, ImagePlan, Kind, MonitoringPlan

_SCHEDULES = {"hourly": "rate(1 hour)", "daily": "rate(1 day)", "weekly": "rate(7 days)"}
_HOURS = {"hourly": 1, "daily": 24, "weekly": 168}


def plan_monitoring(request: Request, kind: Kind, image: ImagePlan) -> tuple[MonitoringPlan | None, list[Choice]]:
    """Return how the model is watched, with the reasons; PlanError where its kind cannot be."""
    spec = request.spec
    if spec.drift is None:
        return None, []
    row, rows = hosting_kind(kind), hosting_kinds().values()
    if row.captured_by is None:
        raise request.refuse(
            "drift", f"requests to {kind} hosting are not captured", found=kind,
            hint=f"hosting: {', '.join(row.name for row in rows if row.captured_by)}",
        )  # fmt: skip
    by = row.captured_by
    if by == "container" and image.origin != "serving":
        raise request.refuse(
            "drift", f"SageMaker captures nothing of {kind} endpoints, so the container has to, and this image cannot",
            found=image.origin, hint="model.image: auto, for greensage's serving image",
        )  # fmt: skip
    if spec.retraining is not None and not row.retrained:
        raise request.refuse(
            "retraining", f"a retrained model cannot be put behind {kind} hosting by this version", found=kind,
            hint=f"hosting: {', '.join(row.name for row in rows if row.retrained)}; drift alone works without retraining",
        )  # fmt: skip
    if spec.retraining is not None and (spec.variants or spec.model.artifact.endswith("/")):
        raise request.refuse("retraining", "the champion is one archive behind one variant", hint="leave out variants")
    percent, why = _sample(spec)
    # Only a schedule starts the monitor: a count of captures is looked at once an hour.
    schedule = "rate(1 hour)" if spec.drift.every_captures else _SCHEDULES[spec.drift.schedule]
    large = drift.analyzer_image(request.region) is not None
    captured = Choice("capture", f"{percent} % of the requests, by the {by}", why)
    watched = Choice("monitoring", f"{spec.drift.features}, {schedule}", _watched(spec, large))
    return MonitoringPlan(by, percent, schedule, large, _capture_days(spec)), [captured, watched]


def _capture_days(spec: ModelSpec) -> int:
    """Return how long captures are kept: as long as asked for, and until the last label of a day may have come."""
    assert spec.drift is not None
    asked = spec.capture.days if spec.capture else defaults.CAPTURE_DAYS
    return max(asked, spec.drift.label_days) if spec.drift.kpi else asked


def _sample(spec: ModelSpec) -> tuple[int, str]:
    """Return the share to capture: what the tests need in a window at this traffic, not everything."""
    if spec.capture is not None:
        return spec.capture.sample_percent, "capture.sample_percent says so"
    assert spec.drift is not None
    hours = 24 if spec.drift.every_captures else _HOURS[spec.drift.schedule]
    expected = spec.traffic.requests_per_day * hours / 24
    wanted = max(drift.setting("rows_per_window"), spec.drift.every_captures, _for_labels(spec))
    least = max(drift.setting("least_captured"), spec.drift.every_captures, _for_labels(spec))
    share = min(wanted / expected, max(drift.setting("captured_share"), least / expected)) if expected else 1.0
    percent = min(100, max(1, math.ceil(100 * share)))
    found = f"{wanted:,.0f} rows of about {expected:,.0f} requests in {hours} hours find what the thresholds are set to"
    if percent * expected >= 100 * wanted:
        return percent, found
    days = drift.setting("window_days")
    rest = "all are captured" if percent == 100 else "a share is captured: each file costs"
    return percent, f"{found}; there are not that many, so {rest}, and up to {days:g} days are judged together"


def _for_labels(spec: ModelSpec) -> int:
    assert spec.drift is not None
    return spec.drift.min_labels if spec.drift.kpi else 0


def _then(spec: ModelSpec) -> str:
    if spec.retraining is None:
        return "alerts (no retraining section)"
    by = "SageMaker Pipelines, on Spot only" if spec.retraining.engine == "pipelines" else "Step Functions"
    return f"retrains by {by}"


def _watched(spec: ModelSpec, large: bool) -> str:
    assert spec.drift is not None
    kpi = ", ".join(f"{name} {value:g}" for name, value in spec.drift.kpi.items()) or "none: drift alone tells little of quality"
    then = _then(spec)
    engine = "" if large else "; Model Monitor's container is not in this Region, so a function reads every window"
    return f"KPIs: {kpi}; a KPI below its threshold {then}, drift alone {spec.drift.on_drift}s{engine}"
