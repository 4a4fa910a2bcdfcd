"""What something runs in a month: instance hours at a utilisation, serverless seconds, bytes kept and moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Level(NamedTuple):
    """Hours of a month during which `instances` run at `utilisation` (0 to 1)."""

    hours: float
    instances: float
    utilisation: float


@dataclass(frozen=True)
class Serverless:
    """Busy vCPU-seconds, GB-seconds held in memory (busy or warm), and GB-seconds on the bill, in a month."""

    busy_vcpu_seconds: float
    held_gb_seconds: float
    busy_gb_seconds: float
    billed_gb_seconds: float


@dataclass(frozen=True)
class Usage:
    """A month of one deployment in one Region. What does not apply is None, empty or 0.

    `unbilled_gb` are moved, and `unbilled_stored_gb` kept, without a price of hosting or S3: they cost energy, and `services`
    says what they cost (rows of service_prices.json and how much of each). What is not `hosted` has no price by the hour:
    a service bills it.
    """

    region: str
    requests: float
    instance_type: str | None = None
    levels: tuple[Level, ...] = ()
    serverless: Serverless | None = None
    stored_gb: float = 0.0
    logs_gb: float = 0.0
    logs_kept_gb: float = 0.0
    network_gb: float = 0.0
    unbilled_gb: float = 0.0
    unbilled_stored_gb: float = 0.0
    services: tuple[tuple[str, float], ...] = ()
    hosted: bool = True

    @property
    def instance_hours(self) -> float:
        """Hours on the bill."""
        return sum(level.hours * level.instances for level in self.levels)
