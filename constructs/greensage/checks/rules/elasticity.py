"""Elasticity: what runs follows the load, down to nothing where AWS can, and stops when nobody works."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...catalog.checks import assumed_name, development_names, line
from .. import savings
from ..finding import Fail
from ..rule import rule
from ..template import Node, Resource
from ..values import Unresolved
from .idle import idle_config, idle_group, idle_service, idle_target
from .scaling import TARGET, policies_of, targets_of
from .shapes import config_of, endpoints_of, instance_variants


@rule("GS-ELA01", "Endpoints on instances scale", "AWS::SageMaker::Endpoint")
def endpoints_scale(endpoint: Resource) -> Iterator[Fail]:
    config = _own_config(endpoint)
    # Instances that host components follow the copies: GS-ELA04 speaks of those.
    rows = [row for row in instance_variants(config) if not _is_component_host(row)]
    if not rows or targets_of(endpoint):
        return
    if any(row.text("InstanceType").startswith("ml.t2.") for row in rows):
        return  # AWS refuses to scale burstable types: GS-SIL04 speaks of them.
    if endpoint.id in endpoint.template.exported:
        raise Unresolved("it is exported: another stack may scale it")
    yield endpoint.fails(
        "always runs the same number of instances: no scaling policy is registered for it",
        "EndpointConfigName",
        saves=idle_config(config),
    )


@rule("GS-ELA02", "Scaling has room to scale", TARGET)
def room_to_scale(target: Resource) -> Iterator[Fail]:
    least, most = target.number("MinCapacity"), target.number("MaxCapacity")
    if least is not None and most is not None and least == most > 1 and not target.has("ScheduledActions"):
        yield target.fails(f"scales from {least:g} to {most:g}, which is not at all", "MinCapacity", saves=idle_target(target))


@rule("GS-ELA03", "Asynchronous endpoints go to zero", "AWS::SageMaker::Endpoint")
def asynchronous_to_zero(endpoint: Resource) -> Iterator[Fail]:
    config = _own_config(endpoint)
    if not config.has("AsyncInferenceConfig"):
        return
    targets = targets_of(endpoint)
    for target in targets:
        if (target.number("MinCapacity") or 0) > 0:
            yield endpoint.fails(
                "keeps an instance while nothing is queued; asynchronous endpoints can go to zero",
                "EndpointConfigName",
                saves=idle_config(config),
            )


@rule("GS-ELA04", "Inference components go to zero", "AWS::SageMaker::EndpointConfig")
def components_to_zero(config: Resource) -> Iterator[Fail]:
    for variant in instance_variants(config):
        least = variant.number("ManagedInstanceScaling", "MinInstanceCount")
        if _is_component_host(variant) and (least is None or least > 0):
            yield variant.fails(
                "keeps an instance for inference components that could all go to zero",
                "ManagedInstanceScaling",
                "MinInstanceCount",
                saves=idle_config(config),
            )


@rule("GS-ELA05", "Development stages stop at night", "AWS::SageMaker::Endpoint")
def development_stops(endpoint: Resource, *, names: tuple[str, ...] = development_names()) -> Iterator[Fail]:
    """A stage is one of development if its stack's name, or a tag's value, has such a word in it."""
    config = _own_config(endpoint)
    rows = instance_variants(config)
    word = _development_word(endpoint, names)
    if not rows or not word or any(_to_zero(target) or target.has("ScheduledActions") for target in targets_of(endpoint)):
        return
    if any(_is_component_host(row) and row.number("ManagedInstanceScaling", "MinInstanceCount") == 0 for row in rows):
        return
    yield endpoint.fails(
        f"runs day and night in a stage called {word}: scale it to zero, make it serverless, or schedule it",
        "EndpointConfigName",
        saves=idle_config(config, "dev_idle_share"),
    )


@rule("GS-ELA06", "Provisioned concurrency of endpoints scales", "AWS::SageMaker::EndpointConfig")
def provisioned_concurrency_scales(config: Resource) -> Iterator[Fail]:
    for variant in config.list("ProductionVariants"):
        count = variant.number("ServerlessConfig", "ProvisionedConcurrency") if variant.has("ServerlessConfig") else None
        if not count:
            continue
        if any(targets_of(endpoint) for endpoint in endpoints_of(config)):
            continue
        memory = variant.number("ServerlessConfig", "MemorySizeInMB", default=2048) or 2048
        yield variant.fails(
            f"keeps {count:g} environments warm day and night: scale provisioned concurrency, or do without",
            "ServerlessConfig",
            "ProvisionedConcurrency",
            saves=savings.warm(config.region, memory, count),
        )


@rule("GS-ELA07", "Scalable targets have a policy", TARGET)
def targets_have_policies(target: Resource) -> Iterator[Fail]:
    if target.has("ScheduledActions"):
        return
    if policies_of(target):
        return
    if target.id in target.template.exported:
        raise Unresolved("it is exported: another stack may have its policy")
    words = "is registered for scaling, and nothing scales it: no policy, no schedule"
    yield target.fails(words, "ResourceId", saves=idle_target(target))


@rule("GS-ELA08", "Auto Scaling groups scale", "AWS::AutoScaling::AutoScalingGroup")
def groups_scale(group: Resource) -> Iterator[Fail]:
    least, most = group.number("MinSize"), group.number("MaxSize")
    if least is None or most is None or (least == most and most <= 1):
        return  # A group of one is there to be healed, not to scale.
    if least == most:
        yield group.fails(f"keeps {least:g} machines, whatever the load", "MinSize", saves=idle_group(group, least))
    elif not group.template.users_of(group, "AWS::AutoScaling::ScalingPolicy", "AWS::AutoScaling::ScheduledAction",
                                     "AWS::ECS::CapacityProvider"):  # fmt: skip
        if group.id in group.template.exported:
            raise Unresolved("it is exported: another stack may have its policy")
        yield group.fails(
            "has room to scale, and nothing scales it: no policy, no schedule", "MaxSize", saves=idle_group(group, least)
        )


@rule("GS-ELA09", "Services of many tasks scale", "AWS::ECS::Service")
def services_scale(service: Resource, *, max_tasks: int = line("fixed_tasks_max")) -> Iterator[Fail]:
    count = service.number("DesiredCount", default=1) or 1
    # A daemon runs one task on each machine, however many are desired.
    if count <= max_tasks or service.get("SchedulingStrategy") == "DAEMON":
        return
    if any(service.id in target.refers_to("ResourceId") for target in service.template.of_type(TARGET)):
        return
    if any(
        "service/" in target.text("ResourceId") and "*" in target.text("ResourceId") and not target.refers_to("ResourceId")
        for target in service.template.of_type(TARGET)
    ):
        raise Unresolved("a scaling target in this template may be its own")
    yield service.fails(f"keeps {count:g} tasks, whatever the load", "DesiredCount", saves=idle_service(service, count))


@rule("GS-ELA10", "Tables of fixed capacity scale", "AWS::DynamoDB::Table")
def tables_scale(table: Resource, *, max_units: int = line("capacity_units_max")) -> Iterator[Fail]:
    if table.get("BillingMode", default="PROVISIONED") != "PROVISIONED" or not table.has("ProvisionedThroughput"):
        return
    units = [table.number("ProvisionedThroughput", key) or 0 for key in ("ReadCapacityUnits", "WriteCapacityUnits")]
    if any(table.id in target.refers_to("ResourceId") for target in table.template.of_type(TARGET)):
        return
    if max(units) > max_units:
        yield table.fails(
            f"reserves {units[0]:g} read and {units[1]:g} write units, whatever the load: use PAY_PER_REQUEST, or scale",
            "ProvisionedThroughput",
        )


@rule("GS-ELA11", "Notebooks stop when nobody uses them", "AWS::SageMaker::NotebookInstance")
def notebooks_stop(notebook: Resource) -> Iterator[Fail]:
    if notebook.has("LifecycleConfigName"):
        return
    name = notebook.get("InstanceType", default="")
    yield notebook.fails(
        "runs until someone stops it: a lifecycle configuration can stop it when idle",
        "LifecycleConfigName",
        saves=savings.idle_hours(name, notebook.region, "dev_idle_share"),
    )


@rule("GS-ELA12", "Studio shuts idle applications down", "AWS::SageMaker::Domain")
def studio_shuts_down(domain: Resource, *, max_idle_minutes: int = line("idle_minutes_max")) -> Iterator[Fail]:
    endless: list[str] = []
    for app in ("JupyterLabAppSettings", "CodeEditorAppSettings"):
        settings = ("DefaultUserSettings", app, "AppLifecycleManagement", "IdleSettings")
        if domain.get(*settings, "LifecycleManagement") != "ENABLED":
            endless.append(app.removesuffix("AppSettings"))
        elif (domain.number(*settings, "IdleTimeoutInMinutes") or 0) > max_idle_minutes:
            yield domain.fails(
                f"{app.removesuffix('AppSettings')} spaces idle for more than {max_idle_minutes} minutes", *settings
            )
    if endless:
        saves = savings.idle_hours(assumed_name("studio_type"), domain.region, "dev_idle_share", len(endless))
        yield domain.fails(f"{' and '.join(endless)} spaces run until someone stops them", "DefaultUserSettings", saves=saves)


@rule("GS-ELA13", "Provisioned concurrency of functions scales", "AWS::Lambda::Alias", "AWS::Lambda::Version")
def warm_functions_scale(alias: Resource) -> Iterator[Fail]:
    count = alias.number("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")
    if not count or any(alias.id in target.refers_to("ResourceId") for target in alias.template.of_type(TARGET)):
        return
    function = alias.target("FunctionName")
    memory = (function.number("MemorySize", default=128) if function else None) or 128
    yield alias.fails(
        f"keeps {count:g} environments warm day and night",
        "ProvisionedConcurrencyConfig",
        saves=savings.warm(alias.region, memory, count),
    )


def _own_config(endpoint: Resource) -> Resource:
    config = config_of(endpoint)
    if config is None:
        raise Unresolved("its configuration is not in this template")
    return config


def _to_zero(target: Resource) -> bool:
    return target.number("MinCapacity") == 0


def _is_component_host(variant: Node) -> bool:
    """A variant without a model hosts inference components."""
    return not variant.has("ModelName") and not variant.has("ServerlessConfig")


def _development_word(resource: Resource, names: tuple[str, ...]) -> str | None:
    """A word of the stack's name or of a tag's value; a tag that only the deployment knows might hold one."""
    values, unclear = [resource.template.name], None
    for index in range(len(resource.raw_list("Tags"))):
        try:
            values.append(str(resource.get("Tags", index, "Value", default="")))
        except Unresolved as unresolved:
            unclear = unresolved
    words = {word for text in values for word in re.split(r"[^a-z]+", _spaced(text))}
    found = next((name for name in names if name in words), None)
    if found is None and unclear is not None:
        raise unclear
    return found


def _spaced(text: str) -> str:
    """MyDevStack becomes my dev stack."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
