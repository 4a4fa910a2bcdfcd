"""What a model's containers and jobs have logged: which log groups are its, and their events in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import GreensageError

_ENDPOINTS, _COMPONENTS, _JOBS = (
    "/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/", "/aws/sagemaker/TransformJobs",
)  # fmt: skip


_OF_JOBS = (_JOBS, "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs")
# Names of jobs begin with their stack's, as far as there is room (core/names.py, job_base).
_JOB_PREFIX = 16


@dataclass(frozen=True)
class Source:
    """A log group, and the prefix of the streams in it that are the model's."""

    group: str
    streams: str = ""


@dataclass(frozen=True)
class Event:
    """One line: when, in milliseconds, from which stream, what."""

    at: int
    stream: str
    text: str
    id: str


def sources_of(name: str, address: dict[str, Any], endpoint: str | None) -> list[Source]:
    """Return where a model's containers log, by the content of its parameter. Raises GreensageError for devices."""
    if "inferenceComponent" in address:
        return [Source(f"{_COMPONENTS}{address['inferenceComponent']}")]
    if endpoint is not None:
        return [Source(f"{_ENDPOINTS}{endpoint}", address.get("targetContainer", ""))]
    if "stateMachine" in address:
        # A job's name begins with that of its state machine's construct; the streams with the job's.
        return [Source(_JOBS, name.lower()[:_JOB_PREFIX])]
    raise GreensageError("the model runs on devices and logs there: /greengrass/v2/logs")


def sources_of_stack(session: Any, name: str) -> list[Source]:
    """Return every log group that the stack of a model has, and the jobs' of the model; empty where there is no such stack.

    While an endpoint is being made, or when that failed, this is all that is known of it.
    """
    from botocore.exceptions import ClientError

    found: list[Source] = []
    try:
        for page in session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name):
            found += [
                Source(row["PhysicalResourceId"])
                for row in page["StackResourceSummaries"]
                if row["ResourceType"] == "AWS::Logs::LogGroup" and row.get("PhysicalResourceId")
            ]
    except ClientError as error:
        if "does not exist" in str(error):
            return []
        raise
    return [*found, *(Source(group, name.lower()[:_JOB_PREFIX]) for group in _OF_JOBS)] if found else []


def events(logs: Any, sources: list[Source], since_ms: int, pattern: str | None = None) -> Iterator[Event]:
    """Yield what was logged since, in the order of time. Raises GreensageError where a group is not there."""
    found: list[Event] = []
    for source in sources:
        asked: dict[str, Any] = {"logGroupName": source.group, "startTime": since_ms}
        asked |= {"logStreamNamePrefix": source.streams} if source.streams else {}
        asked |= {"filterPattern": pattern} if pattern else {}
        try:
            for page in logs.get_paginator("filter_log_events").paginate(**asked):
                found += [_event(row) for row in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            if len(sources) > 1:
                continue
            raise GreensageError(f"there is no log group {source.group}: nothing has run there yet") from None
    yield from sorted(found, key=lambda event: event.at)


def _event(row: dict[str, Any]) -> Event:
    at, stream, text = row["timestamp"], row["logStreamName"], row["message"]
    return Event(at, stream, text, row.get("eventId") or f"{stream} {at} {text}")
