"""Endpoint configurations that no endpoint has, and models that no configuration, component or job names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .item import Reading, Unused, without_answer

CONFIG, MODEL = "endpoint configuration", "model"


def configs(reading: Reading) -> Iterator[Unused]:
    """Yield configurations that nothing uses."""
    for row in reading.configs:
        name, arn = row["EndpointConfigName"], row["EndpointConfigArn"]
        if name in reading.configs_in_use or not reading.settled(row["CreationTime"]) or reading.in_a_stack(name, arn):
            continue
        if not reading.kept(arn):
            yield Unused(
                CONFIG, reading.region, name, "no endpoint has it", row["CreationTime"].timestamp(),
                "aws sagemaker create-endpoint-config --cli-input-json with the definition in the ledger",
                identity=(("EndpointConfigName", name),), definition=without_answer(row, "EndpointConfigArn"),
            )  # fmt: skip


def models(reading: Reading) -> Iterator[Unused]:
    """Yield models that nothing names, once the configurations that nothing uses are gone."""
    going = {item.name for item in configs(reading)}
    named = models_in_use(reading, without=frozenset(going))
    for row in reading.models:
        name, arn = row["ModelName"], row["ModelArn"]
        if name in named or not reading.settled(row["CreationTime"]) or reading.in_a_stack(name, arn) or reading.kept(arn):
            continue
        yield Unused(
            MODEL, reading.region, name, "no endpoint, component or job has it", row["CreationTime"].timestamp(),
            "aws sagemaker create-model --cli-input-json with the definition in the ledger",
            identity=(("ModelName", name),), definition=without_answer(row, "ModelArn", "DeploymentRecommendation"),
        )  # fmt: skip


def models_in_use(reading: Reading, *, without: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the models that configurations, components and running transform jobs name."""
    found: set[str] = set()
    for row in reading.configs:
        if row["EndpointConfigName"] not in without:
            rows = [*row.get("ProductionVariants", []), *row.get("ShadowProductionVariants", [])]
            found.update(item["ModelName"] for item in rows if "ModelName" in item)
    client = reading.client("sagemaker")
    found.update((row.get("Specification") or {}).get("ModelName", "") for row in reading.described_components)
    for row in reading.pages("sagemaker", "list_transform_jobs", "TransformJobSummaries", StatusEquals="InProgress"):
        found.add(client.describe_transform_job(TransformJobName=row["TransformJobName"])["ModelName"])
    return frozenset(found)


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting: what was named meanwhile stays."""
    if item.kind == CONFIG:
        return item.name not in reading.configs_in_use
    return item.name not in models_in_use(reading)


def delete(client: Any, item: Unused) -> None:
    """Delete a configuration or a model."""
    if item.kind == CONFIG:
        client.delete_endpoint_config(**item.ids)
    else:
        client.delete_model(**item.ids)
