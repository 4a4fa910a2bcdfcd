"""Silicon: x86 where Graviton runs the same, previous generations, GPUs for models that need none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...catalog.checks import (
    build_vcpu,
    cpu_framework,
    graviton_engines,
    graviton_family,
    is_gpu,
    successor,
    x86_only_runtimes,
)
from ...catalog.ec2 import bare_type, family_of
from ...catalog.images import repository_runs_on
from .. import savings
from ..finding import Fail
from ..rule import rule
from ..template import Node, Resource
from ..values import Unresolved
from .shapes import at_deployment_only, images_of, model_of, variants

# What the SSM parameters of Amazon Linux, ECS and Bottlerocket hold exists for arm64 too; Windows does not.
_PORTABLE_AMI = re.compile(r"al20\d\d-ami|amzn2?-ami|amazon-linux|amazon_linux|bottlerocket|ubuntu", re.IGNORECASE)


@rule("GS-SIL01", "Lambda functions run on Graviton", "AWS::Lambda::Function")
def functions_on_graviton(function: Resource) -> Iterator[Fail]:
    """Functions at the edge of CloudFront must be x86, and what the CDK runs during a deployment only is not worth it."""
    if "arm64" in function.list("Architectures") or at_deployment_only(function) or _at_the_edge(function):
        return
    if function.get("Runtime") in x86_only_runtimes():
        return
    words = "runs on x86_64; on arm64 it takes less energy and money"
    if function.get("PackageType") == "Image":
        words += ", once its image is built for arm64"
    memory = function.number("MemorySize", default=128) or 128
    yield function.fails(words, "Architectures", saves=savings.arm_functions(function.region, memory))


@rule("GS-SIL02", "Endpoints run on Graviton where AWS's image does", "AWS::SageMaker::EndpointConfig")
def endpoints_on_graviton(config: Resource) -> Iterator[Fail]:
    for variant in variants(config):
        name = variant.get("InstanceType")
        family = name and graviton_family("hosting", family_of(name))
        if not family:
            continue
        architectures = _architectures(variant)
        if "arm64" in architectures:
            new = f"ml.{family}.{name.rsplit('.', 1)[-1]}"
            yield variant.fails(
                f"{name} is x86_64; AWS has this framework's image for Graviton, so {new} would do",
                "InstanceType",
                saves=savings.instead(name, new, config.region),
            )


@rule("GS-SIL03", "Models that need no GPU have none", "AWS::SageMaker::EndpointConfig")
def no_gpu_for_cpu_models(config: Resource) -> Iterator[Fail]:
    for variant in variants(config):
        name = variant.get("InstanceType")
        model = model_of(variant)
        if not name or model is None or not is_gpu(family_of(name)):
            continue
        frameworks = [cpu_framework(image) for image in images_of(model)]
        if frameworks and all(frameworks):
            yield variant.fails(
                f"{name} has a GPU that {frameworks[0]} does not use; ml.c7g.large is a size to start with",
                "InstanceType",
                saves=savings.instead(name, "ml.c7g.large", config.region),
            )


@rule("GS-SIL04", "Endpoints and notebooks are not of a previous generation", "AWS::SageMaker::EndpointConfig",
      "AWS::SageMaker::NotebookInstance")  # fmt: skip
def current_hosting(resource: Resource) -> Iterator[Fail]:
    for node in variants(resource) if resource.type.endswith("EndpointConfig") else [resource]:
        name = node.get("InstanceType")
        new = name and successor(family_of(name), hosting=True)
        if new:
            saves = savings.instead(name, f"ml.{new}.{name.rsplit('.', 1)[-1]}", resource.region)
            yield node.fails(f"{name} is of a previous generation; its successor is {new}", "InstanceType", saves=saves)


@rule("GS-SIL05", "EC2 instances run on Graviton where their system does", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate",
      "AWS::AutoScaling::LaunchConfiguration")  # fmt: skip
def instances_on_graviton(resource: Resource) -> Iterator[Fail]:
    node = _launched(resource)
    name = node.get("InstanceType")
    family = name and graviton_family("ec2", family_of(name))
    if not family or not node.has("ImageId"):
        return
    image = _image_name(node)
    if "windows" in image.lower():
        return
    if not _PORTABLE_AMI.search(image):
        raise Unresolved("whether its machine image has an arm64 sibling is not in the template")
    new = f"{family}.{name.rsplit('.', 1)[-1]}"
    yield node.fails(
        f"{name} is x86_64; this system exists for Graviton: {new} with the arm64 image",
        "InstanceType",
        saves=savings.instead(name, new, resource.region),
    )


@rule("GS-SIL06", "Machines are not of a previous generation", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate",
      "AWS::AutoScaling::LaunchConfiguration", "AWS::RDS::DBInstance", "AWS::ElastiCache::CacheCluster",
      "AWS::ElastiCache::ReplicationGroup")  # fmt: skip
def current_machines(resource: Resource) -> Iterator[Fail]:
    node = _launched(resource)
    for key in ("InstanceType", "DBInstanceClass", "CacheNodeType"):
        name = node.get(key)
        new = name and successor(family_of(name))
        if new:
            prefix = f"{name.split('.')[0]}." if name.count(".") == 2 else ""
            saves = savings.instead(name, f"{prefix}{new}.{name.rsplit('.', 1)[-1]}", resource.region)
            yield node.fails(f"{name} is of a previous generation; its successor is {new}", key, saves=saves)


@rule("GS-SIL07", "Databases run on Graviton where their engine does", "AWS::RDS::DBInstance", "AWS::DocDB::DBInstance",
      "AWS::Neptune::DBInstance")  # fmt: skip
def databases_on_graviton(database: Resource) -> Iterator[Fail]:
    service = {"AWS::DocDB::DBInstance": "docdb", "AWS::Neptune::DBInstance": "neptune"}.get(database.type, "db")
    name = database.get("DBInstanceClass")
    family = name and graviton_family(service, family_of(name))
    if not family or (service == "db" and _engine(database) not in graviton_engines()):
        return
    new = f"db.{family}.{name.rsplit('.', 1)[-1]}"
    copies = 2 if database.true("MultiAZ") else 1
    yield database.fails(
        f"{name} is x86_64; the service runs the same engine on {new}",
        "DBInstanceClass",
        saves=savings.instead(name, new, database.region, copies),
    )


@rule("GS-SIL08", "Caches run on Graviton", "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup")
def caches_on_graviton(cache: Resource) -> Iterator[Fail]:
    name = cache.get("CacheNodeType")
    family = name and graviton_family("cache", family_of(name))
    if family:
        new = f"cache.{family}.{name.rsplit('.', 1)[-1]}"
        nodes = cache.number("NumCacheNodes") or cache.number("NumCacheClusters") or 1
        yield cache.fails(
            f"{name} is x86_64; the service runs the same on {new}",
            "CacheNodeType",
            saves=savings.instead(name, new, cache.region, nodes),
        )


@rule("GS-SIL09", "Search domains run on Graviton", "AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain")
def search_on_graviton(domain: Resource) -> Iterator[Fail]:
    section = "ClusterConfig" if domain.type == "AWS::OpenSearchService::Domain" else "ElasticsearchClusterConfig"
    name = domain.get(section, "InstanceType")
    family = name and graviton_family("search", family_of(name))
    if family:
        size, suffix = name.split(".")[1:3]
        nodes = domain.number(section, "InstanceCount", default=1) or 1
        yield domain.fails(
            f"{name} is x86_64; the service runs the same on {family}.{size}.{suffix}",
            section,
            "InstanceType",
            saves=savings.instead(bare_type(name), f"{family}.{size}", domain.region, nodes),
        )


@rule("GS-SIL10", "Fargate tasks run on Graviton where their images do", "AWS::ECS::TaskDefinition")
def tasks_on_graviton(task: Resource) -> Iterator[Fail]:
    platform = str(task.get("RuntimePlatform", "OperatingSystemFamily", default="LINUX"))
    if task.get("RuntimePlatform", "CpuArchitecture") == "ARM64" or platform.startswith("WINDOWS"):
        return
    if "FARGATE" not in task.list("RequiresCompatibilities"):
        return
    images = [container.text("Image") for container in task.list("ContainerDefinitions")]
    if not images or not all(map(_multi_architecture, images)):
        raise Unresolved("whether its images are built for arm64 is not in the template")
    vcpu, gb = (task.number("Cpu", default=256) or 256) / 1024, (task.number("Memory", default=512) or 512) / 1024
    yield task.fails(
        "its tasks run on x86_64; the images exist for arm64 too",
        "RuntimePlatform",
        "CpuArchitecture",
        saves=savings.arm_tasks(task.region, vcpu, gb),
    )


@rule("GS-SIL11", "EMR runs on Graviton", "AWS::EMR::Cluster", "AWS::EMRServerless::Application")
def emr_on_graviton(resource: Resource) -> Iterator[Fail]:
    if resource.type == "AWS::EMRServerless::Application":
        if resource.get("Architecture", default="X86_64") == "X86_64":
            yield resource.fails(
                "runs on x86_64; EMR Serverless runs the same applications on ARM64", "Architecture", fix="ARM64"
            )
        return
    for group in ("MasterInstanceGroup", "CoreInstanceGroup"):
        name = resource.get("Instances", group, "InstanceType")
        family = name and graviton_family("emr", family_of(name))
        if family:
            new = f"{family}.{name.rsplit('.', 1)[-1]}"
            count = resource.number("Instances", group, "InstanceCount", default=1) or 1
            yield resource.fails(
                f"{name} is x86_64; EMR runs the same on {new}",
                "Instances",
                group,
                "InstanceType",
                saves=savings.instead(name, new, resource.region, count),
            )


@rule("GS-SIL12", "Builds run on Graviton", "AWS::CodeBuild::Project")
def builds_on_graviton(project: Resource) -> Iterator[Fail]:
    """A privileged build makes container images, whose architecture it decides: then nobody can tell."""
    if project.get("Environment", "Type") != "LINUX_CONTAINER":
        return
    if not project.text("Environment", "Image").startswith(("aws/codebuild/standard", "aws/codebuild/amazonlinux2-x86")):
        return
    if project.true("Environment", "PrivilegedMode"):
        raise Unresolved("it builds container images; which architecture they need is not in the template")
    vcpu = build_vcpu(str(project.get("Environment", "ComputeType"))) or 2
    yield project.fails(
        "builds on x86_64; ARM_CONTAINER takes less energy and money",
        "Environment",
        "Type",
        saves=savings.arm_builds(project.region, vcpu),
    )


def _architectures(variant: Node) -> frozenset[str]:
    model = model_of(variant)
    if model is None:
        raise Unresolved("its model is not in this template, so neither is the image")
    images = images_of(model)
    found = [repository_runs_on(_repository(image)) for image in images]
    if not found or not all(found):
        raise Unresolved("whether its own image runs on arm64 is not in the template")
    return frozenset.intersection(*map(frozenset, found))


def _repository(image: str) -> str:
    return image.rsplit("/", 1)[-1].split(":")[0].split("@")[0]


def _at_the_edge(function: Resource) -> bool:
    template = function.template
    if "AWS::CloudFront::Distribution" not in template.by_type:
        return False
    versions = template.users_of(function, "AWS::Lambda::Version")
    return any(template.users_of(item, "AWS::CloudFront::Distribution") for item in (function, *versions))


def _launched(resource: Resource) -> Node:
    """What launches a machine: a launch template keeps it one level down."""
    node = resource.get("LaunchTemplateData") if resource.type == "AWS::EC2::LaunchTemplate" else resource
    return node if isinstance(node, Node) else resource


def _image_name(node: Node) -> str:
    """The image's name as far as the template tells: the path of an SSM parameter says which system it is."""
    raw = node.raw.get("ImageId")
    parameters = node.resource.template.scope.parameters
    row = parameters.get(str(raw.get("Ref"))) if isinstance(raw, dict) else None
    if isinstance(row, dict):
        return str(row.get("Default", ""))
    return node.text("ImageId")


def _engine(database: Resource) -> str | None:
    engine = database.get("Engine")
    if engine is None and database.has("DBClusterIdentifier"):
        cluster = database.target("DBClusterIdentifier")
        engine = cluster.get("Engine") if cluster else None
    if engine is None:
        raise Unresolved("its engine is not in this template")
    return str(engine)


def _multi_architecture(image: str) -> bool:
    """AWS's public images and Docker's official ones are published for both."""
    return image.startswith(("public.ecr.aws/aws-", "public.ecr.aws/docker/library/", "public.ecr.aws/nginx/", "amazon/")) or (
        "/" not in image and "*" not in image and bool(image)
    )
