"""Guarded deployments: how an update reaches the traffic, and the alarms that roll it back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs import Construct

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_choice, check_needed, check_number, check_whole, is_token
from ..core.metrics import endpoint_metric

# Time for the new instances to come up, on top of all waits.
_PROVISIONING_SECONDS = 3_600
_MICROSECONDS = 1_000
_TYPES = {"all-at-once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
_RANGES = {
    "canary": (1, limits.CANARY_PERCENT_MAX),
    "linear": (limits.LINEAR_PERCENT_MIN, limits.CANARY_PERCENT_MAX),
    "rolling": (limits.ROLLING_PERCENT_MIN, limits.CANARY_PERCENT_MAX),
}


@dataclass(frozen=True)
class GuardedDeployment:
    """How an update reaches the traffic.

    Parameters
    ----------
    strategy:
        all-at-once (default), canary, linear (these three run a second fleet beside the first, and bill both) or rolling.
    step_percent:
        Share of the capacity per step: canary 1 to 50, linear 10 to 50, rolling 5 to 50.
        Default: none, for all at once.
    interval_seconds:
        Wait after each step, 0 to 3600; default 120.
    bake_seconds:
        Watch the alarms this long before the old fleet goes, 0 to 3600; default 120.
    max_error_percent:
        Roll back when more percent of the requests fail; default 2. None: no such alarm.
    max_latency_ms:
        Roll back when the model's 95th percentile is above, in ms; default None: no such alarm.
    alarms:
        Alarms of your own, for instance on drift; at most 10 together with greensage's. Default: none.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        GuardedDeployment("canary", step_percent=10, interval_seconds=300, max_latency_ms=200)
    """

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = "all-at-once"
    step_percent: int | None = None
    interval_seconds: int = defaults.STEP_INTERVAL_SECONDS
    bake_seconds: int = defaults.BAKE_SECONDS
    max_error_percent: float | None = defaults.MAX_ERROR_PERCENT
    max_latency_ms: float | None = None
    alarms: Sequence[cloudwatch.IAlarm] = ()

    def __post_init__(self) -> None:
        check_needed("strategy", self.strategy, "each has settings of its own")
        check_choice("strategy", self.strategy, (*_TYPES, "rolling"))
        if self.step_percent is None and self.strategy != "all-at-once":
            low, high = _RANGES[self.strategy]
            raise ValueError(f"step_percent is None; allowed with {self.strategy}: {low} to {high}")
        if self.step_percent is not None:
            if self.strategy == "all-at-once":
                raise ValueError(f"step_percent is {self.step_percent}; all-at-once has no steps; allowed: None")
            check_whole(f"step_percent of {self.strategy}", self.step_percent, *_RANGES[self.strategy])
        for name in ("interval_seconds", "bake_seconds"):
            check_whole(name, getattr(self, name), 0, limits.WAIT_SECONDS_MAX)
        if self.max_error_percent is not None:
            check_number("max_error_percent", self.max_error_percent, above=0, most=100)
        if self.max_latency_ms is not None:
            check_number("max_latency_ms", self.max_latency_ms, above=0)
        if self.waiting_seconds >= limits.DEPLOYMENT_TIMEOUT_MAX_SECONDS:
            most = limits.DEPLOYMENT_TIMEOUT_MAX_SECONDS
            raise ValueError(f"all waits together take {self.waiting_seconds} s; a deployment ends after {most} s")

    @property
    def waiting_seconds(self) -> int:
        """All waits of one deployment together; 0 when one of them is known only at deploy time."""
        if self._waits_at_deploy_time:
            return 0
        if self.strategy == "all-at-once":
            return self.bake_seconds
        # After its one step a canary moves all the rest; rolling has no bake, only the wait after each batch.
        steps = 1 if self.strategy == "canary" else math.ceil(100 / (self.step_percent or 100))
        return steps * self.interval_seconds + (0 if self.strategy == "rolling" else self.bake_seconds)

    @property
    def _waits_at_deploy_time(self) -> bool:
        return any(is_token(value) for value in (self.step_percent, self.interval_seconds, self.bake_seconds))

    @property
    def _timeout_seconds(self) -> int:
        if self._waits_at_deploy_time:
            return limits.DEPLOYMENT_TIMEOUT_MAX_SECONDS
        timeout = max(limits.DEPLOYMENT_TIMEOUT_MIN_SECONDS, self.waiting_seconds + _PROVISIONING_SECONDS)
        return min(timeout, limits.DEPLOYMENT_TIMEOUT_MAX_SECONDS)

    def config(self, alarm_names: Sequence[str]) -> dict[str, Any]:
        """Return the DeploymentConfig that CloudFormation takes."""
        timeout = self._timeout_seconds
        step = {"type": "CAPACITY_PERCENT", "value": self.step_percent}
        made: dict[str, Any] = {}
        if alarm_names:
            made["autoRollbackConfiguration"] = {"alarms": [{"alarmName": name} for name in alarm_names]}
        if self.strategy == "rolling":
            made["rollingUpdatePolicy"] = {
                "maximumBatchSize": step, "waitIntervalInSeconds": self.interval_seconds,
                "maximumExecutionTimeoutInSeconds": timeout,
            }  # fmt: skip
            return made
        # CloudFormation calls the wait optional; the API refuses a request without it.
        routing: dict[str, Any] = {"type": _TYPES[self.strategy], "waitIntervalInSeconds": 0}
        if self.strategy != "all-at-once":
            routing["waitIntervalInSeconds"] = self.interval_seconds
            routing["canarySize" if self.strategy == "canary" else "linearStepSize"] = step
        made["blueGreenUpdatePolicy"] = {
            "trafficRoutingConfiguration": routing, "terminationWaitInSeconds": self.bake_seconds,
            "maximumExecutionTimeoutInSeconds": timeout,
        }  # fmt: skip
        return made


DEFAULT_DEPLOYMENT = GuardedDeployment()


class DeploymentAlarms(Construct):
    """The alarms of one endpoint: errors of each variant, and latency of the first. `all` includes the user's own."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        variants: Sequence[str],
        guard: GuardedDeployment,
        metrics: Sequence[str],
    ) -> None:
        super().__init__(scope, id)
        self._endpoint = endpoint_name
        made: list[cloudwatch.IAlarm] = []
        if guard.max_error_percent is not None:
            made += [
                # Each request counts as 0 or 1, so the average is the share that failed.
                self._alarm(f"{name}{variant}", variant, name, "Average", (guard.max_error_percent, 1 / 100), "failed requests")
                for variant in variants
                for name in metrics
            ]
        if guard.max_latency_ms is not None:
            limit = (guard.max_latency_ms, _MICROSECONDS)
            made.append(self._alarm("Latency", variants[0], "ModelLatency", "p95", limit, "the model's 95th percentile"))
        self.all: list[cloudwatch.IAlarm] = [*made, *guard.alarms]
        if len(self.all) > limits.ALARMS_MAX:
            raise ValueError(f"deployment has {len(self.all)} alarms with those of each variant; allowed: {limits.ALARMS_MAX}")

    def _alarm(
        self, id: str, variant: str, metric: str, statistic: str, limit: tuple[float, float], what: str
    ) -> cloudwatch.Alarm:
        """`limit` is the prop's value, and what it is multiplied by for the metric's unit."""
        value, factor = limit
        period = Duration.minutes(1)
        watched: cloudwatch.IMetric = endpoint_metric(metric, statistic, self._endpoint, variant, {"period": period})
        if is_token(value):  # CloudFormation does not multiply, so CloudWatch divides
            watched = cloudwatch.MathExpression(expression=f"m / {factor:g}", using_metrics={"m": watched}, period=period)
        return cloudwatch.Alarm(
            self,
            id,
            metric=watched,
            threshold=value if is_token(value) else value * factor,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"greensage: {what} of {variant} at {self._endpoint}; rolls an update back",
        )
