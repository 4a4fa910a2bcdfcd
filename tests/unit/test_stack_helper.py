"""The function behind the custom resources always answers CloudFormation, also when its work fails."""

from __future__ import annotations

import http.server
import json
import threading

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


def image_build():
    return {"RequestType": "Update", "ResourceProperties": {"Project": "p", "Tag": "t", "Repository": "r"}}


def test_an_image_that_is_there_is_not_built_again():
    assert build.handle(image_build(), None, Ecr([{"imageId": {}}])) == ("p/t", {"Tag": "t"})


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


def test_a_failed_build_fails_the_resource():
    class CodeBuild:
        def start_build(self, projectName):
            return {"build": {"id": "p:1"}}

        def batch_get_builds(self, ids):
            return {"builds": [{"buildStatus": "FAILED"}]}

    with pytest.raises(RuntimeError, match="the build p:1 ended FAILED"):
        build.handle(image_build(), CodeBuild(), Ecr([]))


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
