"""What a plan is compared with, as `--baseline` says it: usual, same-region, current, or a file of instances."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..catalog.instances import instance
from ..catalog.regions import known_regions
from ..errors import CatalogError, GreensageError
from ..footprint import SAME_REGION, USUAL, Baseline, Machines
from ..narrow import is_mapping

_CHOICES = "usual, same-region, current, or lift-and-shift=FILE"
_WANTED = "models: {NAME: {instance_type: ml.m5.xlarge, instances: 2, region: eu-west-1}}, and default: {...} for the others"
_KEYS = {"instance_type", "instances", "region"}


def add_baseline_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to compare with, and what is paid of the on-demand price."""
    parser.add_argument(
        "--baseline", default="same-region", metavar="WHAT",
        help=f"compare with {_CHOICES} (default: same-region, so that the choice of a Region saves nothing)",
    )  # fmt: skip
    parser.add_argument("--price-factor", metavar="X", help="what you pay of all on-demand prices, for instance 0.9")
    parser.add_argument("--savings-plan", metavar="X", help="what you pay of instance-hours, for instance 0.64")


def take_price_factors(options: argparse.Namespace) -> None:
    """Hand the factors to the catalog: before anything asks it for a price."""
    from ..catalog.prices import EVERYTHING, INSTANCES, price_factor

    for name, given in ((EVERYTHING, options.price_factor), (INSTANCES, options.savings_plan)):
        if given:
            os.environ[name] = given
        price_factor(name)


def read_baseline(asked: str, regions: tuple[str, ...], names: tuple[str, ...]) -> Baseline:
    """Return the baseline that `asked` names. Raises GreensageError for what is none."""
    simple = {"usual": USUAL, "same-region": SAME_REGION}.get(asked)
    if simple is not None:
        return simple
    if asked == "current":
        return _current(regions, names)
    word, _, file = asked.partition("=")
    if word == "lift-and-shift" and file:
        found = read_machines(Path(file))
        if unknown := sorted(set(found.machines) - set(names)):
            from .observe import say

            say(f"greensage: {file} names what is not planned here: {', '.join(unknown)}")
        return found
    raise GreensageError(f"--baseline {asked!r} is none; allowed: {_CHOICES}")


def read_machines(path: Path) -> Baseline:
    """Return what the file says that models run on. Raises GreensageError with the place of what is wrong."""
    import yaml

    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise GreensageError(f"{path}: cannot be read: {str(error).splitlines()[0]}; wanted: {_WANTED}") from None
    rows = content.get("models", {}) if is_mapping(content) else None
    if not is_mapping(content) or not is_mapping(rows) or set(content) - {"models", "default"} or not content:
        raise GreensageError(f"{path}: wanted: {_WANTED}")
    default = _machines(path, "default", content["default"]) if content.get("default") else None
    machines = {str(name): _machines(path, f"models.{name}", row) for name, row in rows.items()}
    return Baseline("lift-and-shift", machines, default, str(path))


def _machines(path: Path, at: str, row: object) -> Machines:
    if not is_mapping(row) or set(row) - _KEYS or "instance_type" not in row:
        raise GreensageError(f"{path}: {at}: wanted: instance_type, and instances and region if you like")
    count, region = row.get("instances", 1), row.get("region")
    try:
        name = instance(str(row["instance_type"])).name
    except CatalogError as error:
        raise GreensageError(f"{path}: {at}.instance_type: {error}") from None
    if not isinstance(count, int | float) or isinstance(count, bool) or not 0 < count <= 10_000:
        raise GreensageError(f"{path}: {at}.instances: {count!r} is no number above 0, to 10,000")
    if region is not None and region not in known_regions():
        raise GreensageError(f"{path}: {at}.region: {region!r} is not in the catalog")
    return Machines(name, float(count), region if region is None else str(region))


def _current(regions: tuple[str, ...], names: tuple[str, ...]) -> Baseline:
    import boto3

    from ..operate.current import current_machines
    from .observe import say, tell_problems

    session = boto3.Session()
    found, problems = current_machines(session, list(regions), names, say=say)
    tell_problems(problems)
    say(f"{len(found)} of {len(names)} models run on instances now; the others are compared with the usual deployment")
    return Baseline("current", found, None, f"{', '.join(regions)}, read now")
