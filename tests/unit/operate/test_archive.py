"""Logs in S3: whole days once, whatever fails in between, and nothing of groups that were not asked for."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.errors import SpecError
from greensage.operate.archive import DAY, archive, key_of
from greensage.planner import plan
from greensage.spec import load_specs
from tests.unit.operate.test_rightsize import write_model

NOW = 1_790_000_000.0 // DAY * DAY + 3 * 3_600
GROUP = "/aws/sagemaker/Endpoints/churn"


class Account:
    """Log groups with events, and a bucket."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        self.tagged: set[str] = set()
        self.events: dict[str, list[tuple[float, str]]] = {}
        self.objects: dict[str, bytes] = {}
        self.refused: set[str] = set()

    def group(self, name: str, *events: tuple[float, str], days: int = 14, age: int = 5, tagged: bool = True) -> None:
        self.groups[name] = {"logGroupName": name, "creationTime": (NOW - age * DAY) * 1000, "retentionInDays": days}
        self.events[name] = list(events)
        self.tagged |= {name} if tagged else set()

    def client(self, service: str) -> Account:
        return self

    def get_paginator(self, operation: str) -> Any:
        return type("Pages", (), {"paginate": lambda _, **asked: getattr(self, f"_{operation}")(**asked)})()

    def _describe_log_groups(self, logGroupNamePrefix: str) -> list[dict[str, Any]]:
        return [{"logGroups": [row]} for name, row in self.groups.items() if name.startswith(logGroupNamePrefix)]

    def list_tags_log_group(self, logGroupName: str) -> dict[str, Any]:
        return {"tags": {"greensage:archive-logs": "true"} if logGroupName in self.tagged else {}}

    def _list_objects_v2(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}, {}]

    def _filter_log_events(self, logGroupName: str, startTime: int, endTime: int) -> list[dict[str, Any]]:
        if logGroupName in self.refused:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "FilterLogEvents")
        rows = [
            {"timestamp": at * 1000, "logStreamName": "s", "message": text}
            for at, text in self.events[logGroupName]
            if startTime <= at * 1000 <= endTime
        ]
        return [{"events": rows[:1]}, {"events": rows[1:]}]

    def upload_fileobj(self, file: Any, bucket: str, key: str, ExtraArgs: dict[str, str]) -> None:
        assert ExtraArgs == {"ContentType": "application/gzip"}
        self.objects[key] = file.read()


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def test_each_whole_day_becomes_one_file_and_today_waits():
    account, yesterday = Account(), NOW // DAY * DAY - DAY
    account.group(GROUP, (yesterday + 5, "first"), (yesterday + DAY - 1, "last"), (yesterday + DAY, "today"), age=3)
    done = archive(account, "b", prefix="/aws/sagemaker/", now=NOW)
    assert [row["message"] for row in lines(account.objects[key_of(GROUP, yesterday)])] == ["first", "last"]
    # Of three days before today; those without a line are done too.
    assert (len(done.keys), done.lines, done.problems) == (3, 2, [])
    assert key_of(GROUP, yesterday).startswith("logs/group=aws-sagemaker-Endpoints-churn/year=2026/month=")
    before = dict(account.objects)
    again = archive(account, "b", prefix="/aws/sagemaker/", now=NOW)
    assert again.keys == [] and account.objects == before


def test_a_day_waits_for_late_lines():
    account, today = Account(), NOW // DAY * DAY
    account.group(GROUP, age=1)
    assert archive(account, "b", prefix="/", now=today + 3_600).keys == []
    assert archive(account, "b", prefix="/", now=today + 7_201).keys != []


def test_only_what_was_asked_for():
    account = Account()
    account.group("/aws/sagemaker/Endpoints/theirs", tagged=False)
    account.group("/aws/lambda/other")
    assert archive(account, "b", prefix="/aws/sagemaker/", now=NOW).keys == []


def test_what_is_thrown_away_by_cloudwatch_is_not_asked_for():
    account = Account()
    account.group(GROUP, days=3, age=300)
    assert len(archive(account, "b", prefix="/", now=NOW).keys) == 3


def test_a_group_that_fails_is_told_and_the_next_one_is_archived():
    account = Account()
    account.group("/a")
    account.group("/b")
    account.refused = {"/a"}
    done = archive(account, "b", prefix="/", now=NOW)
    assert done.problems[0].startswith("/a: ") and all("group=b" in key for key in done.keys) and done.keys
    account.refused = set()
    assert len(archive(account, "b", prefix="/", now=NOW).keys) == len(done.keys)


def test_a_function_that_runs_out_of_time_goes_on_the_next_day():
    account, left = Account(), iter([False, False, True])
    account.group(GROUP, age=5)
    done = archive(account, "b", prefix="/", now=NOW, enough=lambda: next(left))
    assert done.unfinished and len(done.keys) == 2 and "the rest next time" in done.words
    assert len(archive(account, "b", prefix="/", now=NOW).keys) == 3


def test_the_same_day_has_the_same_bytes():
    account, day = Account(), NOW // DAY * DAY - DAY
    account.group(GROUP, *((day + second, "GET /invocations 200 " * 5) for second in range(2_000)))
    done = archive(account, "b", prefix="/", now=NOW)
    first = account.objects[key_of(GROUP, day)]
    account.objects = {}
    archive(account, "b", prefix="/", now=NOW)
    assert account.objects[key_of(GROUP, day)] == first and done.kept_bytes < 0.1 * done.read_bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logs: {storage: infrequent-access, archive_days: 365}", "cannot be read for an archive"),
        ("logs: {archive_days: 365}\nretention: {logs_days: 1}", "needs retention.logs_days of 3"),
        ("logs: {requests_percent: 101}", "100"),
        ("hosting: batch\nlogs: {archive_days: 10}", "no log group of its own to archive"),
        ("hosting: inference-components\ngroup: g\nlogs: {storage: infrequent-access}", "whose class could be chosen"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(tmp_path, text, said):
    write_model(tmp_path, "m", text)
    with pytest.raises(Exception, match=said) as caught:
        plan(load_specs(tmp_path))
    assert isinstance(caught.value, SpecError) or "logs" in str(caught.value)


def test_volume_and_saving_are_said(tmp_path):
    write_model(tmp_path, "m", "traffic: {requests_per_day: 1_000_000}\nlogs: {storage: infrequent-access, requests_percent: 1}")
    (model,) = plan(load_specs(tmp_path)).models
    choice = next(item for item in model.choices if item.about == "logs")
    assert choice.value == "14 days, infrequent access"
    assert choice.reason.startswith("0.030 GB a month, 0.01 USD") and "less than usual" in choice.reason
