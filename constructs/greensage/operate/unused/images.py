"""Images in ECR that no model, function, task or state machine names.

Only of the platform's repository, and of those that the user names: what a Kubernetes cluster runs, nobody can ask AWS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .item import KEEP_TAG, Reading, Unused, containers_of

KIND = "image"
_URI = re.compile(r"\d{12}\.dkr\.ecr\.[\w./:@-]+")


def find(reading: Reading) -> Iterator[Unused]:
    """Yield images that nothing names. Who refers to them is read whole before any is judged."""
    own = reading.parameter("serving-repository")
    wanted = sorted({*([own] if own else []), *reading.repositories})
    if not wanted:
        return
    named = references(reading)
    client = reading.client("ecr")
    for repository in reading.pages("ecr", "describe_repositories", "repositories", repositoryNames=wanted):
        tags = client.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        if any(row["Key"] == KEEP_TAG for row in tags):
            continue
        for image in reading.pages("ecr", "describe_images", "imageDetails", repositoryName=repository["repositoryName"]):
            if not reading.settled(image["imagePushedAt"]) or in_use(repository["repositoryUri"], image, named):
                continue
            shown = f"{repository['repositoryName']}:{', '.join(image.get('imageTags', [])) or image['imageDigest'][:19]}"
            yield Unused(
                KIND, reading.region, shown, "no model, function or task names it", image["imagePushedAt"].timestamp(),
                "cannot be restored; build and push it again", image.get("imageSizeInBytes", 0) / 1e9,
                (("repositoryName", repository["repositoryName"]), ("imageDigest", image["imageDigest"])),
            )  # fmt: skip


def in_use(repository: str, image: dict[str, Any], named: frozenset[str]) -> bool:
    """Whether anything in `named` is the image: by its digest, by a tag, or by no tag, which means latest."""
    tags = image.get("imageTags", [])
    names = {f"{repository}@{image['imageDigest']}", *(f"{repository}:{tag}" for tag in tags)}
    return not (names | ({repository} if "latest" in tags else set())).isdisjoint(named)


def references(reading: Reading) -> frozenset[str]:
    """Return what models, components, packages, functions, tasks, state machines and pipelines name as their image."""
    found = {str(item.get("Image", "")) for row in reading.models for item in containers_of(row)}
    found |= {str(item.get("Image", "")) for item in reading.package_containers}
    found |= _of_components(reading) | _of_functions(reading) | _of_tasks(reading) | _of_state_machines(reading)
    return frozenset(found | _of_pipelines(reading))


def _of_components(reading: Reading) -> set[str]:
    """Of inference components: what they were made with, and what SageMaker made of it, which is a digest."""
    containers = [row.get("Specification", {}).get("Container", {}) for row in reading.described_components]
    rows = [*containers, *(item.get("DeployedImage", {}) for item in containers)]
    return {str(row[key]) for row in rows for key in ("Image", "SpecifiedImage", "ResolvedImage") if key in row}


def _of_functions(reading: Reading) -> set[str]:
    client = reading.client("lambda")
    rows = [row for row in reading.pages("lambda", "list_functions", "Functions") if row.get("PackageType") == "Image"]
    return {client.get_function(FunctionName=row["FunctionName"])["Code"].get("ImageUri", "") for row in rows}


def _of_tasks(reading: Reading) -> set[str]:
    client = reading.client("ecs")
    arns = list(reading.pages("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"))
    described = (client.describe_task_definition(taskDefinition=arn)["taskDefinition"] for arn in arns)
    return {item.get("image", "") for row in described for item in row.get("containerDefinitions", [])}


def _of_state_machines(reading: Reading) -> set[str]:
    """Of trainings and other jobs: their images stand somewhere in the definition."""
    client, found = reading.client("stepfunctions"), set[str]()
    for row in reading.pages("stepfunctions", "list_state_machines", "stateMachines"):
        found.update(_URI.findall(client.describe_state_machine(stateMachineArn=row["stateMachineArn"])["definition"]))
    return found


def _of_pipelines(reading: Reading) -> set[str]:
    """Of SageMaker Pipelines: theirs stand somewhere in the definition, too."""
    client, found = reading.client("sagemaker"), set[str]()
    for row in reading.pages("sagemaker", "list_pipelines", "PipelineSummaries"):
        described = client.describe_pipeline(PipelineName=row["PipelineName"])
        found.update(_URI.findall(described.get("PipelineDefinition", "")))
    return found


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting: a deployment may have named it meanwhile, or tagged it anew."""
    client, ids = reading.client("ecr"), item.ids
    asked = [{"imageDigest": ids["imageDigest"]}]
    repository = client.describe_repositories(repositoryNames=[ids["repositoryName"]])["repositories"][0]["repositoryUri"]
    (image,) = client.describe_images(repositoryName=ids["repositoryName"], imageIds=asked)["imageDetails"]
    return not in_use(repository, image, references(reading))


def delete(client: Any, item: Unused) -> None:
    """Delete one image with all its tags. Raises RuntimeError with ECR's reason where it is refused."""
    ids = item.ids
    asked = [{"imageDigest": ids["imageDigest"]}]
    failures = client.batch_delete_image(repositoryName=ids["repositoryName"], imageIds=asked).get("failures", [])
    if failures:
        raise RuntimeError(f"{failures[0].get('failureCode', '')}: {failures[0].get('failureReason', '')}")
