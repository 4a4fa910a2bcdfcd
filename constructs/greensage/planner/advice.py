"""What a plan tells beside its decisions: quotas to ask for, VPC endpoints to have, and what is not deployed yet."""

from __future__ import annotations

from ..catalog.capabilities import capability
from ..catalog.instances import InstanceType
from ..catalog.network import vpc_endpoints
from .context import Request
from .types import Kind, ScalingPlan


def notes_of(request: Request, kind: Kind) -> tuple[str, ...]:
    """Return what the owner of the file should know."""
    spec, notes = request.spec, []
    if spec.drift is not None:
        notes.append("drift: is read and checked, but monitoring and retraining are not deployed by this version")
    if spec.sla.latency_p95_ms is None and spec.sla.cold_start_ok and spec.hosting == "auto":
        notes.append("nobody waits for the answer: hosting: asynchronous or batch scales to zero for such a model")
    if spec.model.artifact.startswith("s3://") and spec.model.size_mb is None:
        notes.append("the size of an s3:// artifact is taken as 100 MB; set model.size_mb")
    if spec.vpc is not None:
        notes.append(f"subnets without a NAT gateway need these VPC endpoints: {', '.join(vpc_endpoints(request.region))}")
    if spec.model.compiled_for == "inf1":
        notes.append("Inferentia 1 is legacy to its own SDK (Neuron 2.26 and later leave it out); prefer inf2")
    if kind == "inference-components":
        notes.append(
            "a component is created with one copy, because AWS refuses to create one with none; scaling takes it to zero. "
            "min_instances 0 is refused in some Regions (reported for eu-west-3): set hosting.min_instances: 1 there"
        )
    if kind == "asynchronous" and capability(kind, "data_capture").answer == "n" and spec.capture is None:
        notes.append("inputs and results lie in the model's own bucket and expire after retention.data_days")
    return tuple(notes)


def quotas_of(kind: Kind, item: InstanceType, scaling: ScalingPlan | None, request: Request) -> tuple[str, ...]:
    """Return the Service Quotas a deployment needs, with the value; accelerators often start at zero."""
    if kind == "batch":
        count = getattr(request.spec.hosting, "instances", 1)
        return (f"{item.name} for transform job usage: at least {count}",)
    most = scaling.max_instances if scaling else 1
    # A blue/green update runs both fleets for a while.
    fleets = 1 + len(request.spec.variants) + (request.spec.shadow is not None)
    return (f"{item.name} for endpoint usage: at least {most * fleets}, and twice that while an update runs both fleets",)
