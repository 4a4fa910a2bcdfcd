"""What every decision about one model may look at, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog import traffic
from ..errors import PlanError
from ..spec import Located, ModelSpec


@dataclass(frozen=True)
class Request:
    """A spec, where its keys stand, and the Region it goes to."""

    spec: ModelSpec
    located: Located
    region: str = ""

    def refuse(self, path: str, message: str, *, found: str = "", allowed: str = "", hint: str = "") -> PlanError:
        """Return the PlanError that points at `path` (dotted) in the model's file."""
        keys = tuple(path.split("."))
        return PlanError([self.located.problem(keys, message, found=found, allowed=allowed, hint=hint)])

    @property
    def requests_per_month(self) -> int:
        """Requests in a month of 30 days."""
        return self.spec.traffic.requests_per_day * 30

    @property
    def waits(self) -> bool:
        """Whether someone waits for the answer and cannot wait for a cold start too."""
        return not self.spec.sla.cold_start_ok

    @property
    def size_mb(self) -> float:
        """Size of the packed artifact in MB; an assumption where only S3 knows it."""
        return self.spec.model.size_mb or traffic.ASSUMED_ARTIFACT_MB

    @property
    def peak_requests_per_second(self) -> float:
        """The busiest rate: the spec's own figure, or the estimate from the pattern."""
        given = self.spec.traffic
        return given.peak_requests_per_second or traffic.peak_requests_per_second(given.requests_per_day, given.pattern)
