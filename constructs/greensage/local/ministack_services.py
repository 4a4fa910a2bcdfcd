"""The other annex of ministack_api.py: its alarms, metrics, state machines, topics, buckets and builds."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .alarms import Point, judged, periods, state_of
from .clock import SCALE
from .metric_math import computed, queries_of
from .ministack_api import put_logs

Answer = tuple[int, dict[str, str], bytes]
# Metrics are published many times a second; a local cloud that runs for days must not fill the memory with them.
_MOST_POINTS = 20_000
_execution: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("execution", default=None)


class TaskFailed(Exception):
    """A task of a state machine failed: the error's name, by which states retry and catch, and its cause."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error, self.cause = error, cause


def put_metric(namespace: str, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
    """Record one CloudWatch data point."""
    from ministack.services import cloudwatch

    cloudwatch.record_metric(namespace, name, value, unit, dict(dimensions))
    key = (namespace, name, cloudwatch._dims_key(dict(dimensions)))
    rows = cloudwatch._metrics.get(key, [])
    if len(rows) > 2 * _MOST_POINTS:
        cloudwatch._metrics[key] = rows[-_MOST_POINTS:]


def points(namespace: str, name: str, dimensions: Mapping[str, str]) -> list[Point]:
    """Return the recorded samples of one metric of the account and Region at hand."""
    from ministack.services import cloudwatch

    rows = list(cloudwatch._metrics.get((namespace, name, cloudwatch._dims_key(dict(dimensions))), []))
    return [Point(row["Timestamp"], row["Value"]) for row in rows if row.get("Value") is not None]


def alarms() -> list[dict[str, Any]]:
    """Return the alarms of the account and Region at hand."""
    from ministack.services import cloudwatch

    return list(cloudwatch._alarms.values())


def alarms_that_fire(names: Sequence[str]) -> list[str]:
    """Return which of the alarms `names` are in ALARM."""
    return [alarm["AlarmName"] for alarm in alarms() if alarm["AlarmName"] in names and alarm["StateValue"] == "ALARM"]


def evaluate_alarms(now: float) -> None:
    """Bring every alarm of the account and Region at hand up to date."""
    for alarm in alarms():
        _evaluate(alarm, now)


def replace_alarm_evaluation() -> None:
    """ministack mixes dimensions and periods and never leaves ALARM; our loop evaluates as CloudWatch does."""
    from ministack.services import cloudwatch

    cloudwatch._evaluate_alarm = lambda alarm: None


def _evaluate(alarm: dict[str, Any], now: float) -> None:
    from ministack.services import cloudwatch

    if alarm.get("Metrics"):
        wanted = judged(alarm, _computed(alarm, now))
    else:
        read = points(alarm["Namespace"], alarm["MetricName"], _dimensions(alarm))
        wanted = state_of(alarm, read, now=now, scale=SCALE)
    if wanted is not None and wanted != alarm["StateValue"]:
        request = {"AlarmName": alarm["AlarmName"], "StateValue": wanted, "StateReason": "evaluated by the local cloud"}
        cloudwatch._set_alarm_state({}, request, False, True)


def _computed(alarm: Mapping[str, Any], now: float) -> list[float | None]:
    """The expression of an alarm in each of its periods, the newest first."""
    expression, metrics = queries_of(alarm)
    count = int(alarm["EvaluationPeriods"])
    columns: dict[str, list[float | None]] = {}
    for row in metrics:
        asked, metric = row["MetricStat"], row["MetricStat"]["Metric"]
        read = points(metric["Namespace"], metric["MetricName"], _dimensions(metric))
        columns[row["Id"]] = periods(read, asked["Stat"], now=now, period=float(asked["Period"]) * SCALE, count=count)
    return [computed(expression, {name: column[index] for name, column in columns.items()}) for index in range(count)]


def _dimensions(row: Mapping[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in row.get("Dimensions", [])}


def publish(topic_arn: str, message: Mapping[str, Any]) -> bool:
    """Publish `message` as JSON; False when there is no such topic."""
    from ministack.services import sns

    return sns.publish_internal(topic_arn, json.dumps(message)) is not None


def put_object(bucket: str, key: str, body: bytes, content_type: str) -> None:
    """Write one object, with versions and events as usual; the caller has checked the rights."""
    from ministack.services import s3

    status, _, answer = s3._put_object(bucket, key, body, {"content-type": content_type})
    if status >= 300:
        raise ValueError(answer.decode(errors="replace"))


def thing_group_exists(name: str) -> bool:
    """Return whether AWS IoT has the thing group."""
    from ministack.services import iot

    return name in iot._thing_groups


def call_function(arn: str, event: Mapping[str, Any]) -> Any:
    """Invoke a function and return its answer. TaskFailed, by the class of its error, when it fails."""
    from ministack.services import stepfunctions

    try:
        return stepfunctions._call_lambda(arn, dict(event))
    except stepfunctions._ExecutionError as failure:
        raise TaskFailed(failure.error, failure.cause) from None


def send_message(queue_url: str, message: Mapping[str, Any]) -> None:
    """Put `message` as JSON into a queue; the caller has checked the rights."""
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge

    eventbridge._dispatch_to_sqs(parse_arn(queue_arn(queue_url)), json.dumps(message))


def queue_arn(queue_url: str) -> str:
    """Return the ARN of a queue."""
    from ministack.services import sqs

    return sqs._get_q(queue_url)["attributes"]["QueueArn"]


def put_event(source: str, kind: str, resources: Sequence[str], detail: Mapping[str, Any]) -> None:
    """Have EventBridge deliver an event of one of AWS's services."""
    from ministack.services import eventbridge

    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "Resources": list(resources)}
    # The public API refuses sources that begin with aws.
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def on_task(prefix: str, handle: Callable[[str, Mapping[str, Any], str], Any]) -> None:
    """Have tasks whose resource starts with `prefix` done by `handle(resource, input, role_arn)`."""
    from ministack.services import stepfunctions

    execute = stepfunctions._execute_task

    def remember(state_def: Any, raw_input: Any, execution: Any, ctx: Any) -> Any:
        _execution.set(execution)
        return execute(state_def, raw_input, execution, ctx)

    def dispatch(resource: str, given: Mapping[str, Any]) -> Any:
        # The dispatcher passes no execution on, and without it there is no role to check.
        execution = _execution.get() or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn", ""), {})
        try:
            return handle(resource, given, machine.get("roleArn", ""))
        except TaskFailed as failure:
            raise stepfunctions._ExecutionError(failure.error, failure.cause) from None
        except Exception as failure:  # anything else would skip the state's Catch
            raise stepfunctions._ExecutionError("States.TaskFailed", f"{type(failure).__name__}: {failure}") from failure

    stepfunctions._execute_task = remember
    stepfunctions._SERVICE_DISPATCH[prefix] = dispatch


def on_build(
    build: Callable[[dict[str, Any], Mapping[str, str], Callable[[], None], Callable[[str], None]], Sequence[Any]],
) -> None:
    """Have CodeBuild run `build(project, variables, begun, log)`, whose phases (phase, status, message) say how it ended."""
    from ministack.core.concurrency import spawn_background
    from ministack.services import codebuild

    start = codebuild._start_build
    _keep_the_logs_of_projects()

    def start_and_run(data: dict[str, Any]) -> Answer:
        project = codebuild._projects.get(data.get("projectName", ""))
        status, headers, body = start(data)
        if not project or status >= 400:
            return status, headers, body
        rows = data.get("environmentVariablesOverride") or []
        identity = json.loads(body)["build"]["id"]
        record = codebuild._builds[identity]
        # ministack ends a build as it starts; those who poll must see one that waits for its turn.
        record.pop("endTime", None)
        record.update(
            buildStatus="IN_PROGRESS",
            currentPhase="QUEUED",
            buildComplete=False,
            phases=[],
            environment=project.get("environment") or {},
        )
        group = ((project.get("logsConfig") or {}).get("cloudWatchLogs") or {}).get(
            "groupName"
        ) or f"/aws/codebuild/{project['name']}"
        stream = identity.partition(":")[2]
        record["logs"] = {"groupName": group, "streamName": stream}
        # Before the work begins, or the answer to StartBuild might show its end.
        snapshot = json.dumps({"build": record}, default=str).encode()

        def work() -> None:
            def log(line: str) -> None:
                put_logs(group, stream, [line], may_create_group=False)

            try:
                phases = build(
                    project, {row["name"]: row["value"] for row in rows}, lambda: record.update(currentPhase="BUILD"), log
                )
            except Exception as error:
                phases = [("BUILD", "FAILED", f"{type(error).__name__}: {error}")]
                log(phases[0][2])
            record["phases"] = [
                {"phaseType": name, "phaseStatus": end, **({"contexts": [{"message": said, "statusCode": ""}]} if said else {})}
                for name, end, said in phases
            ]
            good = all(end == "SUCCEEDED" for _, end, _ in phases)
            codebuild._finish_build(record, "SUCCEEDED" if good else "FAILED")
            record["buildComplete"] = True

        spawn_background(work, thread_name="greensage-build")
        return status, headers, snapshot

    codebuild._start_build = start_and_run


def _keep_the_logs_of_projects() -> None:
    """ministack forgets where a project's builds log."""
    from ministack.services import codebuild
    from ministack.services.cloudformation import provisioners

    handler = provisioners._RESOURCE_HANDLERS["AWS::CodeBuild::Project"]
    create = handler["create"]

    def with_logs(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name, attributes = create(logical_id, props, stack_name)
        given = (props.get("LogsConfig") or {}).get("CloudWatchLogs") or {}
        codebuild._projects[name]["logsConfig"] = {
            "cloudWatchLogs": {"groupName": given.get("GroupName", ""), "status": "ENABLED"}
        }
        return name, attributes

    handler["create"] = with_logs
