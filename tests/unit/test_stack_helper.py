"""The function behind the custom resources always answers CloudFormation, also when its work fails."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from botocore.exceptions import ClientError

from stack_helper import bucket, build, handler


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
