"""What every decision about one model may look at, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..catalog.kinds import Kind
from ..errors import PlanError
from ..footprint.demand import Demand, demand_of, size_mb
from ..spec import Located, ModelSpec, SerialPipelineHosting


@dataclass(frozen=True)
class Request:
    """A spec, where its keys stand, the Region it goes to, the account if it is known, and the kind that its group shares."""

    spec: ModelSpec
    located: Located
    region: str = ""
    account: str = ""
    together: Kind | None = None

    def refuse(self, path: str, message: str, *, found: str = "", allowed: str = "", hint: str = "") -> PlanError:
        """Return the PlanError that points at `path` (dotted) in the model's file."""
        keys = tuple(path.split("."))
        return PlanError([self.located.problem(keys, message, found=found, allowed=allowed, hint=hint)])

    def with_spec(self, **changes: Any) -> Request:
        """Return the request with other values in the spec."""
        made = replace(self, spec=self.spec.model_copy(update=changes))
        # A pipeline has containers of its own; other hosting asks for no more and no less.
        same = changes.keys() <= {"hosting", "group"} and not any(
            isinstance(found, SerialPipelineHosting) for found in (self.spec.hosting, made.spec.hosting)
        )
        return self._carrying(made) if same else made

    def in_region(self, region: str) -> Request:
        """Return the request in another Region."""
        return self._carrying(replace(self, region=region))

    def _carrying(self, made: Request) -> Request:
        """With the demand, which is worked out once for all Regions and kinds."""
        if "demand" in self.__dict__:
            made.__dict__["demand"] = self.__dict__["demand"]
        return made

    @cached_property
    def demand(self) -> Demand:
        """What the model demands of its host in a month."""
        return demand_of(self.spec)

    @property
    def requests_per_month(self) -> int:
        """Requests in a month of 30 days."""
        return round(self.demand.requests)

    @property
    def waits(self) -> bool:
        """Whether someone waits for the answer and cannot wait for a cold start too."""
        return not self.spec.sla.accepts_cold_starts

    @property
    def nobody_waits(self) -> bool:
        """Whether the file names no latency and accepts cold starts."""
        return self.spec.sla.latency_p95_ms is None and self.spec.sla.accepts_cold_starts

    @property
    def size_mb(self) -> float:
        """Size of the packed artifact in MB; an assumption where only S3 knows it."""
        return size_mb(self.spec.model)

    @property
    def peak_requests_per_second(self) -> float:
        """The busiest rate: the spec's own figure, or the estimate from the pattern."""
        return self.demand.peak
