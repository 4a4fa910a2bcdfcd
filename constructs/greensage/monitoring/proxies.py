"""Proxy metrics of one endpoint as CloudWatch metric math: live metrics, and the catalog's watts and grams as constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from ..catalog.instances import instance
from ..core.metrics import endpoint_metric, host_metric, metric
from ..endpoints.base import Endpoint
from ..footprint import rates_of, serverless_rates

_HOUR = 3_600


@dataclass(frozen=True)
class ProxyMetrics:
    """One variant of an endpoint as its proxies see it.

    Parameters
    ----------
    endpoint_name, variant_name:
        The dimensions of its metrics.
    region:
        Whose grid and data centres count; a name, not a token.
    instance_type:
        What it runs on; default: none, then it is serverless with `memory_mb`.
    memory_mb:
        Of serverless hosting, in MB; default 0.
    metric_seconds:
        How often an instance publishes its metrics; default 60.
    component_names:
        The inference components of the endpoint: behind them SageMaker counts the requests of each, and none of the
        endpoint. Default: none.
    period:
        Of a point; default one hour.

    Raises CatalogError for an instance type or a Region that the catalog lacks.
    """

    endpoint_name: str
    variant_name: str
    region: str
    instance_type: str | None = None
    memory_mb: int = 0
    metric_seconds: int = 60
    component_names: tuple[str, ...] = ()
    period: Duration = field(default_factory=lambda: Duration.hours(1))

    @classmethod
    def of(
        cls, endpoint: Endpoint, *, region: str, instance_type: str | None = None, memory_mb: int = 0, metric_seconds: int = 60,
        component_names: Sequence[str] = (),
    ) -> ProxyMetrics:  # fmt: skip
        """Return the metrics of an endpoint's first variant."""
        names = tuple(component_names)
        return cls(endpoint.endpoint_name, endpoint.variant_name, region, instance_type, memory_mb, metric_seconds, names)

    def requests(self, suffix: str = "") -> tuple[str, dict[str, cloudwatch.Metric]]:
        """The requests of a period, zero where none was published, as an expression, and the metrics that it reads."""
        # Asynchronous endpoints publish no Invocations; how often a latency was noted says the same of every kind.
        found = self.of_requests("ModelLatency", "SampleCount", "")
        metrics = {f"inv{suffix}{f'_c{index}' if index else ''}": item for index, item in enumerate(found)}
        return f"({' + '.join(f'FILL({name}, 0)' for name in metrics)})", metrics

    def energy(self, suffix: str = "") -> tuple[str, str, dict[str, cloudwatch.Metric]]:
        """kWh and gCO2e of a period as expressions, and the metrics that they read."""
        if self.instance_type is None:
            kwh, grams = serverless_rates(self.memory_mb, self.region)
            seconds = f"FILL(busy{suffix}, 0) / 1000000"
            busy = {f"busy{suffix}": self.of_requests("ModelLatency", "Sum", "")[0]}
            return f"{seconds} * {kwh:.6g}", f"{seconds} * {grams:.6g}", busy
        rates, load = rates_of(self.instance_type, self.region), self._load(suffix)
        low = f"({rates.idle_w:.6g} + {2 * (rates.half_w - rates.idle_w):.6g} * {load})"
        high = f"({2 * rates.half_w - rates.full_w:.6g} + {2 * (rates.full_w - rates.half_w):.6g} * {load})"
        hours = self._hours(suffix)
        kwh = f"{hours} * IF({load} <= 0.5, {low}, {high}) * {rates.pue / 1000:.6g}"
        return kwh, f"({kwh}) * {rates.g_per_kwh:.6g} + {hours} * {rates.embodied_g_hour:.6g}", self._of_cpu(suffix)

    def cpu_percent(self) -> cloudwatch.MathExpression:
        """Use of all vCPUs together, in percent."""
        return self._expression(f"100 * {self._load('')}", self._of_cpu(""), "CPU, % of all cores")

    def per_instance_hour(self) -> cloudwatch.MathExpression:
        """Requests for each hour of an instance."""
        asked, metrics = self.requests()
        return self._expression(f"{asked} / ({self._hours('')})", {**metrics, **self._of_cpu("")}, "requests per instance-hour")

    def idle_hours(self) -> cloudwatch.MathExpression:
        """Instance-hours of the periods without a request."""
        asked, metrics = self.requests()
        expression = f"IF({asked} > 0, 0, {self._hours('')})"
        return self._expression(expression, {**metrics, **self._of_cpu("")}, "idle instance-hours")

    def kwh_per_1000(self) -> cloudwatch.MathExpression:
        """kWh per 1,000 requests; nothing where there was none."""
        kwh, _, metrics = self.energy()
        return self._per_1000(kwh, metrics, "kWh per 1,000 (estimate)")

    def grams_per_1000(self) -> cloudwatch.MathExpression:
        """gCO2e per 1,000 requests, operational and embodied; nothing where there was none."""
        _, grams, metrics = self.energy()
        return self._per_1000(grams, metrics, "gCO2e per 1,000 (estimate)")

    def of_host(self, name: str, statistic: str, label: str, **options: Any) -> cloudwatch.Metric:
        """One of the metrics of the machine: MemoryUtilization, DiskUtilization, GPUUtilization."""
        given = {"period": self.period, "label": label, **options}
        return host_metric(name, statistic, self.endpoint_name, self.variant_name, given)

    def of_requests(self, name: str, statistic: str, label: str) -> list[cloudwatch.Metric]:
        """One of the metrics of its requests; of each component, where it has some."""
        given: dict[str, Any] = {"period": self.period}
        if not self.component_names:
            return [endpoint_metric(name, statistic, self.endpoint_name, self.variant_name, {**given, "label": label})]
        return [
            metric(
                "AWS/SageMaker", name, {"InferenceComponentName": item}, {**given, "label": f"{item} {label}".rstrip()},
                statistic=statistic,
            )
            for item in self.component_names
        ]  # fmt: skip

    def _per_1000(self, amount: str, metrics: dict[str, cloudwatch.Metric], label: str) -> cloudwatch.MathExpression:
        asked, more = self.requests()
        # Dividing by zero gives no point, which is what there is to say of an hour without requests.
        return self._expression(f"1000 * ({amount}) / {asked}", {**metrics, **more}, label)

    def _hours(self, suffix: str) -> str:
        # No metric is no instance: an endpoint that was just made, or scaled to zero, must not blank a sum.
        return f"FILL(n{suffix}, 0) * {self.metric_seconds} / {_HOUR}"

    def _load(self, suffix: str) -> str:
        assert self.instance_type is not None
        # CPUUtilization is summed over the cores: 400 % of four.
        return f"(FILL(cpu{suffix}, 0) / FILL(n{suffix}, 1) / {100 * instance(self.instance_type).vcpu})"

    def _of_cpu(self, suffix: str) -> dict[str, cloudwatch.Metric]:
        return {
            f"cpu{suffix}": self.of_host("CPUUtilization", "Sum", ""),
            f"n{suffix}": self.of_host("CPUUtilization", "SampleCount", ""),
        }

    def _expression(self, text: str, metrics: dict[str, cloudwatch.Metric], label: str) -> cloudwatch.MathExpression:
        used: Any = metrics
        return cloudwatch.MathExpression(expression=text, using_metrics=used, label=label, period=self.period)


def summed(hosts: Sequence[ProxyMetrics], label: str, what: Literal["kwh", "g", "g_per_1000"]) -> cloudwatch.MathExpression:
    """Return kWh, gCO2e or gCO2e per 1,000 requests of several endpoints together."""
    amounts: list[str] = []
    asked: list[str] = []
    metrics: dict[str, cloudwatch.Metric] = {}
    for index, host in enumerate(hosts):
        kwh, grams, used = host.energy(f"_{index}")
        amounts.append(kwh if what == "kwh" else grams)
        metrics |= used
        if what == "g_per_1000":
            requests, more = host.requests(f"_{index}")
            asked.append(requests)
            metrics |= more
    text = " + ".join(amounts)
    if what == "g_per_1000":
        text = f"1000 * ({text}) / ({' + '.join(asked)})"
    given: Any = metrics
    return cloudwatch.MathExpression(expression=text, using_metrics=given, label=label, period=hosts[0].period)
