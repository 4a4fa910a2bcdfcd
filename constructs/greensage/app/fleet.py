"""Turns a Plan into stacks: the platform of each Region, a stack per group, a stack per model."""

from __future__ import annotations

from aws_cdk import App, Environment, Stack

from ..core.names import Parameters
from ..monitoring.proxies import ProxyMetrics
from ..planner import FleetFootprint, Plan
from .dashboards import add_dashboard
from .estimate import add_estimate
from .group_stack import GroupStack
from .model_stack import ModelStack
from .platform_stack import PlatformStack


def add_fleet(
    app: App,
    plan: Plan,
    *,
    account: str | None,
    parameters: Parameters,
    only: str | None = None,
    footprint: FleetFootprint | None = None,
    model_stack: type[ModelStack] = ModelStack,
    group_stack: type[GroupStack] = GroupStack,
    platform_stack: type[PlatformStack] = PlatformStack,
) -> None:
    """Add the stacks of `plan` to `app`; with `only` just the stack of that model, to synthesize it quickly.

    With `footprint`, each model's stack says its estimate in an output and in tags.
    """
    # No dependency on platform or group: those are not in this assembly, but deployed before.
    if only is not None:
        model = next(item for item in plan.models if item.name == only)
        stack = model_stack(app, only, model=model, parameters=parameters, env=_env(account, model.region))
        add_estimate(stack, footprint, only)
        add_dashboard(stack, model, stack.watched, footprint)
        return
    platforms = {region: _platform(platform_stack, app, plan, region, account, parameters) for region in plan.regions}
    groups: dict[tuple[str, str], Stack] = {}
    shown: dict[str, list[tuple[float, ProxyMetrics]]] = {region: [] for region in plan.regions}
    for group in plan.groups:
        stack = group_stack(app, group.stack_name, group=group, parameters=parameters, env=_env(account, group.region))
        stack.add_stack_dependency(platforms[group.region])
        # In the platform's stack: a group's own is not touched when a model joins it.
        id = f"Dashboard-{group.stack_name}"
        shown[group.region] += add_dashboard(platforms[group.region], group, stack.endpoint, footprint, id=id)
        groups[group.name, group.kind] = stack
    for model in plan.models:
        stack = model_stack(app, model.name, model=model, parameters=parameters, env=_env(account, model.region))
        add_estimate(stack, footprint, model.name)
        shown[model.region] += add_dashboard(stack, model, stack.watched, footprint)
        shared = groups.get((model.group or "", model.kind))
        stack.add_stack_dependency(shared or platforms[model.region])
    for region, platform in platforms.items():
        platform.dashboard.show_hosts([metrics for _, metrics in sorted(shown[region], key=lambda row: -row[0])])


def _platform(
    stack: type[PlatformStack], app: App, plan: Plan, region: str, account: str | None, parameters: Parameters
) -> PlatformStack:
    days = [model.spec.retention.artifact_versions_days for model in plan.models if model.region == region]
    archived = [model.spec.logs.archive_days for model in plan.models if model.region == region and model.spec.logs.archive_days]
    return stack(
        app,
        f"greensage-platform-{region}",
        parameters=parameters,
        images=plan.serving_images(region),
        artifact_versions_days=max(days),
        archive_logs_days=max(archived, default=None),
        env=_env(account, region),
    )


def _env(account: str | None, region: str) -> Environment:
    return Environment(account=account, region=region)
