"""The function behind the custom resources always answers CloudFormation, also when its work fails."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from stack_helper import build, handler


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


def test_a_failed_build_fails_the_resource():
    class CodeBuild:
        def start_build(self, projectName):
            return {"build": {"id": "p:1"}}

        def batch_get_builds(self, ids):
            return {"builds": [{"buildStatus": "FAILED"}]}

    with pytest.raises(RuntimeError, match="the build p:1 ended FAILED"):
        build.handle({"RequestType": "Create", "ResourceProperties": {"Project": "p", "Tag": "t"}}, CodeBuild())
