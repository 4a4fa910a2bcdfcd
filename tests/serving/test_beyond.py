"""What the container does besides answering: code of the user, figures, sampled lines, no root, captures at the end."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from greensage.local.containers import ContainerFailed

from .running import expected, post, serving, unpacked

RECORDIO = "application/x-recordio-protobuf"


def with_code(name: str, folder: Path, code: str) -> Path:
    unpacked(name, folder)
    (folder / "inference.py").write_text(code)
    return folder


def predictions(container, rows) -> list:
    status, _, body = post(container, json.dumps({"instances": rows}).encode(), "application/json")
    assert status == 200, body
    return json.loads(body)["predictions"]


def test_hooks_around_the_servers_own_model(tmp_path):
    code = "def preprocess(rows):\n    return rows[:, :-1]\n\ndef postprocess(answers):\n    return answers.argmax(axis=1)\n"
    found = expected("iris")
    with serving(with_code("iris", tmp_path, code), GREENSAGE_ALLOW_CODE="1") as container:
        rows = [[*row, 99.0] for row in found["rows"]]
        assert predictions(container, rows) == np.argmax(found["predictions"], axis=1).tolist()


def test_a_model_of_which_only_the_users_code_knows(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "weights.bin").write_bytes(np.array([1.0, 10.0]).tobytes())
    (tmp_path / "code/helper.py").write_text(
        "import numpy as np\n\ndef read(path):\n    return np.frombuffer(path.read_bytes())\n"
    )
    (tmp_path / "code/inference.py").write_text(
        "import helper\n\ndef load(folder):\n    return helper.read(folder / 'weights.bin')\n\n"
        "def predict(model, rows):\n    return rows @ model\n"
    )
    with serving(tmp_path, GREENSAGE_ALLOW_CODE="1") as container:
        assert predictions(container, [[1, 2], [3, 4]]) == [21.0, 43.0]


@pytest.mark.parametrize(
    ("code", "environment", "text"),
    [
        ("def predict(model, rows):\n    return rows\n", {}, "set allow_code: true"),
        ("x = 1\n", {"GREENSAGE_ALLOW_CODE": "1"}, "defines none of load, preprocess"),
        ("import nothing_like_it\n", {"GREENSAGE_ALLOW_CODE": "1"}, "No module named 'nothing_like_it'"),
        ("def load(folder):\n    return 1\n", {"GREENSAGE_ALLOW_CODE": "1"}, "define predict too"),
        (
            "def load(folder):\n    raise KeyError('weights')\n\ndef predict(model, rows):\n    return rows\n",
            {"GREENSAGE_ALLOW_CODE": "1"},
            "load of inference.py failed: KeyError",
        ),
    ],
)
def test_code_that_cannot_run_is_refused_with_the_reason(tmp_path, code, environment, text):
    with pytest.raises(ContainerFailed, match=re.escape(text)), serving(with_code("iris", tmp_path, code), **environment):
        pass


def test_code_that_answers_nonsense_is_the_models_fault(tmp_path):
    folder = with_code("iris", tmp_path, "def postprocess(answers):\n    return answers[:1]\n")
    with serving(folder, GREENSAGE_ALLOW_CODE="1") as container:
        status, _, body = post(container, b"1,2,3,4\n5,6,7,8\n", "text/csv")
        assert status == 500 and b"has to answer each of 2 rows" in body


def test_figures_in_the_embedded_metric_format_and_a_line_for_each_sampled_request(tmp_path):
    lines: list[str] = []
    with serving(
        unpacked("iris", tmp_path), lines=lines, GREENSAGE_METRICS_SECONDS="0.2", GREENSAGE_LOG_PERCENT="100"
    ) as container:
        for _ in range(5):
            assert post(container, b"5,3,1.5,0.2", "text/csv")[0] == 200
        assert post(container, b"not a number", "text/csv")[0] == 400
        end = time.monotonic() + 10
        while time.monotonic() < end and sum(row.get("Invocations", 0) for row in told(lines)) < 6:
            time.sleep(0.1)
    rows = told(lines)
    metrics = [row for row in rows if "_aws" in row]
    assert sum(row["Invocations"] for row in metrics) == 6 and sum(row["Invocation4XXErrors"] for row in metrics) == 1
    assert sum(row["ModelLoads"] for row in metrics) == 1 and max(row["MemoryUsed"] for row in metrics) > 10_000_000
    for row in metrics:  # what CloudWatch needs to see metrics in the line
        (asked,) = row["_aws"]["CloudWatchMetrics"]
        assert asked["Namespace"] == "greensage/Serving" and asked["Dimensions"] == [["Endpoint"]] and "Endpoint" in row
        assert all(item["Name"] in row for item in asked["Metrics"]) and row["_aws"]["Timestamp"] > 1e12
    requests = [row for row in rows if "request" in row]
    assert [row["status"] for row in requests] == [200] * 5 + [400]
    assert all(row["ms"] > 0 and set(row) == {"request", "status", "ms", "in", "out"} for row in requests)


def told(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in list(lines) if line.startswith("{")]


def test_it_says_nothing_of_a_request_unless_asked(tmp_path):
    lines: list[str] = []
    with serving(unpacked("iris", tmp_path), lines=lines) as container:
        assert post(container, b"5,3,1.5,0.2", "text/csv")[0] == 200
    assert lines == []


def others_may_run_python() -> bool:
    place = Path(sys.base_prefix)
    return all(item.stat().st_mode & 1 for item in [place, *place.parents])


@pytest.mark.skipif(
    os.geteuid() != 0 or not others_may_run_python(), reason="only root can give root up, and Python must be there"
)
def test_the_server_gives_root_up(tmp_path):
    """And so it can write nowhere but to /tmp: a root file system may be read-only."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    with serving(unpacked("iris", tmp_path), GREENSAGE_RUN_AS="65534") as container:
        assert post(container, b"5,3,1.5,0.2", "text/csv")[0] == 200
        users = {re.search(r"^Uid:\t(\d+)\t(\d+)\t(\d+)", status(pid), re.M).groups() for pid in family(container.pid)}
        assert ("65534",) * 3 in users
        assert post(container, b"\n".join([b"5,3,1.5,0.2"] * 300_000), "text/csv")[0] == 200  # spooled and read aside


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what others cannot read")
def test_a_model_that_only_root_may_read_is_served_by_root(tmp_path):
    lines: list[str] = []
    folder = unpacked("iris", tmp_path)
    next(folder.iterdir()).chmod(0o600)
    with serving(folder, lines=lines, GREENSAGE_RUN_AS="65534") as container:
        assert post(container, b"5,3,1.5,0.2", "text/csv")[0] == 200
    assert any("stays root" in line for line in lines)


def status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def family(pid: int) -> list[int]:
    """A process and those below it."""
    below = [int(item) for item in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(found for child in below for found in family(child))]


def test_recordio_in_and_out(tmp_path):
    from server.recordio import encode_records

    with serving(unpacked("iris", tmp_path)) as container:
        answer = post(container, b"5,3,1.5,0.2", "text/csv", RECORDIO)
        assert answer[0] == 200 and answer[1]["content-type"] == RECORDIO
        assert post(container, answer[2], RECORDIO)[0] == 400  # an answer has labels and no features
        body = encode_records(np.array([[5, 3, 1.5, 0.2]])).replace(b"\x12", b"\x0a", 1)  # field 1: features
        status, _, found = post(container, body, RECORDIO)
        assert status == 200 and len(json.loads(found)["predictions"][0]) == 3
