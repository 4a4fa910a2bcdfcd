"""Silicon: x86 where Graviton runs the same, previous generations, GPUs for models that need none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...catalog.checks import (
    assumed_name,
    build_vcpu,
    cpu_framework,
    graviton_engines,
    graviton_family,
    graviton_type,
    is_gpu,
    is_too_small_for_aurora,
    successor,
    x86_only_runtimes,
)
from ...catalog.ec2 import bare_type, family_of
from ...catalog.images import repository_runs_on
from ...narrow import is_mapping
from .. import savings
from ..finding import Fail
from ..rule import rule
from ..template import Node, Resource
from ..values import Unresolved
from .shapes import at_deployment_only, images_of, model_of, runs_elsewhere, variants

# What the SSM parameters of Amazon Linux, ECS and Bottlerocket hold exists for arm64 too; Windows does not.
_PORTABLE_AMI = re.compile(r"al20\d\d-ami|amzn2-ami|optimized-ami/amazon-linux-2|bottlerocket|ubuntu|debian", re.IGNORECASE)


@rule("GS-SIL01", "Lambda functions run on Graviton", "AWS::Lambda::Function")
def functions_on_graviton(function: Resource) -> Iterator[Fail]:
    """Functions at the edge of CloudFront must be x86, and what the CDK runs during a deployment only is not worth it."""
    if "arm64" in function.list("Architectures") or at_deployment_only(function) or runs_elsewhere(function):
        return
    if function.get("Runtime") in x86_only_runtimes():
        return
    if any(_foreign_layer(layer) for layer in function.raw_list("Layers")):
        raise Unresolved("whether its layers are built for arm64 too is not in the template")
    words = "runs on x86_64; on arm64 it takes less energy and money"
    if function.get("PackageType") == "Image":
        words += ", once its image is built for arm64"
    memory = function.number("MemorySize", default=128) or 128
    yield function.fails(words, "Architectures", saves=savings.arm_functions(function.region, memory))


@rule("GS-SIL02", "Endpoints run on Graviton where AWS's image does", "AWS::SageMaker::EndpointConfig")
def endpoints_on_graviton(config: Resource) -> Iterator[Fail]:
    for variant in variants(config):
        name = variant.get("InstanceType")
        new = name and graviton_type("hosting", name)
        if new and "arm64" in _architectures(variant):
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
                f"{name} has a GPU that {frameworks[0]} does not use; {assumed_name('cpu_start_type')} is a size to start with",
                "InstanceType",
                saves=savings.instead(name, assumed_name("cpu_start_type"), config.region),
            )


@rule("GS-SIL04", "Endpoints and notebooks are not of a previous generation", "AWS::SageMaker::EndpointConfig",
      "AWS::SageMaker::NotebookInstance")  # fmt: skip
def current_hosting(resource: Resource) -> Iterator[Fail]:
    of_endpoints = resource.type.endswith("EndpointConfig")
    for node in variants(resource) if of_endpoints else [resource]:
        name = node.get("InstanceType")
        new = name and successor(family_of(name), "hosting" if of_endpoints else "notebooks")
        if new:
            saves = savings.instead(name, f"ml.{new}.{name.rsplit('.', 1)[-1]}", resource.region)
            yield node.fails(f"{name} is of a previous generation; its successor is {new}", "InstanceType", saves=saves)


@rule("GS-SIL05", "EC2 instances run on Graviton where their system does", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate",
      "AWS::AutoScaling::LaunchConfiguration")  # fmt: skip
def instances_on_graviton(resource: Resource) -> Iterator[Fail]:
    node = _launched(resource)
    name = node.get("InstanceType")
    new = name and graviton_type("ec2", name)
    # Of previous generations GS-SIL06 speaks.
    if not new or successor(family_of(name)) or not node.has("ImageId"):
        return
    image = _image_name(node)
    if "windows" in image.lower():
        return
    if not _PORTABLE_AMI.search(image):
        raise Unresolved("whether its machine image has an arm64 sibling is not in the template")
    yield node.fails(
        f"{name} is x86_64; this system exists for Graviton: {new} with the arm64 image",
        "InstanceType",
        saves=savings.instead(name, new, resource.region),
    )


@rule("GS-SIL06", "Machines are not of a previous generation", "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate",
      "AWS::AutoScaling::LaunchConfiguration", "AWS::RDS::DBInstance", "AWS::ElastiCache::CacheCluster",
      "AWS::ElastiCache::ReplicationGroup")  # fmt: skip
def current_machines(resource: Resource) -> Iterator[Fail]:
    """Of databases and caches with a Graviton sibling GS-SIL07 and GS-SIL08 speak."""
    node = _launched(resource)
    for key, service in (("InstanceType", "ec2"), ("DBInstanceClass", "db"), ("CacheNodeType", "cache")):
        name = node.get(key)
        new = name and successor(family_of(name))
        if not new or (service != "ec2" and graviton_family(service, family_of(name))):
            continue
        words = f"{name} is of a previous generation"
        # The table of successors is EC2's; a database's or a cache's service need not have that family.
        if service == "ec2":
            words += f"; its successor is {new}, or its sibling on Graviton where the system runs there"
        saves = savings.instead(name, f"{new}.{name.rsplit('.', 1)[-1]}", resource.region) if service == "ec2" else None
        yield node.fails(words, key, saves=saves)


@rule("GS-SIL07", "Databases run on Graviton where their engine does", "AWS::RDS::DBInstance", "AWS::DocDB::DBInstance",
      "AWS::Neptune::DBInstance")  # fmt: skip
def databases_on_graviton(database: Resource) -> Iterator[Fail]:
    service = {"AWS::DocDB::DBInstance": "docdb", "AWS::Neptune::DBInstance": "neptune"}.get(database.type, "db")
    name = database.get("DBInstanceClass")
    new = name and graviton_type(service, name)
    if not new:
        return
    engine = _engine(database).lower() if service == "db" else service
    if engine == "aurora":
        raise Unresolved("it is of Aurora's first version, MySQL 5.6: Graviton needs aurora-mysql")
    if engine not in graviton_engines() or (engine.startswith("aurora") and is_too_small_for_aurora(new)):
        return
    copies = 2 if database.true("MultiAZ") else 1
    yield database.fails(
        f"{name} is x86_64; the service runs the same engine on {new}",
        "DBInstanceClass",
        saves=savings.instead(name, new, database.region, copies),
    )


@rule("GS-SIL08", "Caches run on Graviton", "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup")
def caches_on_graviton(cache: Resource) -> Iterator[Fail]:
    name = cache.get("CacheNodeType")
    new = name and graviton_type("cache", name)
    if new:
        nodes = cache.number("NumCacheNodes") or cache.number("NumCacheClusters") or 1
        yield cache.fails(
            f"{name} is x86_64; the service runs the same on {new}",
            "CacheNodeType",
            saves=savings.instead(name, new, cache.region, nodes),
        )


@rule("GS-SIL09", "Search domains run on Graviton", "AWS::OpenSearchService::Domain", "AWS::Elasticsearch::Domain")
def search_on_graviton(domain: Resource) -> Iterator[Fail]:
    section = "ClusterConfig" if domain.type == "AWS::OpenSearchService::Domain" else "ElasticsearchClusterConfig"
    if _older_elasticsearch(domain):
        return
    for key, count in (("InstanceType", "InstanceCount"), ("DedicatedMasterType", "DedicatedMasterCount")):
        name = domain.get(section, key)
        new = name and graviton_type("search", name)
        if new:
            nodes = domain.number(section, count, default=1) or 1
            saves = savings.instead(bare_type(name), bare_type(new), domain.region, nodes)
            yield domain.fails(f"{name} is x86_64; the service runs the same on {new}", section, key, saves=saves)


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
    groups = [("MasterInstanceGroup",), ("CoreInstanceGroup",)]
    groups += [("TaskInstanceGroups", index) for index in range(len(resource.list("Instances", "TaskInstanceGroups")))]
    for group in groups:
        name = resource.get("Instances", *group, "InstanceType")
        new = name and graviton_type("emr", name)
        if new:
            count = resource.number("Instances", *group, "InstanceCount", default=1) or 1
            saves = savings.instead(name, new, resource.region, count)
            yield resource.fails(
                f"{name} is x86_64; EMR runs the same on {new}", "Instances", *group, "InstanceType", saves=saves
            )


@rule("GS-SIL12", "Builds run on Graviton", "AWS::CodeBuild::Project")
def builds_on_graviton(project: Resource) -> Iterator[Fail]:
    """A privileged build makes container images, whose architecture it decides: then nobody can tell."""
    if project.get("Environment", "Type") != "LINUX_CONTAINER":
        return
    image = project.text("Environment", "Image")
    docker = "docker build" in project.text("Source", "BuildSpec") or image.startswith("aws/codebuild/docker")
    if docker or project.true("Environment", "PrivilegedMode"):
        raise Unresolved("it builds container images; which architecture they need is not in the template")
    if not image.startswith(("aws/codebuild/standard", "aws/codebuild/amazonlinux")):
        return
    vcpu = build_vcpu(str(project.get("Environment", "ComputeType"))) or 2
    yield project.fails(
        "builds on x86_64; ARM_CONTAINER, with its aarch64 image, takes less energy and money",
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
    # All containers of a model share its instances, so each image must run there.
    first, *others = (frozenset[str](item or ()) for item in found)
    return first.intersection(*others)


def _repository(image: str) -> str:
    return image.rsplit("/", 1)[-1].split(":")[0].split("@")[0]


def _launched(resource: Resource) -> Node:
    """What launches a machine: a launch template keeps it one level down."""
    node = resource.get("LaunchTemplateData") if resource.type == "AWS::EC2::LaunchTemplate" else resource
    return node if isinstance(node, Node) else resource


def _image_name(node: Node) -> str:
    """The image's name as far as the template tells: the path of an SSM parameter says which system it is."""
    raw = node.raw.get("ImageId")
    parameters = node.resource.template.scope.parameters
    row = parameters.get(str(raw.get("Ref"))) if is_mapping(raw) else None
    if is_mapping(row):
        return str(row.get("Default", ""))
    return node.text("ImageId")


def _engine(database: Resource) -> str:
    engine = database.get("Engine")
    if engine is None and database.has("SourceDBInstanceIdentifier"):
        source = database.target("SourceDBInstanceIdentifier")
        engine = source.get("Engine") if source else None
    if engine is None and database.has("DBClusterIdentifier"):
        cluster = database.target("DBClusterIdentifier")
        engine = cluster.get("Engine") if cluster else None
    if engine is None:
        raise Unresolved("its engine is not in this template")
    return str(engine)


def _multi_architecture(image: str) -> bool:
    """AWS's public images and Docker's official ones are published for both."""
    return image.startswith(
        ("public.ecr.aws/aws-", "public.ecr.aws/docker/library/", "public.ecr.aws/nginx/", "amazon/")
    ) or bool(re.fullmatch(r"[a-z0-9][a-z0-9._-]*(:[\w.-]+)?", image))


def _foreign_layer(layer: Any) -> bool:
    """A layer by its ARN, which nobody here built, and whose name does not tell that it is for arm64."""
    return isinstance(layer, str) and ":layer:" in layer and "arm64" not in layer.lower()


def _older_elasticsearch(domain: Resource) -> bool:
    """Graviton takes OpenSearch, and Elasticsearch from 7.9 on."""
    version = str(domain.get("EngineVersion", default="") or domain.get("ElasticsearchVersion", default=""))
    if domain.type != "AWS::Elasticsearch::Domain" and not version.startswith("Elasticsearch_"):
        return False
    numbers = [int(part) for part in version.removeprefix("Elasticsearch_").split(".") if part.isdigit()]
    # Without a version CloudFormation makes Elasticsearch 1.5, and no numbers sort as older, too.
    return numbers[:2] < [7, 9]
