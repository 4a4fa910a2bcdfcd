"""The weekly review of a Region: sizes by what was used, what nothing uses, and the month's KPIs, recorded and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.defaults import KEEP_VERSIONS, PARAMETERS_ROOT
from ..errors import GreensageError
from ..planner import FleetFootprint, Plan, fleet_footprint, plan
from ..spec import Located, ModelSpec
from ..spec.published import from_published
from .deployed import Deployed, read_deployed
from .live import live_footprint
from .measure import read_kpis, recent
from .metrics import DAY, Window
from .observed import observe
from .review import Review, review_of
from .rightsize import Proposal, propose
from .unused import Reading, Unused, find_unused

# Two weeks show both kinds of days twice; nobody deletes what is a month old by mistake.
LOOK_BACK, SETTLED = 14 * DAY, 30 * DAY
_Specs = list[tuple[ModelSpec, Located]]


def review(session: Any, region: str, *, now: float, root: str = PARAMETERS_ROOT, keep_versions: int = KEEP_VERSIONS) -> Review:
    """Look at everything, record the KPIs, and return what to say. Deletes and changes nothing.

    What fails is among the review's problems, and the rest is still looked at.
    """
    problems: list[str] = []
    specs = _specs(session, region, root, problems)
    planned = _planned(specs, region, problems)
    deployed = _deployed(session, region, root, problems)
    proposals: list[Proposal] = []
    rows = []
    if planned is not None:
        current, footprints = planned
        proposals = _sizes(session, specs, current, deployed, region, now, problems)
        since, _ = recent(now)
        try:
            measured = read_kpis(session, deployed, footprints, since=since, now=now, root=root, record=True)
            rows = measured.rows
            problems += measured.problems
        except GreensageError as error:
            problems.append(f"{region}: KPIs: {error}")
    return review_of(region, proposals, _unused(session, region, root, now, keep_versions, problems), rows, problems)


def _specs(session: Any, region: str, root: str, problems: list[str]) -> _Specs:
    from botocore.exceptions import BotoCoreError, ClientError

    found: _Specs = []
    try:
        for name, text in _published(session, region, root):
            try:
                found.append(from_published(name, text))
            except GreensageError as error:
                problems.append(str(error))
    except (BotoCoreError, ClientError) as error:
        problems.append(f"{region}: the specs that models have published: {error}")
    return found


def _published(session: Any, region: str, root: str) -> Iterator[tuple[str, str]]:
    pages = session.client("ssm", region_name=region).get_paginator("get_parameters_by_path")
    for page in pages.paginate(Path=f"{root}/specs", Recursive=True):
        for row in page["Parameters"]:
            yield row["Name"].rpartition("/")[2], row["Value"]


def _planned(specs: _Specs, region: str, problems: list[str]) -> tuple[Plan, FleetFootprint] | None:
    if not specs:
        return None
    try:
        current = plan(specs, default_region=region)
        return current, fleet_footprint(current)
    except GreensageError as error:
        problems.append(f"{region}: the published specs cannot be planned together: {str(error).splitlines()[0]}")
        return None


def _deployed(session: Any, region: str, root: str, problems: list[str]) -> Deployed:
    try:
        found = read_deployed(session, [region], root=root)
    except GreensageError as error:
        problems.append(f"{region}: {error}")
        return Deployed()
    problems += found.problems
    found.problems = []
    return found


def _sizes(
    session: Any, specs: _Specs, current: Plan, deployed: Deployed, region: str, now: float, problems: list[str]
) -> list[Proposal]:
    try:
        observed = observe(session, deployed.hosts, Window(now - LOOK_BACK, now))
        return propose(specs, current, live_footprint(observed), default_region=region)
    except GreensageError as error:
        problems.append(f"{region}: right-sizing: {str(error).splitlines()[0]}")
        return []


def _unused(session: Any, region: str, root: str, now: float, keep: int, problems: list[str]) -> list[Unused]:
    found = find_unused(Reading(session, region, now - SETTLED, keep, root))
    problems += found.problems
    return found.items
