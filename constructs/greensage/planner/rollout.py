"""How an update reaches the traffic: the guarded deployment that AWS has for the kind and the silicon."""

from __future__ import annotations

from ..catalog import traffic
from ..catalog.capabilities import capability
from ..text import duration_ms
from .context import Request
from .types import Choice, DeploymentPlan, ImagePlan, Kind, Rejected


def choose_deployment(
    request: Request, kind: Kind, image: ImagePlan, p95_ms: float | None = None
) -> tuple[DeploymentPlan | None, Choice]:
    """Return the guarded deployment and why; None where AWS has none, which leaves its plain update.

    `p95_ms` is the estimate: an SLA below it would roll every update back.
    """
    spec = request.spec.deployment
    feature = "rolling" if spec.strategy == "rolling" else "blue_green"
    cell = capability(kind, feature)
    # What no source confirms is not relied on: it gets the plain update.
    if cell.answer != "y":
        return None, Choice("updates", "plain", f"no guarded deployment is known for {kind} hosting ({cell.source})")
    if image.processor == "inf1":
        return None, Choice("updates", "plain", "Inferentia 1 is excluded (developer guide, deployment-guardrails-exclusions)")
    step = spec.step_percent or traffic.STEP_PERCENT.get(spec.strategy)
    latency = spec.max_latency_ms or _from_sla(request, p95_ms)
    chosen = DeploymentPlan(
        spec.strategy, step, spec.interval_seconds, spec.bake_seconds, spec.max_error_percent, latency, spec.alarms
    )
    if step and (getattr(request.spec.hosting, "min_instances", None) or 1) < 2 and request.spec.sla.availability != "high":
        few = Rejected(
            "steps of one instance", "how AWS rounds a percentage of one is not documented; min_instances: 2 avoids it"
        )
    else:
        few = None
    watched = [
        f"more than {spec.max_error_percent:g} % errors",
        *([f"p95 above {duration_ms(latency)}"] if latency else []),
        *spec.alarms,
    ]
    return chosen, Choice("updates", spec.strategy, f"rolls back at {' or '.join(watched)}; bakes {spec.bake_seconds} s",
                          (few,) if few else ())  # fmt: skip


def _from_sla(request: Request, estimate_ms: float | None) -> float | None:
    p95 = request.spec.sla.latency_p95_ms
    return float(round(max(p95, estimate_ms or 0.0) * traffic.LATENCY_HEADROOM)) if p95 else None
