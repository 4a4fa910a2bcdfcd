"""What the local SageMaker remembers, per account and Region, for the life of the process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import ministack_api as cloud

if TYPE_CHECKING:
    from .hosted import Hosted
    from .pipeline_run import Execution


@dataclass
class Variant:
    """A production variant: its config, its running model (none at zero, or with components), and its count."""

    config: dict[str, Any]
    model: dict[str, Any] | None
    hosted: Hosted | None
    desired: int = 1
    warm: int = 0

    def __post_init__(self) -> None:
        self.warm = (self.config.get("ServerlessConfig") or {}).get("ProvisionedConcurrency", 0)

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.config["VariantName"]

    @property
    def instance_type(self) -> str | None:
        """The instance type; None when serverless."""
        return self.config.get("InstanceType")


@dataclass
class Fleet:
    """The variants of one config, with its capture and asynchronous settings."""

    variants: dict[str, Variant] = field(default_factory=dict)
    shadows: dict[str, Variant] = field(default_factory=dict)
    capture: dict[str, Any] | None = None
    asynchronous: dict[str, Any] | None = None

    def stop(self) -> None:
        """Stop all containers."""
        for variant in (*self.variants.values(), *self.shadows.values()):
            if variant.hosted:
                variant.hosted.stop()


@dataclass(frozen=True)
class Incoming:
    """The fleet that an update brings up, and the share of the traffic that it has already."""

    fleet: Fleet
    share: float


@dataclass
class Endpoint:
    """An endpoint with the fleet that serves it. `last_failure` is why the last update was rolled back."""

    name: str
    arn: str
    config_name: str
    account: str
    region: str
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "Creating"
    failure: str = ""
    last_failure: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    incoming: Incoming | None = None
    queue: deque[dict[str, Any]] = field(default_factory=deque)
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    settled: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def variants(self) -> dict[str, Variant]:
        """The production variants of the fleet that serves."""
        return self.fleet.variants

    def to(self, status: str, failure: str = "") -> None:
        """Change the status; waiters wake up when nothing is under way any more."""
        self.status, self.failure, self.modified = status, failure, time.time()
        if status in ("InService", "Failed"):
            self.settled.set()
        else:
            # Whoever waits during an update must not be let through by the state before it.
            self.settled.clear()


@dataclass
class Component:
    """An inference component: its request, its wanted copies, and the model that runs while there are any."""

    name: str
    arn: str
    request: dict[str, Any]
    account: str
    region: str
    copies: int
    status: str = "Creating"
    failure: str = ""
    hosted: Hosted | None = None
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    tags: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Store:
    """All resources of one account in one Region, as their API requests were, by name."""

    account: str = ""
    region: str = ""
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    transform_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    compilation_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recommendation_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    training_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    processing_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    pipeline_executions: dict[str, Execution] = field(default_factory=dict)
    package_groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    schedules: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    edge_components: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    edge_deployments: set[str] = field(default_factory=set)
    edge_devices: dict[str, dict[str, Any]] = field(default_factory=dict)


_STORES: dict[tuple[str, str], Store] = defaultdict(Store)


def store() -> Store:
    """Return the resources of the account and Region of the request at hand."""
    found = _STORES[cloud.account(), cloud.region()]
    found.account, found.region = cloud.account(), cloud.region()
    return found


def all_stores() -> list[Store]:
    """Return every store, for shutting down and for what runs by itself."""
    return list(_STORES.values())


def arn(kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource; SageMaker writes names in lower case there."""
    return f"arn:aws:sagemaker:{cloud.region()}:{cloud.account()}:{kind}/{name.lower()}"


def forget_scaling(state: Store, prefix: str, *, whole: bool = False) -> None:
    """Forget targets, policies and schedules of resources whose id starts with `prefix`, or is it: they go with what they
    scale."""

    def gone(resource: str) -> bool:
        return resource == prefix if whole else resource.startswith(prefix)

    state.targets = {key: row for key, row in state.targets.items() if not gone(key[0])}
    state.policies = {key: row for key, row in state.policies.items() if not gone(key[0])}
    state.schedules = {key: row for key, row in state.schedules.items() if not gone(key[0])}
