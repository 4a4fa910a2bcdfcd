"""What runs for the models of a fleet: endpoints, their variants and components, found through greensage's parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError


@dataclass(frozen=True)
class Variant:
    """A production variant: instances of a type, or serverless with `memory_mb`.

    `publish_seconds` is how often each instance publishes how busy it is.
    """

    name: str
    instance_type: str | None
    instances: int
    memory_mb: int | None = None
    publish_seconds: int = 60


@dataclass(frozen=True)
class Host:
    """An endpoint with the models that it serves.

    `components` has the inference component of each model that has one. `queued` says that it is asynchronous. `updated` is
    the time of the last change, and `failure` what SageMaker said of one that failed.
    """

    region: str
    endpoint: str
    status: str
    created: float
    variants: tuple[Variant, ...]
    queued: bool
    models: tuple[str, ...]
    components: tuple[tuple[str, str], ...] = ()
    updated: float = 0.0
    failure: str = ""


@dataclass
class Deployed:
    """What was found in the Regions: hosts; models without an endpoint (jobs, devices); and what could not be read."""

    hosts: list[Host] = field(default_factory=list)
    without_endpoint: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_deployed(
    session: Any, regions: list[str], *, root: str = PARAMETERS_ROOT, say: Callable[[str], None] = lambda text: None
) -> Deployed:
    """Return what runs in `regions` for the models that `root` has parameters of. Calls nothing but Get, Describe and List.

    A Region or an endpoint that cannot be read is among `problems`, and the others are still read. Raises GreensageError
    without credentials.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if session.get_credentials() is None:
        raise GreensageError("no AWS credentials: set AWS_PROFILE, or run aws configure")
    found = Deployed()
    for region in regions:
        say(f"reading what runs in {region} ...")
        try:
            addresses = dict(_addresses(session, region, root))
        except (BotoCoreError, ClientError) as error:
            found.problems.append(f"{region}: {error}")
            continue
        _hosts(session, region, addresses, found)
    return found


def _addresses(session: Any, region: str, root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each parameter below `root` with its value, JSON or a plain name."""
    pages = session.client("ssm", region_name=region).get_paginator("get_parameters_by_path")
    for page in pages.paginate(Path=root, Recursive=True):
        for row in page["Parameters"]:
            path = row["Name"].removeprefix(root)
            if path.startswith("/models/"):
                try:
                    yield path, json.loads(row["Value"])
                except ValueError:
                    raise GreensageError(f"{region}: {row['Name']} is not greensage's JSON; is --parameters right?") from None
            elif path.startswith("/groups/") and path.endswith("/endpoint"):
                yield row["Name"], {"endpoint": row["Value"]}


def _hosts(session: Any, region: str, addresses: dict[str, dict[str, Any]], found: Deployed) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    served: dict[str, list[tuple[str, str | None]]] = {}
    for path, address in addresses.items():
        if not path.startswith("/models/"):
            continue
        name, shared = path.removeprefix("/models/"), addresses.get(address.get("endpointParameter", ""), {})
        endpoint = address.get("endpoint") or shared.get("endpoint")
        if endpoint is None:
            found.without_endpoint[name] = region
        else:
            served.setdefault(endpoint, []).append((name, address.get("inferenceComponent")))
    client = session.client("sagemaker", region_name=region)
    for endpoint, models in sorted(served.items()):
        try:
            found.hosts.append(describe_host(client, region, endpoint, models))
        except (BotoCoreError, ClientError) as error:
            found.problems.append(f"{region}: endpoint {endpoint}: {error}")


def describe_host(client: Any, region: str, endpoint: str, models: list[tuple[str, str | None]]) -> Host:
    """Return an endpoint that serves `models`, each with its component or None. Raises botocore's errors."""
    row = client.describe_endpoint(EndpointName=endpoint)
    config = client.describe_endpoint_config(EndpointConfigName=row["EndpointConfigName"])
    counts = {item["VariantName"]: item.get("CurrentInstanceCount", 0) for item in row.get("ProductionVariants", [])}
    rows = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    every = config.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", Variant.publish_seconds)
    return Host(
        region, endpoint, row["EndpointStatus"], row["CreationTime"].timestamp(),
        tuple(_variant(item, counts.get(item["VariantName"], item.get("InitialInstanceCount", 0)), every) for item in rows),
        queued="AsyncInferenceConfig" in config,
        models=tuple(sorted(name for name, _ in models)),
        components=tuple(sorted((name, component) for name, component in models if component)),
        updated=row["LastModifiedTime"].timestamp(),
        failure=row.get("FailureReason", ""),
    )  # fmt: skip


def _variant(row: dict[str, Any], instances: int, every: int) -> Variant:
    serverless = row.get("ServerlessConfig")
    if serverless:
        return Variant(row["VariantName"], None, 0, serverless["MemorySizeInMB"])
    return Variant(row["VariantName"], row.get("InstanceType"), instances, publish_seconds=every)
