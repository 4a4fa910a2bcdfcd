"""How many requests the serving container answers in a CPU second, beside others, each pinned to one core, in turns."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))
RIVALS = ROOT / ".venv-rivals/bin/python"
# Sixteen callers that each wait for their answer, from the other core; run by -c, so that it needs nothing of ours.
CALLERS = """
import asyncio, json, sys, time, uvloop
port, body, count, seconds = int(sys.argv[1]), open(sys.argv[2], "rb").read(), int(sys.argv[3]), float(sys.argv[4])
head = b"POST /invocations HTTP/1.1\\r\\nhost: a\\r\\ncontent-type: application/json\\r\\n"
request = head + b"content-length: %d\\r\\n\\r\\n" % len(body) + body
waits, bad, end = [], [0], time.perf_counter() + seconds
class Caller(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.got = transport, b""
        self.send()
    def send(self):
        self.began = time.perf_counter()
        self.transport.write(request)
    def data_received(self, data):
        self.got += data
        head, found, rest = self.got.partition(b"\\r\\n\\r\\n")
        if not found or len(rest) < int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0]):
            return
        bad[0] += not head.startswith(b"HTTP/1.1 200")
        self.got = b""
        waits.append(time.perf_counter() - self.began)
        self.send() if time.perf_counter() < end else self.transport.close()
async def main():
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_connection(Caller, "127.0.0.1", port)
    await asyncio.sleep(seconds + 0.3)
uvloop.run(main())
waits.sort()
print(json.dumps([len(waits), bad[0], waits[int(len(waits) * 0.99)]]))
"""
MODELS = {"digits": "model.onnx", "churn": "xgboost-model.ubj"}


def rows(rounds: int, callers: int = 16) -> list[tuple[str, str, str]]:
    """Return the rows of RESULTS.md."""
    return [row for name in MODELS for row in _of(name, rounds, callers)]


def _of(name: str, rounds: int, callers: int) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        with tarfile.open(ROOT / f"models/artifacts/{name}.tar.gz") as archive:
            archive.extractall(folder / "model", filter="data")
        wanted = json.loads((ROOT / f"models/artifacts/{name}.expected.json").read_text())
        (folder / "body").write_text(json.dumps({"instances": wanted["rows"][:1]}))
        model = str(folder / "model" / MODELS[name])
        servers = {"ours": stack.enter_context(_ours(folder / "model"))}
        if name == "churn":
            servers["compiled"] = stack.enter_context(_ours(_compiled(folder)))
        for rival in ("floor", "fastapi", "flask", "mms"):
            servers[rival] = stack.enter_context(
                served([str(RIVALS), str(ROOT / "bench/container_rivals.py"), rival, "{port}", model])
            )
        found: dict[str, list[tuple[float, float]]] = {rival: [] for rival in servers}
        for _ in range(rounds + 1):  # the first warms up
            for rival, (pid, port) in servers.items():
                found[rival].append(_measured(pid, port, folder / "body", callers))
        rates = {rival: statistics.median(rate for rate, _ in seen[1:]) for rival, seen in found.items()}
        late = {rival: statistics.median(wait for _, wait in seen[1:]) * 1000 for rival, seen in found.items()}
    return [
        (
            f"requests per CPU second, {name}{words_of_own}, {callers} callers, against {words}",
            f"{rates[own] / rates[rival]:.2f} x ({rates[own]:,.0f} against {rates[rival]:,.0f}; "
            f"p99 {late[own]:.1f} against {late[rival]:.1f} ms)",
            bar,
        )
        for own, words_of_own in (("ours", f" ({MODELS[name]})"), ("compiled", " compiled by greensage optimize"))
        if own in rates
        for rival, words, bar in (
            ("floor", "httptools, orjson and the library alone", "≥ 0.9 x"),
            ("fastapi", "FastAPI on uvicorn", "≥ 7 x"), ("flask", "nginx, gunicorn and Flask", "≥ 7 x"),
            ("mms", "AWS's multi-model-server with its inference toolkit", "≥ 15 x"),
        )
    ]  # fmt: skip


def _compiled(folder: Path) -> Path:
    from greensage.optimize import optimize

    optimize(folder / "model" / MODELS["churn"], architecture="x86_64", passes=["trees-compiled"], out=folder / "compiled.tar.gz")
    with tarfile.open(folder / "compiled.tar.gz") as archive:
        archive.extractall(folder / "compiled", filter="data")
    return folder / "compiled"


def _ours(model: Path) -> contextlib.AbstractContextManager[tuple[int, int]]:
    environment = {
        "GREENSAGE_MODEL_DIR": str(model), "GREENSAGE_CPUS": "1", "GREENSAGE_BIND_HOST": "127.0.0.1", "GREENSAGE_ALLOW_CODE": "1",
    }  # fmt: skip
    return served(
        [sys.executable, "-m", "server", "serve"], cwd=ROOT / "serving", port_in="SAGEMAKER_BIND_TO_PORT", **environment
    )


@contextlib.contextmanager
def served(command: list[str], cwd: Path | None = None, port_in: str = "", **environment: str):
    port = _free_port()
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment, **({port_in: str(port)} if port_in else {})}
    process = subprocess.Popen(
        ["taskset", "-c", "0", *(part.replace("{port}", str(port)) for part in command)], cwd=cwd, env=variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{command} does not answer") from None
                time.sleep(0.1)
        time.sleep(5)
        yield process.pid, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    """Of four digits: multi-model-server takes no larger ones."""
    for port in range(9_100, 9_900, 2):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def _measured(pid: int, port: int, body: Path, callers: int) -> tuple[float, float]:
    before = cpu_seconds(pid)
    command = ["taskset", "-c", "1", sys.executable, "-c", CALLERS, str(port), str(body), str(callers), "2"]
    count, bad, late = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert not bad, f"{bad} of {count} requests failed"
    return count / (cpu_seconds(pid) - before), late


def cpu_seconds(pid: int) -> float:
    """Of a process and all below it."""
    ticks, parents = {}, {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = Path(path).read_text().rsplit(")", 1)[1].split()
            number = int(path.split("/")[2])
            ticks[number], parents[number] = int(fields[11]) + int(fields[12]), int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(ticks.get(number, 0) for number in found) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    for row in rows(3):
        print(" | ".join(row))
