"""What the local SageMaker remembers, per account and Region, for the life of the process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from . import ministack_api as cloud
from .containers import Container


@dataclass
class Variant:
    """A production variant that serves: its config, its container, and the counts that scaling moves."""

    config: dict[str, Any]
    model: dict[str, Any]
    container: Container
    desired: int = 1

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.config["VariantName"]

    @property
    def instance_type(self) -> str | None:
        """The instance type; None when serverless."""
        return self.config.get("InstanceType")


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
    variants: dict[str, Variant] = field(default_factory=dict)
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    settled: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def to(self, status: str, failure: str = "") -> None:
        """Change the status; waiters wake up when nothing is under way any more."""
        self.status, self.failure, self.modified = status, failure, time.time()
        if status in ("InService", "Failed"):
            self.settled.set()
        else:
            self.settled.clear()


@dataclass
class Store:
    """All resources of one account in one Region, as their API requests were, by name."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    targets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)


_STORES: dict[tuple[str, str], Store] = defaultdict(Store)


def store() -> Store:
    """Return the resources of the account and Region of the request at hand."""
    return _STORES[cloud.account(), cloud.region()]


def all_stores() -> list[Store]:
    """Return every store, for shutting down."""
    return list(_STORES.values())


def arn(kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource; SageMaker writes names in lower case there."""
    return f"arn:aws:sagemaker:{cloud.region()}:{cloud.account()}:{kind}/{name.lower()}"
