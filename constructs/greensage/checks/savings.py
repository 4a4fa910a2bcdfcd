"""What a change of a usual kind saves in a month. Amounts that no template states are assumptions of catalog/data/checks.json."""

from __future__ import annotations

import math
from functools import cache

from ..catalog.checks import assumed, assumed_name, price
from ..catalog.figures import DAYS_PER_MONTH, HOURS_PER_MONTH, Figure, coefficient, reference_type
from ..catalog.instances import instance
from ..catalog.power import power, speed
from ..catalog.regions import known_regions
from ..footprint.band import ZERO, Band
from ..footprint.usage import Level, Serverless, Usage
from .impact import Impact, band, between, of_usage


def place(region: str | None) -> str:
    """Return the Region to work with: the stack's, or the assumed one where that is not known."""
    return region if region in known_regions() else assumed_name("region")


@cache
def running(name: str, region: str | None, share: float = 1.0, busy: float | None = None) -> Impact | None:
    """Return `share` of a month of one machine `name`, idle unless `busy`; None where nothing is known of the type."""
    usage = _machine(name, region, share, 0.0 if busy is None else busy)
    return of_usage(usage) if usage else None


@cache
def idle_hours(name: str, region: str | None, assumption: str, count: float = 1.0) -> Impact | None:
    """Return the assumed share of a month (idle_share, dev_idle_share) in which `count` machines idle."""
    share = assumed(assumption)
    found = running(name, region, share.value)
    return (found * count).widened(share.factor) if found else None


@cache
def instead(old: str, new: str, region: str | None, count: float = 1.0) -> Impact | None:
    """Return what running `new` in place of `old` saves for the same work; None where a type is not known.

    A faster core is busy for less of the time: by the figures of speed.json.
    """
    if not known_type(old) or not known_type(new):
        return None
    load = assumed("utilisation").value
    faster = speed(new).value / speed(old).value
    before, after = _machine(old, region, 1.0, load), _machine(new, region, 1.0, min(1.0, load / faster))
    return between(before, after) * count if before and after else None


@cache
def log_group(region: str | None, days: float | None = None) -> Impact:
    """Return what a log group saves that keeps 14 days instead of `days` (None: for ever, taken as after a year)."""
    amount, instead_days = assumed("log_gb_month"), assumed("kept_days_instead").value
    # For ever is taken as a year, so no retention can save more than that.
    months = assumed("kept_months").value if days is None else min(days / DAYS_PER_MONTH, assumed("kept_months").value)
    kept = max(0.0, months - instead_days / DAYS_PER_MONTH) * amount.value
    return of_usage(Usage(place(region), 0, logs_kept_gb=kept)).widened(amount.factor)


@cache
def stored(region: str | None, assumption: str = "bucket_gb") -> Impact:
    """Return what not keeping the assumed amount of objects saves."""
    amount = assumed(assumption)
    return of_usage(Usage(place(region), 0, stored_gb=amount.value)).widened(amount.factor)


def kept(region: str | None, assumption: str) -> Impact:
    """Return what an end saves where the assumed amount is added each month for ever, taken as after a year."""
    return stored(region, assumption) * assumed("kept_months").value


@cache
def images(region: str | None) -> Impact:
    """Return what expiring images saves against keeping a year of them."""
    size, pushed = assumed("image_gb"), assumed("images_month")
    kept = size.value * pushed.value * assumed("kept_months").value
    cost = price("ecr_gb_month")
    # A Usage would price them as objects in S3; ECR has a price of its own.
    found = of_usage(Usage(place(region), 0, stored_gb=kept)).widened(size.factor)
    return found.priced(band(kept * cost.value, size.factor * cost.factor))


@cache
def volume(gb: float, region: str | None, per_gb: str = "gp2_gb_month") -> Impact:
    """Return what `gb` of a volume takes: the energy of stored bytes, one copy, at the price of block storage."""
    cost = price(per_gb)
    return of_usage(Usage(place(region), 0, stored_gb=gb)).priced(band(gb * cost.value, cost.factor))


def job_volume(gb: float, region: str | None) -> Impact:
    """Return what `gb` of a job's volume take in one run of the assumed duration."""
    hours = assumed("training_hours")
    return (volume(gb, region, "ml_storage_gb_month") * (hours.value / HOURS_PER_MONTH)).widened(hours.factor)


def gp3_instead(gb: float) -> Impact:
    """Return what gp3 saves against gp2: money for certain; energy is not known to differ."""
    return Impact(
        ZERO, ZERO, band(gb * (price("gp2_gb_month").value - price("gp3_gb_month").value), price("gp3_gb_month").factor)
    )


@cache
def arm_functions(region: str | None, memory_mb: float = 1024) -> Impact:
    """Return what Graviton saves a function of `memory_mb` that runs for the assumed GB-seconds."""
    amount = assumed("lambda_gb_seconds")
    seconds = amount.value * memory_mb / 1024
    # Lambda, too, gives CPU in proportion to memory; its ratio is taken to be that of serverless hosting.
    found = _vcpu_seconds(region, seconds * 1024 / coefficient("serverless_mb_per_vcpu").value) * _graviton_share()
    return found.widened(amount.factor).priced(_cheaper("lambda_gb_second", seconds, amount))


@cache
def arm_tasks(region: str | None, vcpu: float, gb: float, count: float = 1.0) -> Impact:
    """Return what Graviton saves `count` Fargate tasks that run all month."""
    hours = HOURS_PER_MONTH * count
    load = assumed("utilisation")
    found = _vcpu_seconds(region, vcpu * hours * 3600 * load.value) * _graviton_share()
    return found.priced(_cheaper("fargate_vcpu_hour", vcpu * hours, load) + _cheaper("fargate_gb_hour", gb * hours, load))


@cache
def idle_tasks(region: str | None, vcpu: float, gb: float, count: float) -> Impact:
    """Return the assumed idle share of a month of `count` Fargate tasks, at the price of x86."""
    share = assumed("idle_share")
    hours = HOURS_PER_MONTH * count * share.value
    held = Usage(place(region), 0, serverless=Serverless(0.0, gb * hours * 3600, 0.0, 0.0))
    cost = hours * (vcpu * price("fargate_vcpu_hour").value + gb * price("fargate_gb_hour").value)
    return of_usage(held).widened(share.factor).priced(band(cost, share.factor))


@cache
def arm_builds(region: str | None, vcpu: float) -> Impact:
    """Return what Graviton saves a project that builds for the assumed minutes; no price is compared."""
    amount = assumed("build_minutes_month")
    found = _vcpu_seconds(region, vcpu * amount.value * 60) * _graviton_share()
    return found.widened(amount.factor).priced(Band(math.nan, math.nan, math.nan))


@cache
def memory(region: str | None, mb: float) -> Impact:
    """Return what `mb` of a function's memory take while it runs for the assumed time."""
    amount = assumed("lambda_gb_seconds")
    seconds = amount.value * mb / 1024
    cost = price("lambda_gb_second")
    usage = Usage(place(region), 0, serverless=Serverless(0.0, seconds, 0.0, 0.0))
    return of_usage(usage).widened(amount.factor).priced(band(seconds * cost.value, amount.factor))


@cache
def warm(region: str | None, mb: float, count: float) -> Impact:
    """Return what keeping `count` environments of `mb` warm all month takes; no price is compared."""
    seconds = mb / 1024 * count * HOURS_PER_MONTH * 3600
    found = of_usage(Usage(place(region), 0, serverless=Serverless(0.0, seconds, 0.0, 0.0)))
    return found.priced(Band(math.nan, math.nan, math.nan))


@cache
def trainings(region: str | None, name: str | None, runs: float, count: float = 1.0) -> Impact | None:
    """Return what `runs` trainings of the assumed duration take."""
    hours = assumed("training_hours")
    usage = _machine(name or assumed_name("training_type"), region, runs * count * hours.value / HOURS_PER_MONTH, 1.0)
    return of_usage(usage).widened(hours.factor) if usage else None


def _machine(name: str, region: str | None, share: float, busy: float) -> Usage | None:
    return Usage(place(region), 0, name, (Level(HOURS_PER_MONTH * share, 1.0, busy),)) if known_type(name) else None


@cache
def known_type(name: str) -> bool:
    """Return whether there are watts for the machine `name`."""
    from ..errors import CatalogError

    try:
        power(name)
    except CatalogError:
        return False
    return True


def _vcpu_seconds(region: str | None, seconds: float) -> Impact:
    return of_usage(Usage(place(region), 0, serverless=Serverless(seconds, 0.0, 0.0, 0.0)))


@cache
def _graviton_share() -> float:
    """Return the share of energy that a Graviton core saves against the reference of serverless, both at full load."""
    old, new = reference_type(), assumed_name("graviton_reference")
    per_core = power(new).full_w.value / power(old).full_w.value
    return max(0.0, 1 - per_core * instance(old).vcpu / instance(f"ml.{new}").vcpu)


def _cheaper(name: str, amount: float, assumption: Figure) -> Band:
    return band(amount * (price(name).value - price(name, arm=True).value), assumption.factor)
