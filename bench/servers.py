"""How many servers fit one small instance: greensage's containers side by side on one core, as on ml.c8g.medium.

`.venv/bin/python bench/servers.py`, with GREENSAGE_BENCH_PYTHON as for bench/memory.py. All servers share core 0, the caller
has core 1; each gets its part of one rate of requests at random times (Poisson). Memory counts shared pages once (PSS).
"""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from memory import ARTIFACTS, MODELS, PYTHON, ROOT, cpu_seconds, free_port, memory_mb, wait_for

COUNTS = (1, 4, 8, 10, 12, 15)
RATE, SECONDS = 100.0, 12.0


def main() -> int:
    """Print a line per number of servers."""
    alone = None
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(count, Path(folder))
        alone = alone or row
        print(
            f"{count:>2} servers: {row['memory']:5.0f} MB, idle {row['idle']:.1%} of the core, at {RATE:g} requests/s "
            f"{row['busy']:.0%}; p50 {row['p50']:.1f} ms, p95 {row['p95']:.1f} ms ({row['p95'] / alone['p95']:.1f} x one server)",
            flush=True,
        )
    return 0


def measure(count: int, folder: Path) -> dict[str, float]:
    """Return memory in MB, use of the core when idle and at RATE (0 to 1), and latencies in milliseconds."""
    servers: list[subprocess.Popen[bytes]] = []
    calls: list[tuple[int, str]] = []
    os.sched_setaffinity(0, {1})
    try:
        for index in range(count):
            name = list(MODELS.values())[index % len(MODELS)]
            place, port = folder / str(index), free_port()
            with tarfile.open(ARTIFACTS / f"{name}.tar.gz") as archive:
                archive.extractall(place, filter="data")
            settings = {
                "PYTHONPATH": str(ROOT / "serving"), "SAGEMAKER_BIND_TO_PORT": str(port), "GREENSAGE_MODEL_DIR": str(place),
                "GREENSAGE_BIND_HOST": "127.0.0.1",
            }  # fmt: skip
            servers.append(subprocess.Popen(
                ["taskset", "-c", "0", PYTHON, "-m", "server"], env={**os.environ, **settings},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ))  # fmt: skip
            rows = json.loads((ARTIFACTS / f"{name}.expected.json").read_text())["rows"][:1]
            calls.append((port, json.dumps(rows)))
        for port, _ in calls:
            wait_for(f"http://127.0.0.1:{port}/ping")
        call(calls, 2.0)
        idle = used(servers, lambda: time.sleep(5))
        latencies: list[float] = []
        busy = used(servers, lambda: latencies.extend(call(calls, SECONDS)))
        latencies.sort()
        return {
            "memory": sum(memory_mb(server.pid) for server in servers), "idle": idle, "busy": busy,
            "p50": latencies[len(latencies) // 2], "p95": latencies[int(len(latencies) * 0.95)],
        }  # fmt: skip
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


def used(servers: list[subprocess.Popen[bytes]], work: Callable[[], object]) -> float:
    """Return the share of the core that the servers used while `work` ran."""
    before, began = sum(cpu_seconds(server.pid) for server in servers), time.perf_counter()
    work()
    return (sum(cpu_seconds(server.pid) for server in servers) - before) / (time.perf_counter() - began)


def call(calls: list[tuple[int, str]], seconds: float) -> list[float]:
    """Send requests at random times to random servers; return milliseconds from when each was due."""
    chance = random.Random(1)
    found: list[float] = []
    open_to = [http.client.HTTPConnection("127.0.0.1", port) for port, _ in calls]
    due, end = time.perf_counter(), time.perf_counter() + seconds
    while due < end:
        due += chance.expovariate(RATE)
        time.sleep(max(0.0, due - time.perf_counter()))
        index = chance.randrange(len(calls))
        open_to[index].request("POST", "/invocations", calls[index][1], {"Content-Type": "application/json"})
        open_to[index].getresponse().read()
        found.append((time.perf_counter() - due) * 1000)
    return found


if __name__ == "__main__":
    sys.exit(main())
