"""Retrainings under way, by either engine; files that are gone; and the texts that both engines render."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import ANY, Stubber
from retraining.monitor import Monitor
from retraining.runs import MachineRuns, PipelineRuns
from retraining.store import File, Store

from greensage.drift.decide import History
from greensage.drift.labels import label_line
from greensage.drift.window import Statistics
from greensage.retraining.expressions import Ref, Text, for_pipelines, for_states
from tests.unit.drift.test_statistics import line

MACHINE = "arn:aws:states:eu-north-1:111111111111:stateMachine:churn"
GIVEN = {"number": 3, "name": "retraining-3", "report": "r", "reasons": ["auc is 0.5", "drift"]}


def stubbed(name: str):
    client = boto3.client(name, region_name="eu-north-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client, Stubber(client)


def summary(name: str, status: str, second: int) -> dict:
    return {
        "PipelineExecutionArn": f"arn:aws:sagemaker:eu-north-1:111111111111:pipeline/churn/execution/{second:012d}",
        "StartTime": datetime(2026, 11, 25, 0, 0, second, tzinfo=UTC), "PipelineExecutionStatus": status,
        "PipelineExecutionDisplayName": name,
    }  # fmt: skip


@pytest.mark.parametrize(("status", "outcome"), [("RUNNING", "joined"), ("FAILED", "ended")])
def test_a_name_that_was_taken_is_joined_or_has_ended(status, outcome):
    client, stub = stubbed("stepfunctions")
    stub.add_client_error("start_execution", "ExecutionAlreadyExists")
    stub.add_response(
        "describe_execution", {"status": status, "executionArn": "a" * 20, "stateMachineArn": MACHINE, "startDate": 0}
    )
    with stub:
        assert MachineRuns(client, MACHINE).start("retraining-3", GIVEN) == outcome


@pytest.mark.parametrize(("status", "outcome"), [("Executing", "joined"), ("Stopping", "joined"), ("Failed", "ended")])
def test_a_display_name_that_was_taken_is_joined_or_has_ended(status, outcome):
    client, stub = stubbed("sagemaker")
    stub.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": [summary("retraining-3", status, 1)]})
    with stub:
        assert PipelineRuns(client, "churn").start("retraining-3", GIVEN) == outcome


def test_a_pipeline_is_started_with_parameters_and_one_token():
    client, stub = stubbed("sagemaker")
    tokens = []
    for _ in range(2):  # asked twice at the same moment: SageMaker starts one
        stub.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": []})
        wanted = {
            "PipelineName": "churn", "PipelineExecutionDisplayName": "retraining-3", "ClientRequestToken": ANY,
            "PipelineParameters": [
                {"Name": "Number", "Value": "3"}, {"Name": "Name", "Value": "retraining-3"}, {"Name": "Report", "Value": "r"},
                {"Name": "Reasons", "Value": "auc is 0.5; drift"},
            ],
        }  # fmt: skip
        stub.add_response("start_pipeline_execution", {"PipelineExecutionArn": "arn"}, wanted)
    client.meta.events.register(
        "provide-client-params.sagemaker.StartPipelineExecution", lambda params, **_: tokens.append(params)
    )
    with stub:
        assert [PipelineRuns(client, "churn").start("retraining-3", GIVEN) for _ in range(2)] == ["started", "started"]
    assert len({row["ClientRequestToken"] for row in tokens}) == 1


def test_the_first_of_those_that_run_is_the_oldest():
    client, stub = stubbed("sagemaker")
    rows = [summary("c", "Executing", 3), summary("b", "Executing", 2), summary("a", "Failed", 1)]
    stub.add_response("list_pipeline_executions", {"PipelineExecutionSummaries": rows})
    with stub:
        assert PipelineRuns(client, "churn").first() == "b"


def test_a_file_that_expired_since_it_was_listed_is_empty():
    """A label file may go between the list and the read; what is left is judged."""
    client, stub = stubbed("s3")
    stub.add_client_error("get_object", "NoSuchKey")
    stub.add_response("get_object", {"Body": io.BytesIO(b"{}"), "ETag": "tag"})
    stub.add_client_error("get_object", "AccessDenied")
    store = Store(client, "bucket")
    with stub:
        assert list(store.lines(File("labels/old.jsonl", 9, 0.0))) == []
        assert store.read("labels/new.json") == {}
        with pytest.raises(Exception, match="AccessDenied"):
            list(store.lines(File("labels/secret.jsonl", 9, 0.0)))


def test_texts_are_rendered_for_each_engine():
    request = {"a": Text.of("s3://b/", Ref.NAME, "/x"), "b": [{"c": Text.of(Ref.ARTIFACT)}], "d": 1}
    assert for_states(request) == {"a.$": "States.Format('s3://b/{}/x', $.name)", "b": [{"c.$": "$.artifact"}], "d": 1}
    known = {Ref.NAME: "<name>", Ref.ARTIFACT: "<artifact>"}
    assert for_pipelines(request, known, "".join) == {"a": "s3://b/<name>/x", "b": [{"c": "<artifact>"}], "d": 1}


class Files:
    """A store of captures and labels that counts what is read."""

    def __init__(self, captures: list[list[bytes]], labels: list[bytes]) -> None:
        self.content = {f"capture/{index}": rows for index, rows in enumerate(captures)} | {"labels/0": labels}
        self.opened: list[str] = []

    def history(self) -> History:
        return History()

    def files(self, folder: str, **_: object) -> list[File]:
        return [File(key, 1, 0.0) for key in self.content if key.startswith(folder)]

    def lines(self, file: File) -> list[bytes]:
        self.opened.append(file.key)
        return self.content[file.key]


def joined(captures: list[list[bytes]], labels: list[bytes], most: int):
    monitor = Monitor({"label_days": 7, "most_rows": most, "drift": None}, Files(captures, labels))  # type: ignore[arg-type]
    monitor.__dict__["baseline"] = Statistics.of(["a", "b"])
    return monitor.joined(1e9)[1], monitor.store.opened  # type: ignore[attr-defined]


def test_no_more_captures_are_read_than_are_judged():
    captures = [[line(f"{day},{row}", identity=f"{day}-{row}") for row in range(4)] for day in range(5)]
    labels = [label_line(f"{day}-{row}", day).encode() for day in range(5) for row in range(4)]
    rows, opened = joined(captures, labels, most=6)
    assert rows.arrays()[0].tolist() == [3, 3, 4, 4, 4, 4] and opened == ["labels/0", "capture/4", "capture/3"]
    late = [label_line(f"1-{row}", 1).encode() for row in range(4)]
    rows, opened = joined(captures, late, most=6)  # found on the second day, and then there is nothing more to find
    assert rows.arrays()[0].tolist() == [1] * 4 and opened[1:] == [f"capture/{day}" for day in (4, 3, 2, 1)]
    rows, opened = joined(captures, [], most=6)
    assert len(rows.latest()[0]) == 6 and len(opened) == 3 and rows.unlabelled == 8
