"""What the retraining loop assumes: thresholds, sizes, instance types, and where Model Monitor's container lies."""

from __future__ import annotations

from ._data import load


def methods() -> tuple[str, ...]:
    """Return the names of the methods that measure a change; each has a file in drift/methods."""
    return tuple(load("drift")["thresholds"])


def threshold(method: str) -> float:
    """Return the size of a change that counts, in the unit of `method`."""
    return float(load("drift")["thresholds"][method]["value"])


def setting(name: str) -> float:
    """Return a setting of the loop, for instance alpha or min_labels."""
    return float(load("drift")["settings"][name]["value"])


def limit(name: str) -> int:
    """Return a limit of the loop, for instance large_mb or function_seconds."""
    return int(load("drift")["limits"][name]["value"])


def kpis() -> tuple[str, ...]:
    """Return the names of the KPIs that can be watched."""
    data = load("drift")["kpis"]
    return (*data["more_is_better"], *data["less_is_better"])


def training_types() -> tuple[str, ...]:
    """Return the instance types to train on, smallest first."""
    return tuple(load("drift")["types"]["training"]["value"])


def job_type(kind: str) -> str:
    """Return the instance type of processing jobs: `processing` or `analyzer`."""
    return str(load("drift")["types"][kind]["value"])


def analyzer_regions() -> tuple[str, ...]:
    """Return the Regions that have Model Monitor's container."""
    return tuple(load("drift")["analyzer"]["accounts"])


def analyzer_account(region: str) -> str:
    """Return the account of AWS that owns Model Monitor's container in `region`."""
    return str(load("drift")["analyzer"]["accounts"][region])


def analyzer_repository() -> str:
    """Return the name of its repository; the image has no tag."""
    return str(load("drift")["analyzer"]["repository"])


def analyzer_image(region: str) -> str | None:
    """Return the URI of Model Monitor's container in `region`, or None where there is none."""
    if region not in analyzer_regions():
        return None
    # The part before the last two is the partition: cn of cn-north-1, us-iso of us-iso-east-1.
    suffix = load("partitions")["dns_suffix"].get(region.rsplit("-", 2)[0], "amazonaws.com")
    return f"{analyzer_account(region)}.dkr.ecr.{region}.{suffix}/{analyzer_repository()}"
