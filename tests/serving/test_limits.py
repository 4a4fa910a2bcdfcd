"""What the container may use is its control group's, and what it captured is written before it ends."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from server import limits

from .running import post, start, unpacked


@pytest.fixture
def group(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_GROUP", tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return write


def test_memory_is_the_control_groups_where_that_is_less(group):
    whole = limits.available_bytes()
    group(memory_max="300000000\n", memory_current="250000000\n", memory_stat="anon 1\ninactive_file 20000000\n")
    assert limits.available_bytes() == 70_000_000
    group(memory_max="max\n")
    assert limits.available_bytes() == pytest.approx(whole, rel=0.2)


def test_processors_are_the_control_groups_quota(group):
    group(cpu_max="50000 100000\n")
    assert limits.cpus() == 1
    group(cpu_max="max 100000\n")
    assert limits.cpus() >= 1


def test_what_was_captured_is_written_before_the_container_ends(tmp_path):
    """SageMaker sends SIGTERM to instances that it takes away; the requests of the last half minute are not lost."""
    got: list[bytes] = []

    class S3(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), S3)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    container = start(
        unpacked("iris", tmp_path), GREENSAGE_CAPTURE_URI="s3://bucket/loop", GREENSAGE_CAPTURE_PERCENT="100",
        AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{server.server_port}", AWS_DEFAULT_REGION="eu-north-1",
        AWS_ACCESS_KEY_ID="tests", AWS_SECRET_ACCESS_KEY="tests", AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
    )  # fmt: skip
    try:
        for _ in range(3):
            assert post(container, b"5,3,1.5,0.2", "text/csv")[0] == 200
        assert got == []
    finally:
        container.stop()
        server.shutdown()
        server.server_close()
    rows = [json.loads(line) for content in got for line in content.splitlines() if line.startswith(b"{")]
    assert len(rows) == 3 and rows[0]["captureData"]["endpointInput"]["data"] == "5,3,1.5,0.2"
