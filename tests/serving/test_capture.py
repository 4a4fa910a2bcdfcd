"""Capture by the container: SageMaker's own format, a file for each model, nothing lost in silence."""

from __future__ import annotations

import json
import logging

import pytest

from greensage.drift.capture import read
from server.capture import Capture
from server.settings import Settings

HEADERS = {b"content-type": b"text/csv", b"x-amzn-sagemaker-inference-id": b"mine"}


def capture(put, percent: float = 100) -> Capture:
    return Capture(Settings(capture_uri="s3://bucket/loop/capture/", capture_percent=percent), put)


def test_what_is_captured_is_read_by_the_monitor():
    files: dict[str, bytes] = {}
    made = capture(lambda bucket, key, content: files.update({f"{bucket}/{key}": content}))
    made.keep("churn", HEADERS, b"1,2\n", b'{"predictions": [0.5]}', "application/json")
    made.keep("wine", {b"content-type": b"application/x-npy"}, b"\x93NUMPY", b"0.5\n", "text/csv")
    made.stop()
    (churn,) = [content for key, content in files.items() if key.startswith("bucket/loop/capture/churn/AllTraffic/")]
    (batch,) = read(churn.splitlines(), 2)
    assert batch.features.tolist() == [[1.0, 2.0]] and batch.outputs.tolist() == [[0.5]] and batch.ids == ["mine"]
    (wine,) = [content for key, content in files.items() if "/wine/" in key]
    assert json.loads(wine)["captureData"]["endpointInput"]["encoding"] == "BASE64"


def test_only_a_sample_is_kept():
    kept: list[bytes] = []
    made = capture(lambda bucket, key, content: kept.append(content), percent=10)
    for _ in range(2_000):
        made.keep("churn", HEADERS, b"1", b"2", "text/csv")
    made.stop()
    rows = sum(content.count(b"\n") for content in kept)
    assert 120 < rows < 290


def test_what_cannot_be_written_waits_and_is_said(caplog):
    working = False
    kept: list[bytes] = []

    def put(bucket: str, key: str, content: bytes) -> None:
        if not working:
            raise OSError("no network")
        kept.append(content)

    made = capture(put)
    made.keep("churn", HEADERS, b"1", b"2", "text/csv")
    with caplog.at_level(logging.ERROR):
        made.write()
    assert "1 requests wait" in caplog.text
    working = True
    made.stop()
    assert len(kept) == 1


@pytest.mark.parametrize("percent", [0.0])
def test_nothing_is_captured_unless_it_is_asked_for(percent):
    assert Settings.from_environment({}).capture_uri == "" and Settings().capture_percent == percent


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("wine-0123456789ab.tar.gz", "wine"),
        ("red-wine-0123456789ab.tar.gz", "red-wine"),
        ("by-hand.tar.gz", "by-hand"),
        (None, "3f9a"),
    ],
)
def test_a_shared_container_puts_the_models_name_where_the_prefix_says(target, folder):
    """SageMaker loads models under a hash of its own; the caller's header says which one was meant."""
    files: list[str] = []
    settings = Settings(capture_uri="s3://bucket/{model}/capture/", capture_percent=100)
    made = Capture(settings, lambda bucket, key, content: files.append(key))
    headers = HEADERS if target is None else {**HEADERS, b"x-amzn-sagemaker-target-model": target.encode()}
    made.keep("3f9a", headers, b"1", b"2", "text/csv")
    made.stop()
    assert [name.startswith(f"{folder}/capture/AllTraffic/") for name in files] == [True]


def test_a_shared_container_captures_whom_it_is_told_to_by_their_own_percentages():
    files: dict[str, bytes] = {}
    settings = Settings.from_environment(
        {"GREENSAGE_CAPTURE_URI": "s3://bucket/{model}/capture/", "GREENSAGE_CAPTURE_MODELS": '{"wine":100,"iris":10}'}
    )
    made = Capture(settings, lambda bucket, key, content: files.update({key.split("/")[0]: content}))
    for name in ("wine", "iris", "private"):
        for _ in range(400):
            made.keep(
                "hash",
                {**HEADERS, b"x-amzn-sagemaker-target-model": f"{name}-0123456789ab.tar.gz".encode()},
                b"1",
                b"2",
                "text/csv",
            )
    made.write()
    made.stop()
    assert set(files) <= {"wine", "iris"} and "wine" in files
