"""CloudWatch is read page by page, five hundred queries at a time, and what was not published is not zero."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.errors import GreensageError
from greensage.operate.metrics import Query, Window, read_metrics

WINDOW = Window(1_000_000_020.0, 1_000_003_620.0)


class CloudWatch:
    """Answers with one point of each metric a page, but for those called `silent`."""

    def __init__(self, pages: int = 1, status: str = "Complete", error: Exception | None = None) -> None:
        self.calls: list[int] = []
        self._pages, self._status, self._error = pages, status, error

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **asked: Any) -> Any:
        if self._error:
            raise self._error
        queries = asked["MetricDataQueries"]
        self.calls.append(len(queries))
        for page in range(self._pages):
            at = datetime.fromtimestamp(1_000_000_020 + 60 * page, UTC)
            yield {"MetricDataResults": [self._result(query, at, page) for query in queries]}

    def _result(self, query: Any, at: datetime, page: int) -> Any:
        silent = query["MetricStat"]["Metric"]["MetricName"] == "silent"
        return {
            "Id": query["Id"], "StatusCode": self._status, "Messages": [{"Code": "x", "Value": "not for you"}],
            "Timestamps": [] if silent else [at], "Values": [] if silent else [float(page)],
        }  # fmt: skip


def query(name: str) -> Query:
    return Query("AWS/SageMaker", name, (("EndpointName", "a"),), "Sum")


def test_pages_are_put_together_and_silence_is_no_zero():
    found = read_metrics(CloudWatch(pages=3), [query("Invocations"), query("silent")], WINDOW, period=60)
    assert found[query("Invocations")] == ((1_000_000_020.0, 0.0), (1_000_000_080.0, 1.0), (1_000_000_140.0, 2.0))
    assert found[query("silent")] == ()


def test_a_thousand_metrics_take_two_calls_and_the_same_one_is_asked_once():
    cloud = CloudWatch()
    read_metrics(cloud, [query(str(number % 1000)) for number in range(2000)], WINDOW, period=60)
    assert cloud.calls == [500, 500]


def test_a_refusal_is_no_empty_answer():
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetMetricData")
    with pytest.raises(GreensageError, match="not you"):
        read_metrics(CloudWatch(error=refused), [query("x")], WINDOW, period=60)
    with pytest.raises(GreensageError, match="Forbidden not for you"):
        read_metrics(CloudWatch(status="Forbidden"), [query("x")], WINDOW, period=60)
