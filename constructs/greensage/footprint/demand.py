"""What a spec demands of whatever hosts it: requests by the hour, CPU time, bytes. Estimates unless the spec says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from zoneinfo import ZoneInfo

from ..catalog import traffic
from ..catalog.accelerators import needed_mb
from ..catalog.figures import DAYS_PER_MONTH, quality_factor
from ..catalog.images import SERVED_FRAMEWORKS
from ..catalog.measured import measured_cpu_ms
from ..catalog.power import batch_gain, speed
from ..core.cron import runs_per_day
from ..spec import BatchHosting, ModelSource, ModelSpec, SerialPipelineHosting, TrafficSpec


@dataclass(frozen=True)
class Hours:
    """`hours` of a day with `rate` requests a second on average and `peak` at the busiest."""

    hours: float
    rate: float
    peak: float


@dataclass(frozen=True)
class Demand:
    """A month of one model.

    `cpu_seconds` is of one request on one m5 vCPU, and `cpu_factor` how far that may be off, up or down; `parallel` is the share
    that uses all cores. `files_gb` is what the same requests and answers are as lines of files, which batch jobs keep for
    `files_days`. `scattered` says that nobody knows which hours are active.
    """

    requests: float
    hours: tuple[Hours, ...]
    cpu_seconds: float
    parallel: float
    network_gb: float
    artifact_gb: float
    logs_gb: float
    logs_days: int
    logs_price_share: float = 1.0
    files_gb: float = 0.0
    files_days: int = 0
    cpu_factor: float = 1.0
    scattered: bool = False

    @property
    def cpu_seconds_high(self) -> float:
        """The CPU seconds of one request at the high end of their band."""
        return self.cpu_seconds * self.cpu_factor

    @cached_property
    def peak(self) -> float:
        """The busiest requests a second."""
        return max(item.peak for item in self.hours)


_BILLIONS = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")
_BYTES_OF_A_PARAMETER = 2
# What the time of a token is assumed on (traffic.json).
_TEXT_DEVICE = "ml.g6.xlarge"


def demand_of(spec: ModelSpec) -> Demand:
    """Return the month's demand of `spec`."""
    requests = spec.traffic.requests_per_day * DAYS_PER_MONTH
    payload = payload_kb(spec)
    return Demand(
        requests=requests,
        hours=hours_of(spec.traffic),
        cpu_seconds=cpu_seconds(spec),
        parallel=traffic.parallel_share(spec.model.framework),
        network_gb=requests * payload / 1e6,
        artifact_gb=sum(size_mb(item) for item in sources_of(spec)) / 1000,
        logs_gb=requests * _log_kb(spec) / 1e6,
        logs_days=spec.retention.logs_days,
        logs_price_share=traffic.INFREQUENT_ACCESS_SHARE if spec.logs.storage == "infrequent-access" else 1.0,
        files_gb=requests * (spec.traffic.payload_kb or traffic.BATCH_KB_PER_RECORD) / 1e6,
        files_days=spec.retention.data_days,
        cpu_factor=quality_factor(cpu_quality(spec)),
        scattered=traffic.pattern(spec.traffic.pattern).first_hour is None,
    )


def payload_kb(spec: ModelSpec) -> float:
    """Return the kB of a request and its answer: as the file says, else as assumed."""
    return spec.traffic.payload_kb or traffic.PAYLOAD_KB


def log_kb_usual() -> float:
    """Return what a request is taken to log, in kB, where the file says nothing else."""
    return traffic.LOG_KB_PER_REQUEST


def _log_kb(spec: ModelSpec) -> float:
    # Greensage's own container writes a line about a request only where it is asked to: 2,000 requests left nothing in its log.
    if is_served(spec.model):
        return traffic.LOG_LINE_KB * spec.logs.requests_percent / 100
    return log_kb_usual()


def is_served(source: ModelSource) -> bool:
    """Return whether a model runs in greensage's own image."""
    own = source.image == "serving" or (source.image == "auto" and source.framework in SERVED_FRAMEWORKS)
    return own and source.package is None


def hours_of(asked: TrafficSpec) -> tuple[Hours, ...]:
    """Return the active and the quiet hours of a day."""
    pattern = traffic.pattern(asked.pattern)
    rate = asked.requests_per_day / (pattern.hours * 3600)
    peak = asked.peak_requests_per_second or rate * pattern.peak_to_mean
    # A peak that the file puts below the mean rate cannot be one.
    active = Hours(pattern.hours, rate, max(rate, peak) if asked.requests_per_day else peak)
    quiet = 24 - pattern.hours
    return (active, Hours(quiet, 0.0, 0.0)) if quiet else (active,)


def clock_of(asked: TrafficSpec) -> tuple[tuple[float, float], ...]:
    """Return (rate, peak) for each hour of the day in UTC, for models that share: their peaks may complement each other.

    Where nobody knows which hours are active, every hour may have the peak, and the rate is spread over the day.
    """
    active = hours_of(asked)[0]
    return _clock(asked.pattern, asked.timezone, active.rate, active.peak)


@cache
def _clock(name: str, timezone: str, rate: float, peak: float) -> tuple[tuple[float, float], ...]:
    pattern = traffic.pattern(name)
    if pattern.first_hour is None:
        return ((rate * pattern.hours / 24, peak),) * 24
    first = pattern.first_hour - _utc_offset_hours(timezone)
    hours = {(first + index) % 24 for index in range(pattern.hours)}
    return tuple((rate, peak) if hour in hours else (0.0, 0.0) for hour in range(24))


def cpu_seconds(spec: ModelSpec) -> float:
    """Return the CPU seconds of one request on one m5 vCPU: as measured, or estimated by framework and size.

    What the file states is of the model as it was given: what optimizing measured is taken off it.
    """
    stated, own = spec.traffic.cpu_ms_per_request, spec.model
    if stated is not None:
        if own.cost is None or own.given is None or own.given.cost is None:
            return stated / 1000
        before, after = own.given.cost.cpu_seconds, own.cost.cpu_seconds
        return max(stated / 1000 - (before - after), stated / 1000 * after / before)
    if (measured := measured_cpu_ms(spec.name)) is not None:
        return measured / 1000
    on_gpu = spec.silicon == "gpu" or spec.model.image_family in ("triton", "huggingface-llm")
    return sum(_cpu_seconds(source) / (batch_gain(source.image_family) if on_gpu else 1.0) for source in sources_of(spec))


def cpu_quality(spec: ModelSpec) -> str:
    """Return how well the CPU time of a request is known: measured where the file or `recommend` says it, else assumed."""
    stated = spec.traffic.cpu_ms_per_request is not None or measured_cpu_ms(spec.name) is not None
    return "measured" if stated or all(source.cost is not None for source in sources_of(spec)) else "assumed"


def _cpu_seconds(source: ModelSource) -> float:
    if source.cost is not None:
        return source.cost.cpu_seconds + traffic.SERVER_MS / 1000
    if source.image_family == "huggingface-llm":
        # Text comes token by token, each of which reads all weights from the device's memory.
        on_a_device = traffic.TOKENS_PER_ANSWER * size_mb(source) / 1000 / traffic.WEIGHTS_GB_PER_SECOND
        return on_a_device * speed(_TEXT_DEVICE).value
    return traffic.cpu_ms_per_request(source.framework, size_mb(source)) / 1000


def size_mb(source: ModelSource) -> float:
    """Return the size of a packed artifact in MB; an assumption where only S3 knows it."""
    return source.size_mb or parameters_mb(source) or traffic.ASSUMED_ARTIFACT_MB


def parameters_mb(source: ModelSource) -> float | None:
    """Return the size in MB that the name of a model on the Hugging Face hub gives away: 7B of Mistral-7B, at 16 bits."""
    found = _BILLIONS.search(source.variables.get("HF_MODEL_ID", ""))
    return float(found[1]) * _BYTES_OF_A_PARAMETER * 1000 if found else None


def container_mb(source: ModelSource) -> float:
    """Return the memory in MB that a server and its one model are taken to need."""
    # An image of the user's own is taken to need as much as AWS's.
    prebuilt = source.image not in ("auto", "serving")
    if source.memory_mb is not None:
        return traffic.runtime_memory_mb(source.framework, prebuilt=prebuilt) + source.memory_mb
    if source.cost is not None and not prebuilt:
        return traffic.SERVER_MB + source.cost.memory_mb
    return traffic.runtime_memory_mb(source.framework, prebuilt=prebuilt) + loaded_mb(source)


def loaded_mb(source: ModelSource) -> float:
    """Return the memory in MB that a model is taken to need in a server that is there already."""
    return source.memory_mb or traffic.model_memory_mb(source.framework, size_mb(source))


def containers_mb(spec: ModelSpec) -> float:
    """Return the memory in MB that the containers of `spec` together are assumed to need."""
    return sum(map(container_mb, sources_of(spec)))


def devices_mb(spec: ModelSpec) -> float:
    """Return the memory in MB that they need on accelerators."""
    return sum(map(device_mb, sources_of(spec)))


def hosts_mb(spec: ModelSpec) -> float:
    """Return the memory in MB that they need beside the accelerators that hold the weights."""
    return sum(map(host_mb_beside_a_device, sources_of(spec)))


def device_mb(source: ModelSource) -> float:
    """Return the memory in MB that a model is taken to need on a GPU."""
    if source.memory_mb is not None:
        return source.memory_mb
    # What people publish is in 16 bits.
    return needed_mb(size_mb(source), "fp16" if source.precision else None, source.precision)


def host_mb_beside_a_device(source: ModelSource) -> float:
    """Return the memory in MB beside a GPU: the weights pass through it once."""
    return traffic.runtime_memory_mb(source.framework, prebuilt=True) + size_mb(source)


def sources_of(spec: ModelSpec) -> tuple[ModelSource, ...]:
    """Return the model and what stands before and after it in its pipeline."""
    hosting = spec.hosting
    if isinstance(hosting, SerialPipelineHosting):
        return (*hosting.before, spec.model, *hosting.after)
    return (spec.model,)


def jobs_per_day(spec: ModelSpec) -> float:
    """Return how many batch jobs start a day: by the schedule, and as assumed where files that arrive start them."""
    hosting = spec.hosting if isinstance(spec.hosting, BatchHosting) else None
    scheduled = runs_per_day(hosting.schedule) if hosting and hosting.schedule else 0.0
    arrives = hosting is None or not hosting.schedule or bool(hosting.on_arrival)
    return scheduled + (traffic.BATCH_JOBS_PER_DAY if arrives else 0.0)


@cache
def _utc_offset_hours(timezone: str) -> int:
    # Whole hours, as on the first of January: a day's pattern is no finer, and only complementary peaks depend on it.
    if timezone == "UTC":
        return 0
    offset = datetime(datetime.now(UTC).year, 1, 1, tzinfo=ZoneInfo(timezone)).utcoffset()
    return round(offset.total_seconds() / 3600) if offset else 0
