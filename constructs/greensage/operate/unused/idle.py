"""Endpoints that nobody called for as long as is looked back. What has a stack is its owner's to make smaller."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..metrics import HOUR, Query, Window, read_metrics
from .item import Reading, Unused

KIND = "idle endpoint"
_ADVICE = "greensage rightsize --write makes it serverless or lets it go to zero; then cdk deploy"
_RESTORE = "aws sagemaker create-endpoint with its name and configuration, which stay until clean finds them unused"
_Calls = dict[str, float]


def find(reading: Reading) -> Iterator[Unused]:
    """Yield endpoints in service, older than what is looked back, that were not called in that time."""
    there = [row for row in reading.endpoints if row["EndpointStatus"] == "InService" and reading.settled(row["CreationTime"])]
    calls = _calls(reading, there)
    for row in there:
        name, arn = row["EndpointName"], row["EndpointArn"]
        if calls[name] or reading.kept(arn):
            continue
        days = (time.time() - reading.oldest) / 86_400
        owned = reading.in_a_stack(name, arn)
        yield Unused(
            KIND, reading.region, name, f"not called in {days:.3g} days", row["CreationTime"].timestamp(), _RESTORE,
            identity=(("EndpointName", name),), definition=_made_of(row), advice=_ADVICE if owned else "",
            on_request=not owned,
        )  # fmt: skip


def _made_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("EndpointName", "EndpointConfigName")}


def _calls(reading: Reading, there: list[dict[str, Any]]) -> _Calls:
    """How often each was called: by its variants, and by its components, whose calls count as none of a variant."""
    of_endpoint: dict[tuple[tuple[str, str], ...], str] = {}
    for row in there:
        for item in row.get("ProductionVariants", []):
            of_endpoint[("EndpointName", row["EndpointName"]), ("VariantName", item["VariantName"])] = row["EndpointName"]
    for row in reading.described_components if there else ():
        of_endpoint[(("InferenceComponentName", row["InferenceComponentName"]),)] = row["EndpointName"]
    queries = {
        Query("AWS/SageMaker", metric, target, statistic): endpoint
        for target, endpoint in of_endpoint.items()
        # Asynchronous endpoints publish no Invocations.
        for metric, statistic in (("Invocations", "Sum"), ("ModelLatency", "SampleCount"))
    }
    found: _Calls = {row["EndpointName"]: 0.0 for row in there}
    if queries:
        window = Window(reading.oldest, time.time())
        for query, points in read_metrics(reading.client("cloudwatch"), queries, window, period=HOUR).items():
            found[queries[query]] = found.get(queries[query], 0.0) + sum(value for _, value in points)
    return found


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting: somebody may have called it, or put it into a stack."""
    there = [row for row in reading.endpoints if row["EndpointName"] == item.name]
    return bool(there) and not _calls(reading, there)[item.name] and not reading.in_a_stack(item.name, there[0]["EndpointArn"])


def delete(client: Any, item: Unused) -> None:
    """Delete one endpoint; its configuration and models stay."""
    client.delete_endpoint(**item.ids)
