"""What is shared by the finders: an item that nothing uses, and one reading of a Region, each list read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...core.defaults import KEEP_VERSIONS, PARAMETERS_ROOT

# Whoever sets this tag on something keeps it, whatever uses it.
KEEP_TAG = "greensage:keep"


@dataclass(frozen=True)
class Unused:
    """Something that nothing uses.

    `identity` is what its deletion needs; `definition` what it takes to make it again, where that can be; `created` is in
    seconds since the epoch. With `advice` it is not for `clean` to delete, but something else is to be done about it;
    `on_request` is deleted only where its kind is asked for by name.
    """

    kind: str
    region: str
    name: str
    why: str
    created: float
    restore: str
    gb: float = 0.0
    identity: tuple[tuple[str, str], ...] = ()
    definition: Mapping[str, Any] = field(default_factory=dict[str, Any])
    advice: str = ""
    on_request: bool = False

    @property
    def ids(self) -> dict[str, str]:
        """`identity` by name."""
        return dict(self.identity)


@dataclass
class Reading:
    """One look at a Region; `repositories` of images are looked at besides the platform's.

    Nothing younger than `oldest` (seconds since the epoch) is judged: it may be about to be used.
    """

    session: Any
    region: str
    oldest: float
    keep_versions: int = KEEP_VERSIONS
    root: str = PARAMETERS_ROOT
    repositories: tuple[str, ...] = ()
    _clients: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False)

    def client(self, service: str) -> Any:
        """Return a client that waits and asks again when AWS throttles."""
        from botocore.config import Config

        if service not in self._clients:
            retries = Config(retries={"mode": "adaptive", "max_attempts": 10})
            self._clients[service] = self.session.client(service, region_name=self.region, config=retries)
        return self._clients[service]

    def pages(self, service: str, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        """Yield the items of every page."""
        for page in self.client(service).get_paginator(operation).paginate(**asked):
            yield from page.get(key, [])

    def parameter(self, name: str) -> str | None:
        """Return what the platform of this Region has published, None where it is not deployed."""
        client = self.client("ssm")
        try:
            return str(client.get_parameter(Name=f"{self.root}/platform/{name}")["Parameter"]["Value"])
        except client.exceptions.ParameterNotFound:
            return None

    def settled(self, created: Any) -> bool:
        """Whether a datetime or a number of seconds lies before what is judged."""
        return (created if isinstance(created, int | float) else created.timestamp()) < self.oldest

    def kept(self, arn: str) -> bool:
        """Whether a resource of SageMaker has the tag that keeps it."""
        return any(row["Key"] == KEEP_TAG for row in self.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn))

    @cached_property
    def of_stacks(self) -> frozenset[str]:
        """The physical ids of everything in a stack that is there: CloudFormation deletes it, or it comes back as drift."""
        found: set[str] = set()
        for stack in self.pages("cloudformation", "describe_stacks", "Stacks"):
            if stack["StackStatus"] != "DELETE_COMPLETE":
                rows = self.pages(
                    "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack["StackName"]
                )
                found.update(row.get("PhysicalResourceId", "") for row in rows)
        return frozenset(found)

    def in_a_stack(self, name: str, arn: str) -> bool:
        """Whether a stack has it, by its name or its ARN."""
        return name in self.of_stacks or arn in self.of_stacks

    @cached_property
    def endpoints(self) -> tuple[dict[str, Any], ...]:
        """Every endpoint, described."""
        client = self.client("sagemaker")
        rows = list(self.pages("sagemaker", "list_endpoints", "Endpoints"))
        return tuple(client.describe_endpoint(EndpointName=row["EndpointName"]) for row in rows)

    @cached_property
    def configs_in_use(self) -> frozenset[str]:
        """The configurations that an endpoint has, or is moving to."""
        found: set[str] = set()
        for row in self.endpoints:
            found.add(row["EndpointConfigName"])
            pending = (row.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
            found.update([pending] if pending else [])
        return frozenset(found)

    @cached_property
    def configs(self) -> tuple[dict[str, Any], ...]:
        """Every endpoint configuration, described."""
        client = self.client("sagemaker")
        rows = list(self.pages("sagemaker", "list_endpoint_configs", "EndpointConfigs"))
        return tuple(client.describe_endpoint_config(EndpointConfigName=row["EndpointConfigName"]) for row in rows)

    @cached_property
    def models(self) -> tuple[dict[str, Any], ...]:
        """Every model, described."""
        client = self.client("sagemaker")
        return tuple(
            client.describe_model(ModelName=row["ModelName"]) for row in self.pages("sagemaker", "list_models", "Models")
        )

    @cached_property
    def components(self) -> frozenset[str]:
        """The names of all inference components."""
        rows = self.pages("sagemaker", "list_inference_components", "InferenceComponents")
        return frozenset(row["InferenceComponentName"] for row in rows)

    @cached_property
    def described_components(self) -> tuple[dict[str, Any], ...]:
        """Every inference component, described."""
        client = self.client("sagemaker")
        return tuple(
            {**client.describe_inference_component(InferenceComponentName=name), "InferenceComponentName": name}
            for name in sorted(self.components)
        )

    @cached_property
    def package_containers(self) -> tuple[dict[str, Any], ...]:
        """The containers of every version of every model package group."""
        client = self.client("sagemaker")
        described = (
            client.describe_model_package(ModelPackageName=row["ModelPackageArn"])
            for _, versions in self.packages
            for row in versions
        )
        return tuple(item for row in described for item in row.get("InferenceSpecification", {}).get("Containers", []))

    @cached_property
    def packages(self) -> tuple[tuple[str, tuple[dict[str, Any], ...]], ...]:
        """The ARN of every model package group with its versions."""
        groups = list(self.pages("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList"))
        return tuple((group["ModelPackageGroupArn"], self._versions(group["ModelPackageGroupName"])) for group in groups)

    def _versions(self, group: str) -> tuple[dict[str, Any], ...]:
        return tuple(self.pages("sagemaker", "list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=group))


def containers_of(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the containers of a described model."""
    primary = model.get("PrimaryContainer")
    return [*([primary] if primary else []), *model.get("Containers", [])]


def without_answer(row: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """Return a description without what only AWS fills in: what a create call takes."""
    return {key: value for key, value in row.items() if key not in ("ResponseMetadata", "CreationTime", *more)}
