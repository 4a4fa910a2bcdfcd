"""What training, processing and transform jobs share: describe, stop, list, and Step Functions' tasks that wait."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..catalog.quotas import Usage
from . import ministack_services as services
from . import quotas
from .protocol import Request
from .state import arn, store
from .tasks import demand, start_optimized
from .wire import AwsError, validation_error

ENDED = ("Completed", "Failed", "Stopped")
_POLL_SECONDS = 0.02
Row = dict[str, Any]


@dataclass(frozen=True)
class JobKind:
    """`kind` is Training, Processing or Transform.

    create: starts a job; good: how a job may end without failing the task that waits for it; missing: what SageMaker
    says of a job that is not there; passed: whose role is passed by a create request.
    """

    kind: str
    create: Callable[[Request], Request]
    good: tuple[str, ...] = ("Completed",)
    missing: str = "Could not find requested job with name: {}"
    passed: Callable[[Mapping[str, Any]], str] = lambda given: given.get("RoleArn", "")

    @property
    def task_prefix(self) -> str:
        """How the resources of Step Functions' tasks begin."""
        return f"arn:aws:states:::sagemaker:create{self.kind}Job"

    @property
    def rows(self) -> dict[str, Row]:
        """The jobs of the account and Region at hand, by name."""
        return getattr(store(), f"{self.kind.lower()}_jobs")

    def operations(self) -> dict[str, Callable[[Request], Request]]:
        """Return the API's operations by name."""
        name = f"{self.kind}Job"
        return {
            f"Create{name}": self.create, f"Describe{name}": self.describe, f"Stop{name}": self.stop,
            f"List{name}s": self.list_all,
        }  # fmt: skip

    def instances(self, request: Mapping[str, Any]) -> tuple[str, int]:
        """Return the instance type of a job, and how many it takes."""
        part = {"Training": "ResourceConfig", "Transform": "TransformResources"}.get(self.kind)
        row = request[part] if part else request["ProcessingResources"]["ClusterConfig"]
        return str(row["InstanceType"]), int(row.get("InstanceCount", 1))

    def check_quota(self, request: Request) -> None:
        """Refuse a job for which the account has too little."""
        usage = "spot-training" if request.get("EnableManagedSpotTraining") else self.kind.lower()
        running = [self.instances(row) for row in self.rows.values() if row[f"{self.kind}JobStatus"] not in ENDED]
        quotas.check_job(cast(Usage, usage), *self.instances(request), running)

    def add(self, request: Request, **more: Any) -> Row:
        """Remember a new job; its name is taken once."""
        name = request[f"{self.kind}JobName"]
        self.check_quota(request)
        if name in self.rows:
            raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}.")
        self.rows[name] = {
            **request, f"{self.kind}JobArn": arn(f"{self.kind.lower()}-job", name), f"{self.kind}JobStatus": "InProgress",
            "CreationTime": time.time(), **more,
        }  # fmt: skip
        return self.rows[name]

    def describe(self, request: Request) -> Request:
        """Describe a job."""
        return {key: value for key, value in self._find(request).items() if not key.startswith("_") and key != "Tags"}

    def stop(self, request: Request) -> Request:
        """Ask a job that runs to end."""
        row, status = self._find(request), f"{self.kind}JobStatus"
        if row[status] != "InProgress":
            raise validation_error(f"The request was rejected because the {self.kind.lower()} job is in status {row[status]}.")
        row["_stop"], row[status] = True, "Stopping"
        return {}

    def list_all(self, request: Request) -> Request:
        """List the jobs that a request asks for."""
        status = f"{self.kind}JobStatus"
        keys = (f"{self.kind}JobName", f"{self.kind}JobArn", "CreationTime", status)
        found = [
            row
            for name, row in self.rows.items()
            if request.get("NameContains", "") in name and request.get("StatusEquals", row[status]) == row[status]
        ]
        return {f"{self.kind}JobSummaries": [{key: row[key] for key in keys} for row in found]}

    def task(self, resource: str, given: Mapping[str, Any], role: str) -> Request:
        """Do Step Functions' task as the state machine's role; with .sync, wait for the end of the job."""
        made = start_optimized(self.kind, self.create, given, role, self.passed(given))
        if not resource.endswith(".sync"):
            return made
        name = given[f"{self.kind}JobName"]
        for action in ("Describe", "Stop"):
            demand(role, f"sagemaker:{action}{self.kind}Job", arn(f"{self.kind.lower()}-job", name))
        if self.ended(name) not in self.good:
            raise services.TaskFailed("States.TaskFailed", json.dumps(self.describe(self._named(name)), default=str))
        return self.describe(self._named(name))

    def ended(self, name: str) -> str:
        """Return how the job ended, when it has."""
        while (status := self.rows[name][f"{self.kind}JobStatus"]) not in ENDED:
            time.sleep(_POLL_SECONDS)
        return status

    def _named(self, name: str) -> Request:
        return {f"{self.kind}JobName": name}

    def _find(self, request: Request) -> Row:
        name = request[f"{self.kind}JobName"]
        if name not in self.rows:
            raise validation_error(self.missing.format(name))
        return self.rows[name]
