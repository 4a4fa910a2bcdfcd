"""Memory of the serving image's server with one model of each framework: where traffic.json's runtime_memory_mb comes from.

`.venv/bin/python bench/memory.py` after `make setup`. Resident memory after 200 requests, and CPU time of one.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "models/artifacts"
MODELS = {"xgboost": "churn", "lightgbm": "wine", "sklearn": "iris", "onnx": "digits"}
REQUESTS, WARM_UP = 200, 20


def main() -> int:
    """Print a line per framework."""
    for framework, name in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(ARTIFACTS / f"{name}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
            memory_mb, cpu_ms = measure(Path(folder), name)
        print(f"{framework:<10} {memory_mb:4.0f} MB resident, {cpu_ms:.1f} ms of CPU time a request ({name})")
    return 0


def measure(folder: Path, name: str) -> tuple[float, float]:
    """Return resident memory in MB and CPU milliseconds a request."""
    port = free_port()
    settings = {"PYTHONPATH": str(ROOT / "serving"), "SAGEMAKER_BIND_TO_PORT": str(port), "GREENSAGE_MODEL_DIR": str(folder)}
    server = subprocess.Popen(
        [sys.executable, "-m", "server"], env={**os.environ, **settings, "GREENSAGE_BIND_HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        rows = json.loads((ARTIFACTS / f"{name}.expected.json").read_text())["rows"][:1]
        call(port, rows, WARM_UP)
        before = cpu_seconds(server.pid)
        call(port, rows, REQUESTS - WARM_UP)
        return resident_mb(server.pid), (cpu_seconds(server.pid) - before) / (REQUESTS - WARM_UP) * 1000
    finally:
        server.terminate()
        server.wait()


def call(port: int, rows: list[list[float]], times: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", data=json.dumps(rows).encode(), headers={"Content-Type": "application/json"}
    )
    for _ in range(times):
        urllib.request.urlopen(request).read()


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def cpu_seconds(pid: int) -> float:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
