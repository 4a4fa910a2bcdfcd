"""A month of what stands beside a host: captured requests, watching, retraining, the network of a VPC, images."""

from __future__ import annotations

from ..catalog import drift
from ..catalog.beside import beside, build_type
from ..catalog.figures import DAYS_PER_MONTH, HOURS_PER_MONTH, coefficient
from .usage import Level, Serverless, Usage


def captured(
    requests: float, payload_kb: float, days: int, region: str, *, by_container: bool, hours: float, encrypted: bool, reads: float
) -> Usage:
    """Return a month of capturing `requests` of `payload_kb` (request and answer), which are kept for `days`.

    `hours` of the month have requests: files are written in these only. `encrypted` is with a key of KMS: a bucket key spares
    most requests to it, and one per file is the most. Each file is read `reads` times.
    """
    gb = requests * (payload_kb + beside("capture_line_kb")) / 1e6
    most = hours * beside("container_files_per_hour" if by_container else "capture_files_per_hour")
    if by_container:
        # A file ends after so many requests, too.
        most = max(most, requests / beside("container_file_requests"))
    files = min(requests, most)
    services = (("s3_put", files), ("s3_get", reads * files), *((("kms_request", 2 * files),) if encrypted else ()))
    return Usage(region, 0, stored_gb=gb * days / DAYS_PER_MONTH, unbilled_gb=gb, services=services)


def watched(evaluations: float, rows: float, region: str, *, metrics: bool = False) -> Usage:
    """Return a month of a function that judges `rows` captured rows in each of `evaluations`, and may publish `metrics`."""
    memory_gb = drift.limit("function_memory_mb") / 1024
    cores = drift.limit("function_memory_mb") / coefficient("serverless_mb_per_vcpu").value
    seconds = evaluations * (rows * beside("seconds_per_row") / cores + beside("evaluation_start_seconds"))
    held = seconds * memory_gb
    published = beside("evaluation_metrics") * min(evaluations, HOURS_PER_MONTH) / HOURS_PER_MONTH
    services = (
        ("lambda_arm_gb_second", held), ("lambda_request", evaluations),
        ("state_transition", evaluations * beside("evaluation_transitions")),
        *((("metric_month", published),) if metrics else ()),
    )  # fmt: skip
    return Usage(region, 0, serverless=Serverless(seconds * cores, held, held, 0.0), services=services)


def analyzed(evaluations: float, region: str) -> Usage:
    """Return a month of the processing jobs that judge windows which are too large for a function."""
    level = Level(evaluations * beside("analyzer_minutes") / 60, 1, drift.setting("training_utilisation"))
    return Usage(region, 0, drift.job_type("analyzer"), (level,))


def retrained(instance_type: str, region: str) -> Usage:
    """Return a month of the retrainings that are taken to come, with the job that compares."""
    runs, busy = beside("retrainings_per_month"), drift.setting("training_utilisation")
    minutes = drift.setting("training_minutes") + beside("compare_minutes")
    services = (("state_transition", runs * beside("retraining_transitions")),)
    return Usage(region, 0, instance_type, (Level(runs * minutes / 60, 1, busy),), services=services)


def observed(alarms: float, dashboards: float, region: str) -> Usage:
    """Return a month of alarms and dashboards."""
    return Usage(region, 0, services=(("alarm_month", alarms), ("dashboard_month", dashboards)))


def attached(zones: int, gb: float, region: str) -> Usage:
    """Return a month of the interface endpoints of a VPC in `zones`, through which `gb` go."""
    hours = zones * beside("vpc_endpoints") * HOURS_PER_MONTH
    return Usage(region, 0, services=(("vpc_endpoint_hour", hours), ("vpc_endpoint_gb", gb)))


def platform(images: int, region: str) -> Usage:
    """Return a month of what the models of a Region share: `images` of greensage's server, its dashboard and the review."""
    minutes = images * beside("builds_per_month") * beside("build_minutes")
    level = Level(minutes / 60, 1, beside("build_utilisation"))
    kept, review = images * beside("image_gb"), beside("review_gb_seconds")
    services = (
        ("codebuild_minute", minutes), ("ecr_gb_month", kept), ("dashboard_month", beside("platform_dashboards")),
        ("lambda_arm_gb_second", review),
    )  # fmt: skip
    cores = review / coefficient("serverless_mb_per_vcpu").value * 1024
    used = Serverless(cores, review, review, 0.0)
    return Usage(region, 0, build_type(), (level,), used, unbilled_stored_gb=kept, services=services, hosted=False)
