"""Monitoring: what is not measured is not improved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..finding import Fail, Place
from ..rule import app_rule, rule
from ..template import Resource, Template
from ..values import Unresolved
from .scaling import tracked
from .shapes import config_of, instance_variants

_ENDPOINT = "AWS::SageMaker::Endpoint"
_UTILISATION = ("Utilization", "Invocations", "ConcurrentRequests", "ApproximateBacklog", "Reservation")


class _Alarm(NamedTuple):
    """Either an endpoint on instances, or (place None) an alarm on use, with the logical ids that it refers to."""

    place: Place | None
    refers: frozenset[str]


def _alarms(template: Template) -> Iterator[_Alarm]:
    for endpoint in template.of_type(_ENDPOINT):
        config = config_of(endpoint)
        # Application Auto Scaling makes alarms on use for each target-tracking policy.
        if config is not None and _hosts_models(config) and not tracked(endpoint):
            yield _Alarm(endpoint.place, frozenset())
    for alarm in template.of_type("AWS::CloudWatch::Alarm"):
        metrics = [alarm.text("MetricName"), *(row.text("MetricStat", "Metric", "MetricName") for row in alarm.list("Metrics"))]
        if any(word in metric for metric in metrics for word in _UTILISATION):
            yield _Alarm(None, alarm.refers_to())


def _hosts_models(config: Resource) -> bool:
    """On instances, and not for inference components, whose use each component's scaling follows in a stack of its own."""
    return any(variant.has("ModelName") for variant in instance_variants(config))


@app_rule("GS-MON01", "Endpoints have an alarm on their use", collect=_alarms, severity="low")
def use_is_watched(facts: Iterable[_Alarm]) -> Iterator[tuple[Place, Fail]]:
    """An alarm counts for the endpoints it refers to; one that refers to none counts for all."""
    rows = list(facts)
    alarms = [row for row in rows if row.place is None]
    for row in rows:
        if row.place is None:
            continue
        if any(not alarm.refers or row.place.resource in alarm.refers or _elsewhere(alarm) for alarm in alarms):
            continue
        yield row.place, Fail("has no alarm on how much it is used, so nobody hears that it idles", ("Properties",))


def _elsewhere(alarm: _Alarm) -> bool:
    """An alarm about parameters or imports may be about any endpoint."""
    return all(name.startswith("AWS::") for name in alarm.refers)


class _Board(NamedTuple):
    """Either an endpoint, or (place None) a dashboard."""

    place: Place | None


def _boards(template: Template) -> Iterator[_Board]:
    for endpoint in template.of_type(_ENDPOINT):
        yield _Board(endpoint.place)
    for _ in template.of_type("AWS::CloudWatch::Dashboard", "AWS::Grafana::Workspace"):
        yield _Board(None)


@app_rule("GS-MON02", "Apps with endpoints have a dashboard", collect=_boards, severity="low")
def app_has_dashboard(facts: Iterable[_Board]) -> Iterator[tuple[Place, Fail]]:
    rows = list(facts)
    if rows and all(row.place is not None for row in rows):
        first = rows[0].place
        assert first is not None
        count = f"{len(rows)} endpoints" if len(rows) > 1 else "an endpoint"
        yield first, Fail(f"the app has {count} and no dashboard that shows use per inference", ("Properties",))


@rule("GS-MON03", "Endpoints carry tags, so that what they take has an owner", _ENDPOINT, severity="low")
def endpoints_are_tagged(endpoint: Resource) -> Iterator[Fail]:
    if endpoint.list("Tags") or endpoint.template.tagged:
        return
    if endpoint.template.deployed_as is None:
        raise Unresolved("its stack may be deployed with tags, which are then its own")
    yield endpoint.fails("has no tags: its energy and cost cannot be attributed", "Tags")
