"""Retention: logs end, also those that a service makes on its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...catalog.checks import assumed, line
from ...catalog.limits import LOG_RETENTION_DAYS
from .. import savings
from ..finding import Fail, Place
from ..rule import app_rule, rule
from ..template import Resource, Template
from ..values import Unresolved
from .shapes import at_deployment_only, jobs_of, runs_elsewhere

_GROUP = "AWS::Logs::LogGroup"


@rule("GS-RET01", "Log groups have an end", _GROUP)
def logs_end(group: Resource) -> Iterator[Fail]:
    if not group.has("RetentionInDays"):
        yield group.fails(
            "keeps its logs for ever",
            "RetentionInDays",
            saves=savings.log_group(group.region),
            fix=int(assumed("kept_days_instead").value),
        )


@rule("GS-RET02", "Logs are not kept for years", _GROUP)
def logs_end_soon(group: Resource, *, max_days: int = line("log_days_max")) -> Iterator[Fail]:
    days = group.number("RetentionInDays")
    if days is not None and days > max_days:
        yield group.fails(
            f"keeps its logs for {days:g} days; for an archive S3 takes a fraction of it",
            "RetentionInDays",
            saves=savings.log_group(group.region, days),
            fix=max_days if max_days in LOG_RETENTION_DAYS else None,
        )


@rule("GS-RET03", "Logs of endpoints have an end", "AWS::SageMaker::Endpoint")
def endpoint_logs(endpoint: Resource) -> Iterator[Fail]:
    yield from _service_logs(endpoint, "/aws/sagemaker/Endpoints/", "EndpointName")


@rule("GS-RET04", "Logs of functions have an end", "AWS::Lambda::Function")
def function_logs(function: Resource) -> Iterator[Fail]:
    """The CDK's own functions write a few lines per deployment."""
    if function.has("LoggingConfig", "LogGroup") or at_deployment_only(function) or runs_elsewhere(function):
        return
    if _may_not_log(function):
        return
    if any(function.id in row.refers_to("LogGroupName") for row in function.template.of_type("Custom::LogRetention")):
        return
    yield from _service_logs(function, "/aws/lambda/", "FunctionName")


# What may let a role log, or hides what it may.
_MAY_LOG = ("logs:", '"*"', "CloudWatch", "AWSLambda", "Fn::If", "Fn::FindInMap", "Fn::ImportValue", "Fn::Transform")


def _may_not_log(function: Resource) -> bool:
    """Whether the function's role stands in the template with nothing that could let it log: then no group is ever made."""
    role = function.target("Role")
    if role is None or role.type != "AWS::IAM::Role" or role.has("ManagedPolicyArns") or not role.has("Policies"):
        return False
    if role.template.users_of(role, "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        return False
    text = json.dumps(role.raw["Policies"], default=str)
    return not any(word in text for word in _MAY_LOG)


class _Jobs(NamedTuple):
    """Either a place that starts jobs whose logs go to `group`, or (place None) a declared log group."""

    place: Place | None
    group: str
    region: str | None


_JOB_PREFIX = "/aws/sagemaker/"
_JOB_GROUPS = {
    "createtrainingjob": "TrainingJobs",
    "createprocessingjob": "ProcessingJobs",
    "createtransformjob": "TransformJobs",
    # Tuning starts training jobs, which log as such.
    "createhyperparametertuningjob": "TrainingJobs",
}


def _job_logs(template: Template) -> Iterator[_Jobs]:
    for group in template.of_type(_GROUP):
        name = group.text("LogGroupName")
        if name.startswith(_JOB_PREFIX):
            yield _Jobs(None, name, template.scope.region)
    # Custom resources that set a retention: the CDK's own, and greensage's.
    for custom in template.resources.values():
        if custom.type.startswith("Custom::") and "LogRetention" in custom.type:
            yield _Jobs(None, custom.text("LogGroup") or custom.text("LogGroupName"), template.scope.region)
    for schedule in template.of_type("AWS::SageMaker::MonitoringSchedule"):
        yield _Jobs(schedule.place, f"{_JOB_PREFIX}ProcessingJobs", template.scope.region)
    for resource, _, call, _ in jobs_of(template):
        if call in _JOB_GROUPS:
            yield _Jobs(resource.place, f"{_JOB_PREFIX}{_JOB_GROUPS[call]}", template.scope.region)


@app_rule("GS-RET05", "Logs of training, processing and transform jobs have an end", collect=_job_logs)
def job_logs(facts: Iterable[_Jobs]) -> Iterator[tuple[Place, Fail]]:
    """All jobs of a Region write to one group per kind, which any stack of the app may declare."""
    rows = list(facts)
    declared = {row.group for row in rows if row.place is None}
    for group in sorted({row.group for row in rows if row.place is not None} - declared):
        first = next(row for row in rows if row.place is not None and row.group == group)
        assert first.place is not None
        yield (
            first.place,
            Fail(
                f"starts jobs whose log group {group} the service makes, to be kept for ever: declare it",
                ("Properties",),
                savings.log_group(first.region),
            ),
        )


@rule("GS-RET06", "Logs of builds have an end", "AWS::CodeBuild::Project")
def build_logs(project: Resource) -> Iterator[Fail]:
    logs = project.get("LogsConfig", "CloudWatchLogs", "Status")
    if logs == "DISABLED" or project.has("LogsConfig", "CloudWatchLogs", "GroupName"):
        return
    yield from _service_logs(project, "/aws/codebuild/", "Name")


@rule("GS-RET07", "Backups of databases are not kept for ever", "AWS::Backup::BackupPlan")
def backups_end(plan: Resource) -> Iterator[Fail]:
    for row in plan.list("BackupPlan", "BackupPlanRule"):
        if not row.has("Lifecycle", "DeleteAfterDays"):
            yield row.fails("keeps its backups for ever", "Lifecycle", "DeleteAfterDays", saves=savings.stored(plan.region))


def _service_logs(resource: Resource, prefix: str, name_key: str) -> Iterator[Fail]:
    """A group that the service makes has no end; one declared under the same name has (or GS-RET01 says so)."""
    used = frozenset(resource.template.scope.defaults_used)
    name = resource.text(name_key)
    named = frozenset(resource.template.scope.defaults_used)
    for group in resource.template.of_type(_GROUP):
        text = group.text("LogGroupName")
        if not text.startswith((prefix, "*")):
            continue
        if resource.id in group.refers_to("LogGroupName") or (name and "*" not in name and text == prefix + name):
            return
        if not name and not group.refers_to("LogGroupName") and "*" in text:
            raise Unresolved("a log group in this template may be its own")
        if name and "*" in name and text == prefix + name:
            return
    if resource.id in resource.template.exported and resource.type == "AWS::SageMaker::Endpoint":
        raise Unresolved("it is exported: another stack may declare its log group")
    # The names of other groups that were looked at are no part of what is said.
    resource.template.scope.defaults_used = {*used, *named}
    group = f"{prefix}{name or '<its name>'}"
    yield resource.fails(
        f"logs to {group}, which the service makes, to be kept for ever: declare it with an end",
        name_key,
        saves=savings.log_group(resource.region),
    )
