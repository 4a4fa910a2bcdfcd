"""Size: no more memory, disk or machine than the work needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...catalog.checks import assumed, cpu_framework, line
from ...catalog.instances import is_hosting_type
from ...narrow import is_mapping
from .. import savings
from ..finding import Fail
from ..rule import rule
from ..template import Resource
from ..values import Unresolved
from .shapes import at_deployment_only, definition_of, images_of, instance_variants, jobs_in, model_of, runs_elsewhere


@rule("GS-SIZ01", "Endpoint volumes fit their models", "AWS::SageMaker::EndpointConfig")
def endpoint_volumes(config: Resource, *, max_gb: int = line("endpoint_volume_gb_max")) -> Iterator[Fail]:
    for variant in instance_variants(config):
        gb = variant.number("VolumeSizeInGB") or 0
        if gb > max_gb:
            saves = savings.volume(gb - max_gb, config.region, "ml_storage_gb_month")
            yield variant.fails(f"attaches {gb:g} GB to each instance", "VolumeSizeInGB", saves=saves, fix=max_gb)


@rule("GS-SIZ02", "Functions have the memory they need", "AWS::Lambda::Function")
def function_memory(function: Resource, *, max_mb: int = line("lambda_memory_mb_max")) -> Iterator[Fail]:
    memory = function.number("MemorySize", default=128) or 128
    if memory > max_mb and not at_deployment_only(function) and not runs_elsewhere(function):
        saves = savings.memory(function.region, (memory - max_mb) * assumed("oversize_share").value)
        yield function.fails(f"reserves {memory:g} MB; measure whether it needs more than {max_mb}", "MemorySize", saves=saves)


@rule("GS-SIZ03", "Volumes are gp3, not gp2", "AWS::EC2::Volume", "AWS::EC2::LaunchTemplate", "AWS::EC2::Instance",
      "AWS::AutoScaling::LaunchConfiguration")  # fmt: skip
def current_volumes(resource: Resource) -> Iterator[Fail]:
    """gp2 buys speed with size; gp3 is as fast at any size."""
    if resource.type == "AWS::EC2::Volume":
        # CloudFormation makes a gp2 volume where no type is given.
        if resource.get("VolumeType", default="gp2") == "gp2":
            gb = resource.number("Size", default=0) or 0
            yield resource.fails(
                "is gp2: larger than needed wherever it was sized for speed",
                "VolumeType",
                saves=savings.gp3_instead(gb),
                fix="gp3",
            )
        return
    start = ("LaunchTemplateData", "BlockDeviceMappings") if "LaunchTemplate" in resource.type else ("BlockDeviceMappings",)
    for mapping in resource.list(*start):
        if mapping.get("Ebs", "VolumeType") == "gp2":
            gb = mapping.number("Ebs", "VolumeSize", default=0) or 0
            yield mapping.fails(
                "is gp2: larger than needed wherever it was sized for speed",
                "Ebs",
                "VolumeType",
                saves=savings.gp3_instead(gb),
                fix="gp3",
            )


@rule("GS-SIZ04", "Serverless endpoints have the memory they need", "AWS::SageMaker::EndpointConfig")
def serverless_memory(config: Resource, *, max_mb: int = line("serverless_memory_mb_max")) -> Iterator[Fail]:
    for variant in config.list("ProductionVariants"):
        memory = variant.number("ServerlessConfig", "MemorySizeInMB") if variant.has("ServerlessConfig") else None
        if not memory or memory <= max_mb:
            continue
        saves = savings.memory(config.region, (memory - max_mb) * assumed("oversize_share").value)
        yield variant.fails(
            f"reserves {memory:g} MB; measure whether it needs more than {max_mb}",
            "ServerlessConfig",
            "MemorySizeInMB",
            saves=saves,
        )


@rule("GS-SIZ05", "Small models are on small instances", "AWS::SageMaker::EndpointConfig")
def small_instances(config: Resource, *, max_vcpu: int = line("tree_vcpu_max")) -> Iterator[Fail]:
    for variant in instance_variants(config):
        model = model_of(variant)
        # A multi-model endpoint may need the cores for all of its models.
        if model is None or _mode(model) == "MultiModel":
            continue
        name = variant.get("InstanceType", default="")
        if not is_hosting_type(name):
            continue
        frameworks = [cpu_framework(image) for image in images_of(model)]
        vcpu = _vcpu(name)
        if frameworks and all(frameworks) and vcpu > max_vcpu:
            yield variant.fails(
                f"{name} has {vcpu:g} vCPUs for one {frameworks[0]} model: scale out small ones instead",
                "InstanceType",
                saves=savings.idle_hours(name, config.region, "oversize_share"),
            )


@rule("GS-SIZ06", "Volumes of jobs fit their data", "AWS::StepFunctions::StateMachine", "AWS::SageMaker::Pipeline")
def job_volumes(machine: Resource, *, max_gb: int = line("job_volume_gb_max")) -> Iterator[Fail]:
    for state, _, parameters in jobs_in(definition_of(machine)):
        resources: Any = parameters.get("ResourceConfig") or parameters.get("ProcessingResources", {}).get("ClusterConfig") or {}
        gb = resources.get("VolumeSizeInGB") if is_mapping(resources) else None
        if isinstance(gb, int | float) and gb > max_gb:
            saves = savings.job_volume(gb - max_gb, machine.region)
            yield machine.fails(f"{state or 'a job'} attaches {gb:g} GB to each instance", saves=saves)


@rule("GS-SIZ07", "Volumes of notebooks are small", "AWS::SageMaker::NotebookInstance")
def notebook_volumes(notebook: Resource, *, max_gb: int = line("notebook_volume_gb_max")) -> Iterator[Fail]:
    gb = notebook.number("VolumeSizeInGB", default=5) or 5
    if gb > max_gb:
        yield notebook.fails(
            f"attaches {gb:g} GB, kept while it is stopped too",
            "VolumeSizeInGB",
            saves=savings.volume(gb - max_gb, notebook.region, "ml_storage_gb_month"),
        )


def _vcpu(name: str) -> int:
    from ...catalog.instances import instance
    from ...errors import CatalogError

    try:
        return instance(name).vcpu
    except CatalogError as error:
        raise Unresolved(str(error)) from None


def _mode(model: Resource) -> str:
    return str(model.get("PrimaryContainer", "Mode", default="SingleModel"))
