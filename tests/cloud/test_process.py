"""The local cloud as a process: found again, stopped with all it started, also after crashes; on loopback only."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greensage.errors import LocalError
from greensage.local.cloud import LocalCloud
from greensage.local.containers import Container
from tests.conftest import ROOT

pytestmark = pytest.mark.cloud


@pytest.fixture
def cloud(tmp_path):
    made = LocalCloud(tmp_path / "state")
    yield made
    made.down()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_up_is_found_again_and_down_stops_it(cloud, tmp_path):
    running = cloud.up()
    again = LocalCloud(tmp_path / "state")
    assert again.status() == running and again.up() == running
    assert again.environment()["AWS_ENDPOINT_URL"] == running.url
    assert again.down() and wait_until_gone(running.pid)
    assert again.status() is None and not again.down()
    assert again.log_file.exists()


def test_it_listens_on_loopback_only(cloud):
    running = cloud.up()
    hexport = f"{running.port:04X}"
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = [row[1] for row in lines if row[3] == "0A" and row[1].endswith(f":{hexport}")]
    assert listening == [f"0100007F:{hexport}"]


def test_another_port_is_found_when_the_usual_one_is_taken(cloud, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("greensage.local.cloud.PREFERRED_PORT", port)
        assert cloud.up().port != port


def test_a_stale_state_file_is_survived(cloud):
    running = cloud.up()
    cloud.down()
    # The process id now belongs to somebody else: us.
    stale = {"pid": os.getpid(), "port": running.port, "auth": False, "started_ticks": running.started_ticks}
    (cloud.folder / "state.json").write_text(json.dumps(stale))
    assert cloud.status() is None and cloud.down() is False
    assert cloud.up().pid != os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_state_file_is_survived(cloud, content):
    cloud.folder.mkdir(parents=True, exist_ok=True)
    (cloud.folder / "state.json").write_text(content)
    assert cloud.status() is None


def test_a_container_ends_with_its_parent_however_that_ends(tmp_path):
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom greensage.local.containers import Container\n"
        "c = Container(Path(sys.argv[1]), {}, multi_model=True, on_line=lambda line: None)\n"
        "c.wait_until_healthy(60)\nprint(c.pid, flush=True)\ntime.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "constructs")}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_until_gone(child)


def test_after_a_crash_up_starts_afresh(cloud):
    first = cloud.up()
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until_gone(first.pid) or cloud.status() is None
    second = cloud.up()
    assert second.pid != first.pid and cloud.status() == second


def test_other_settings_need_a_restart(cloud):
    cloud.up()
    with pytest.raises(LocalError, match="greensage local down"):
        cloud.up(auth=True)


def test_a_start_that_fails_shows_why(cloud, monkeypatch):
    monkeypatch.setattr("greensage.local.cloud.python_for_local_cloud", lambda say: Path("/bin/false"))
    with pytest.raises(LocalError, match="ended at once"):
        cloud.up()


def test_the_command_line_goes_round(tmp_path):
    def greensage(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "greensage", "local", *arguments, "--dir", str(tmp_path / "state")]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "constructs")}
        )

    assert "runs at http://localhost:" in greensage("up").stdout
    try:
        assert "export AWS_ENDPOINT_URL=http://localhost:" in greensage("env").stdout
        assert json.loads(greensage("status", "--json").stdout)["running"] is True
    finally:
        assert "is stopped" in greensage("down").stdout
    assert greensage("status").returncode == 1


def test_a_container_with_a_silly_command_says_its_last_words(tmp_path):
    container = Container(tmp_path, {}, multi_model=False, on_line=lambda line: None)
    with pytest.raises(Exception, match="no model file"):
        container.wait_until_healthy(60)
    container.stop()
