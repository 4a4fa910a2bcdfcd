"""What the plan says of dashboards: one of the endpoint's own, or its place in the platform's."""

from __future__ import annotations

from typing import cast

from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from ..catalog.kinds import hosting_kind
from ..core.names import group_component_name
from ..endpoints.base import Endpoint
from ..monitoring.dashboard import EndpointDashboard
from ..monitoring.proxies import ProxyMetrics
from ..planner import FleetFootprint, GroupPlan, ModelPlan
from .props import HIGH_RESOLUTION_SECONDS


def add_dashboard(
    stack: Stack,
    host: ModelPlan | GroupPlan,
    endpoint: Endpoint | None,
    footprint: FleetFootprint | None,
    *,
    id: str = "Dashboard",
) -> list[tuple[float, ProxyMetrics]]:
    """Add the dashboard of an endpoint to `stack` if the plan has one.

    Return its planned gCO2e a month and its metrics, for the platform's dashboard; nothing for what has no endpoint.
    """
    if endpoint is None:
        return []
    members = host.members if isinstance(host, GroupPlan) else (host.name,)
    spec = host.lead if isinstance(host, GroupPlan) else host.spec
    metrics = _metrics(host, endpoint)
    planned = [footprint.of(name).footprint for name in members] if footprint else []
    grams, requests = sum(item.carbon_g.mid for item in planned), sum(item.requests for item in planned)
    if host.dashboard:
        EndpointDashboard(
            stack, id, metrics=metrics, models=len(members), log_group_name=f"/aws/sagemaker/Endpoints/{metrics.endpoint_name}",
            planned_g_per_1000=grams * 1000 / requests if requests else None, topic=told(stack, spec.notify),
        )  # fmt: skip
    return [(grams, metrics)]


def told(stack: Stack, named: str | None = None) -> sns.ITopic | None:
    """Return the topic that the model's file names, or `-c notify=ARN` for all."""
    given, known = named or stack.node.try_get_context("notify"), stack.node.try_find_child("Notify")
    if known is not None or not given:
        return cast(sns.ITopic | None, known)
    return sns.Topic.from_topic_arn(stack, "Notify", given)


def _metrics(host: ModelPlan | GroupPlan, endpoint: Endpoint) -> ProxyMetrics:
    spec = host.lead if isinstance(host, GroupPlan) else host.spec
    seconds = HIGH_RESOLUTION_SECONDS if spec.high_resolution_metrics else 60
    if isinstance(host, ModelPlan) and hosting_kind(host.kind).runs_on == "memory":
        return ProxyMetrics.of(endpoint, region=host.region, memory_mb=host.memory_mb or 0)
    copies = isinstance(host, GroupPlan) and hosting_kind(host.kind).shares == "copies"
    names = [group_component_name(host.name, member) for member in host.members] if isinstance(host, GroupPlan) and copies else []
    return ProxyMetrics.of(
        endpoint, region=host.region, instance_type=host.instance_type, metric_seconds=seconds, component_names=names
    )
