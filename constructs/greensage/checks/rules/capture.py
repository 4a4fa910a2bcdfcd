"""Data capture: no more than monitoring needs, read by something, and not for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...catalog.checks import line
from ...catalog.figures import DAYS_PER_MONTH
from .. import savings
from ..finding import Fail, Place
from ..rule import app_rule, rule
from ..template import Resource, Template
from ..values import Unresolved
from .artifacts import expires
from .shapes import runs_a_day

_CONFIG = "AWS::SageMaker::EndpointConfig"


@rule("GS-CAP01", "Data capture takes a sample", _CONFIG)
def capture_samples(config: Resource, *, max_percent: int = line("capture_percent_max")) -> Iterator[Fail]:
    percent = config.number("DataCaptureConfig", "InitialSamplingPercentage") if _captures(config) else None
    if percent is not None and percent > max_percent:
        share = (percent - max_percent) / 100
        yield config.fails(
            f"captures {percent:g} % of the requests; a sample tells drift as well",
            "DataCaptureConfig",
            "InitialSamplingPercentage",
            saves=savings.stored(config.region, "capture_gb_month") * share,
            fix=max_percent,
        )


@rule("GS-CAP02", "Captured data expire", _CONFIG)
def capture_expires(config: Resource) -> Iterator[Fail]:
    if _captures(config):
        yield from _kept(config, ("DataCaptureConfig", "DestinationS3Uri"), "captured data")


@rule("GS-CAP03", "Results of asynchronous endpoints expire", _CONFIG)
def results_expire(config: Resource) -> Iterator[Fail]:
    for path in (
        ("AsyncInferenceConfig", "OutputConfig", "S3OutputPath"),
        ("AsyncInferenceConfig", "OutputConfig", "S3FailurePath"),
    ):
        if config.has(*path):
            yield from _kept(config, path, "results")


class _Capture(NamedTuple):
    """Either a configuration that captures, or (place None) something that reads captures."""

    place: Place | None
    region: str | None


def _readers(template: Template) -> Iterator[_Capture]:
    for config in template.of_type(_CONFIG):
        if _captures(config):
            yield _Capture(config.place, template.scope.region)
    monitors = (
        "AWS::SageMaker::MonitoringSchedule",
        "AWS::SageMaker::DataQualityJobDefinition",
        "AWS::StepFunctions::StateMachine",
        "AWS::SageMaker::Pipeline",
        "AWS::Glue::Job",
        "AWS::Athena::WorkGroup",
        "AWS::Lambda::Function",
    )
    if next(template.of_type(*monitors), None) is not None:
        yield _Capture(None, template.scope.region)


@app_rule("GS-CAP04", "Captured data are read by something", collect=_readers)
def capture_is_read(facts: Iterable[_Capture]) -> Iterator[tuple[Place, Fail]]:
    """Anything in the app that could read them is taken as doing so."""
    rows = list(facts)
    if all(row.place is not None for row in rows):
        for row in rows:
            if row.place is not None:
                yield (
                    row.place,
                    Fail(
                        "captures data that nothing in this app reads: no monitor, no job, no function",
                        ("Properties", "DataCaptureConfig"),
                        savings.kept(row.region, "capture_gb_month"),
                    ),
                )


@rule("GS-CAP05", "Monitors run as often as drift is decided", "AWS::SageMaker::MonitoringSchedule")
def monitors_run_rarely(schedule: Resource, *, max_per_day: int = line("monitoring_runs_per_day_max")) -> Iterator[Fail]:
    expression = schedule.get("MonitoringScheduleConfig", "ScheduleConfig", "ScheduleExpression", default="")
    runs = runs_a_day(expression)
    if runs > max_per_day:
        name = _cluster_type(schedule)
        saves = savings.trainings(schedule.region, name, (runs - max_per_day) * DAYS_PER_MONTH)
        yield schedule.fails(
            f"starts a machine {runs:g} times a day; drift is decided over days",
            "MonitoringScheduleConfig",
            "ScheduleConfig",
            "ScheduleExpression",
            saves=saves,
        )


def _captures(config: Resource) -> bool:
    if not config.has("DataCaptureConfig"):
        return False
    return str(config.get("DataCaptureConfig", "EnableCapture", default=True)).lower() != "false"


def _kept(config: Resource, path: tuple[str, ...], what: str) -> Iterator[Fail]:
    bucket = next(
        (
            item
            for name in config.refers_to(*path)
            if (item := config.template.resources.get(name)) and item.type == "AWS::S3::Bucket"
        ),
        None,
    )
    if bucket is None:
        raise Unresolved("its bucket is not in this template")
    prefix = re.sub(r"^s3://[^/]*/?", "", config.text(*path))
    if not expires(bucket, prefix):
        yield config.fails(
            f"keeps {what} for ever: no lifecycle rule of {bucket.id} expires them",
            *path,
            saves=savings.kept(config.region, "capture_gb_month"),
        )


def _cluster_type(schedule: Resource) -> str | None:
    path = ("MonitoringScheduleConfig", "MonitoringJobDefinition", "MonitoringResources", "ClusterConfig", "InstanceType")
    try:
        return schedule.get(*path)
    except Unresolved:
        return None
