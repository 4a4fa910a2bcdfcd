"""The function behind the custom resources always answers CloudFormation, also when its work fails."""

from __future__ import annotations

import http.server
import json
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from stack_helper import bucket, build, compile, handler, log_retention


@pytest.fixture
def answers():
    received = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/answer", received
        server.shutdown()


def event(url: str, **changes):
    base = {
        "RequestType": "Create", "ResourceType": "Custom::GreensageArtifact", "LogicalResourceId": "Copy", "StackId": "s",
        "RequestId": "r", "ResponseURL": url, "ResourceProperties": {},
    }  # fmt: skip
    return {**base, **changes}


def test_success_is_answered_with_the_physical_id(answers, monkeypatch):
    url, received = answers
    monkeypatch.setitem(handler.ACTIONS, "Custom::GreensageArtifact", lambda event: ("bucket/key", {"Key": "key"}))
    handler.on_event(event(url), None)
    assert received[0]["Status"] == "SUCCESS"
    assert received[0]["PhysicalResourceId"] == "bucket/key"


def test_a_failure_is_answered_with_its_reason(answers, monkeypatch):
    url, received = answers

    def fail(event):
        raise RuntimeError("no such object")

    monkeypatch.setitem(handler.ACTIONS, "Custom::GreensageArtifact", fail)
    handler.on_event(event(url, PhysicalResourceId="old"), None)
    assert (received[0]["Status"], received[0]["PhysicalResourceId"]) == ("FAILED", "old")
    assert "RuntimeError: no such object" in received[0]["Reason"]


def test_a_resource_type_that_nobody_handles_is_answered_too(answers):
    url, received = answers
    handler.on_event(event(url, ResourceType="Custom::Other"), None)
    assert received[0]["Status"] == "FAILED"


class Ecr:
    def __init__(self, images):
        self.images = images

    def batch_get_image(self, repositoryName, imageIds):
        return {"images": self.images}


class Machines:
    """Step Functions, as far as the function that starts a build knows it."""

    def __init__(self):
        self.started = []

    def start_execution(self, **request):
        self.started.append(request)


class CodeBuild:
    """`builds` by id; a new one is `next`, or the account's queue is full."""

    class exceptions:
        class AccountLimitExceededException(Exception):
            pass

    def __init__(self, builds=(), full=False):
        self.builds, self.full, self.begun = {row["id"]: row for row in builds}, full, 0

    def list_builds_for_project(self, **asked):
        return {"ids": list(self.builds)}

    def batch_get_builds(self, ids):
        return {"builds": [self.builds[name] for name in ids]}

    def start_build(self, projectName):
        if self.full:
            raise self.exceptions.AccountLimitExceededException("Cannot have more than 0 builds in queue for the account")
        self.begun += 1
        return {"build": {"id": "p:new"}}


def image_build(request_type="Update"):
    return {"RequestType": request_type, "ResourceProperties": {"Project": "p", "Tag": "t", "Repository": "r", "Builder": "b"}}


def test_an_image_that_is_there_is_not_built_again():
    machines = Machines()
    assert build.begin(image_build(), Ecr([{"imageId": {}}]), machines) == ("p/t", {"Tag": "t"})
    assert machines.started == []


def test_a_build_is_waited_for_by_a_state_machine_and_not_by_the_function(answers, monkeypatch):
    url, received = answers
    machines = Machines()
    monkeypatch.setitem(
        handler.ACTIONS, "Custom::GreensageImageBuild", lambda event: build.begin({**event, **image_build()}, Ecr([]), machines)
    )
    handler.on_event(event(url, ResourceType="Custom::GreensageImageBuild"), None)
    assert received == [], "who waits answers"
    (started,) = machines.started
    assert started["stateMachineArn"] == "b" and json.loads(started["input"])["ResponseURL"] == url


def running(tag="t", status="IN_PROGRESS"):
    environment = {"environmentVariables": [{"name": "PLATFORM", "value": "linux/arm64"}, {"name": "TAG", "value": tag}]}
    return {"id": "p:1", "buildStatus": status, "environment": environment}


def test_a_build_that_an_earlier_deployment_left_running_is_joined():
    joined = CodeBuild([running()])
    assert build.start(image_build(), joined) == {"id": "p:1"} and joined.begun == 0
    ended = CodeBuild([running(status="FAILED")])
    assert build.start(image_build(), ended) == {"id": "p:new"} and ended.begun == 1
    # A project keeps its name when the sources of its image change.
    other = CodeBuild([running("another")])
    assert build.start(image_build(), other) == {"id": "p:new"} and other.begun == 1


def test_a_full_queue_is_told_apart_and_says_what_a_new_account_does():
    with pytest.raises(build.QueueFull, match="Account and billing"):
        build.start(image_build(), CodeBuild(full=True))


@pytest.mark.parametrize(("request_type", "said"), [("Update", "goes on: deploy again"), ("Create", "deploy with --no-rollback")])
def test_a_build_that_takes_longer_than_cloudformation_waits_says_what_becomes_of_it(request_type, said):
    asked, builds = image_build(request_type), CodeBuild([running()])
    assert build.check("p:1", datetime.now(UTC).isoformat(), asked, builds, Ecr([])) == {"done": False}
    with pytest.raises(RuntimeError, match=said):
        build.check("p:1", (datetime.now(UTC) - timedelta(minutes=59)).isoformat(), asked, builds, Ecr([]))


def test_a_build_is_done_when_its_image_is_there():
    ended, now = CodeBuild([running(status="SUCCEEDED")]), datetime.now(UTC).isoformat()
    assert build.check("p:1", now, image_build(), ended, Ecr([{"imageId": {}}])) == {"done": True}
    with pytest.raises(RuntimeError, match="succeeded, but r:t is not there"):
        build.check("p:1", now, image_build(), ended, Ecr([]))


def test_the_state_machine_of_a_build_answers_cloudformation(answers):
    url, received = answers
    asked = event(url, **image_build())
    handler.on_event({"step": "answer", "event": asked}, None)
    handler.on_event({"step": "fail", "event": asked, "failure": {"Cause": json.dumps({"errorMessage": "it broke"})}}, None)
    handler.on_event({"step": "fail", "event": asked, "failure": {"Error": "States.Timeout", "Cause": ""}}, None)
    assert [row["Status"] for row in received] == ["SUCCESS", "FAILED", "FAILED"]
    assert received[0]["Data"] == {"Tag": "t"} and [row["Reason"] for row in received[1:]] == ["it broke", "States.Timeout: "]


def test_what_an_older_greensage_left_behind_is_deleted_without_a_word(answers):
    url, received = answers
    handler.on_event(
        event(url, RequestType="Delete", ResourceType="Custom::GreensageImagePin", PhysicalResourceId="r/in-use"), None
    )
    assert (received[0]["Status"], received[0]["PhysicalResourceId"]) == ("SUCCESS", "r/in-use")


def denied():
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "not yet"}}, "CopyObject")


def test_a_right_that_is_not_known_yet_is_waited_for(answers, monkeypatch):
    url, received = answers
    outcomes = iter([denied(), denied(), ("b/k", {})])

    def work(event):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(handler, "IAM_SECONDS", 0)
    monkeypatch.setitem(handler.ACTIONS, "Custom::GreensageArtifact", work)
    handler.on_event(event(url), None)
    assert received[0]["Status"] == "SUCCESS"


class S3:
    def __init__(self, tags):
        self.tags, self.deleted = tags, []

    def get_bucket_tagging(self, Bucket):
        return {"TagSet": self.tags}

    def get_paginator(self, name):
        return self

    def paginate(self, Bucket):
        return [{"Versions": [{"Key": "a", "VersionId": "1"}], "DeleteMarkers": [{"Key": "a", "VersionId": "2"}]}]

    def delete_objects(self, Bucket, Delete):
        self.deleted += Delete["Objects"]
        return {}


@pytest.mark.parametrize(("tags", "count"), [([bucket.EMPTY_ON_DELETE], 2), ([], 0)])
def test_a_bucket_is_emptied_only_while_it_says_so(tags, count):
    s3 = S3(tags)
    bucket.handle({"RequestType": "Delete", "PhysicalResourceId": "empty-b", "ResourceProperties": {"Bucket": "b"}}, s3)
    assert len(s3.deleted) == count


def test_a_failed_build_says_in_which_phase_why_and_where_its_log_is():
    phases = [{"phaseType": "BUILD", "contexts": [{"message": "COMMAND_EXECUTION_ERROR: exit status 1"}]}]
    failed = CodeBuild([{"id": "p:1", "buildStatus": "FAILED", "phases": phases, "logs": {"groupName": "/aws/codebuild/p"}}])
    with pytest.raises(RuntimeError, match=r"p:1 ended FAILED in BUILD: COMMAND_EXECUTION_ERROR.*aws logs tail /aws/codebuild/p"):
        build.check("p:1", datetime.now(UTC).isoformat(), image_build(), failed, Ecr([]))


def compilation(request_type: str = "Create", **changes):
    props = {
        "Input": "s3://b/models/m/m-1.tar.gz", "Output": "s3://b/models/m/compiled/", "Framework": "ONNX", "Device": "jetson_xavier",
        "InputShape": '{"X": [1, 64]}', "RoleArn": "arn:aws:iam::111111111111:role/neo", **changes,
    }  # fmt: skip
    return {"RequestType": request_type, "RequestId": "r", "PhysicalResourceId": "s3://b/k.tar.gz", "ResourceProperties": props}


@pytest.fixture
def neo():
    """boto3's client, whose requests are checked against the API's model, answering what a test says."""
    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        yield client, stub


def described(status: str, **changes):
    return {
        "CompilationJobName": "n", "CompilationJobArn": "arn:aws:sagemaker:eu-west-1:111111111111:compilation-job/n",
        "CompilationJobStatus": status, "StoppingCondition": {}, "CreationTime": 0, "LastModifiedTime": 0, "FailureReason": "",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/models/m/compiled/m-1-jetson_xavier.tar.gz"},
        "RoleArn": "arn:aws:iam::111111111111:role/neo", "InputConfig": {"S3Uri": "s3://b/k", "Framework": "ONNX"},
        "OutputConfig": {"S3OutputLocation": "s3://b/o"}, **changes,
    }  # fmt: skip


def test_a_compilation_is_waited_for_and_names_its_archive(neo, monkeypatch):
    client, stub = neo
    monkeypatch.setattr(compile, "POLL_SECONDS", 0)
    stub.add_response("create_compilation_job", {"CompilationJobArn": described("COMPLETED")["CompilationJobArn"]})
    stub.add_response("describe_compilation_job", described("INPROGRESS"))
    stub.add_response("describe_compilation_job", described("COMPLETED"))
    physical_id, data = compile.handle(compilation(), client, None)
    assert physical_id == "s3://b/models/m/compiled/m-1-jetson_xavier.tar.gz"
    assert data == {"Key": "models/m/compiled/m-1-jetson_xavier.tar.gz", "File": "m-1-jetson_xavier.tar.gz"}


def test_a_compilation_that_fails_says_why(neo, monkeypatch):
    client, stub = neo
    stub.add_response("create_compilation_job", {"CompilationJobArn": described("FAILED")["CompilationJobArn"]})
    stub.add_response("describe_compilation_job", described("FAILED", FailureReason="ONNX 1.19 is too new"))
    with pytest.raises(RuntimeError, match=r"FAILED: ONNX 1\.19 is too new"):
        compile.handle(compilation(), client, None)


def test_a_compilation_without_end_is_stopped(neo, monkeypatch):
    client, stub = neo
    monkeypatch.setattr(compile, "LONGEST_SECONDS", 1.0)
    monkeypatch.setattr(compile, "POLL_SECONDS", 1.1)
    stub.add_response("create_compilation_job", {"CompilationJobArn": described("INPROGRESS")["CompilationJobArn"]})
    stub.add_response("describe_compilation_job", described("INPROGRESS"))
    stub.add_response("stop_compilation_job", {})
    with pytest.raises(RuntimeError, match="was stopped"):
        compile.handle(compilation(), client, None)


def test_the_compiled_archive_goes_with_its_resource():
    deleted = []

    class S3:
        def delete_object(self, **request):
            deleted.append(request)

    compile.handle(compilation("Delete"), None, S3())
    assert deleted == [{"Bucket": "b", "Key": "k.tar.gz"}]
    compile.handle({**compilation("Delete"), "PhysicalResourceId": "Job"}, None, S3())
    assert len(deleted) == 1


def test_a_shared_log_group_gets_a_retention_and_stays():
    client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    event = {"RequestType": "Create", "ResourceProperties": {"LogGroup": "/aws/sagemaker/TransformJobs", "Days": "14"}}
    with Stubber(client) as stub:
        stub.add_client_error("create_log_group", "ResourceAlreadyExistsException")
        stub.add_response("put_retention_policy", {}, {"logGroupName": "/aws/sagemaker/TransformJobs", "retentionInDays": 14})
        assert log_retention.handle(event, client)[0] == "/aws/sagemaker/TransformJobs"
    assert log_retention.handle({**event, "RequestType": "Delete"}, None)[0] == "/aws/sagemaker/TransformJobs"
