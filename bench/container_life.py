"""What the serving container takes beside answering: memory of each further model, many models in turns, start, size, idle."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "constructs")]

from container import RIVALS, ROOT, cpu_seconds, served  # noqa: E402

_MODELS, _CACHE, _REQUESTS = 500, 50, 3_000


def rows(rounds: int) -> list[tuple[str, str, str]]:
    """Return the rows of RESULTS.md."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with tarfile.open(ROOT / "models/artifacts/churn.tar.gz") as archive:
            archive.extractall(folder / "model", filter="data")
        return [*_memory(folder), *_zipf(folder), *_start(folder, rounds), *_size()]


def _multi(model: Path, **more: str) -> contextlib.AbstractContextManager[tuple[int, int]]:
    command = [sys.executable, "-m", "server", "serve"]
    environment = {
        "SAGEMAKER_MULTI_MODEL": "true", "GREENSAGE_CPUS": "1", "GREENSAGE_BIND_HOST": "127.0.0.1", "GREENSAGE_ALLOW_CODE": "1",
    }  # fmt: skip
    return served(command, cwd=ROOT / "serving", port_in="SAGEMAKER_BIND_TO_PORT", **environment, **more)


def _memory(folder: Path) -> list[tuple[str, str, str]]:
    from greensage.optimize import optimize

    optimize(folder / "model/xgboost-model.ubj", architecture="x86_64", passes=["trees-compiled"], out=folder / "small.tar.gz")
    with tarfile.open(folder / "small.tar.gz") as archive:
        archive.extractall(folder / "compiled", filter="data")
    found: dict[str, Any] = {}
    for name, place in (("xgboost", folder / "model"), ("compiled", folder / "compiled")):
        before = 0.0
        with _multi(place) as (pid, port):
            for index in range(40):
                _call(port, "POST", "/models", json.dumps({"model_name": f"m{index}", "url": str(place)}))
                if index == 9:
                    before = _pss(pid)
            found[name] = (_pss(pid) - before) / 30
            whole = _pss(pid)
            for _ in range(4):
                for index in range(40):
                    _call(port, "DELETE", f"/models/m{index}")
                for index in range(40):
                    _call(port, "POST", "/models", json.dumps({"model_name": f"m{index}", "url": str(place)}))
            found[f"{name} again"] = _pss(pid) - whole
    rival = [str(RIVALS), str(ROOT / "bench/container_rivals.py"), "mms", "{port}", str(folder / "model/xgboost-model.ubj")]
    with served([*rival, "2"]) as (pid, _):
        time.sleep(10)
        two = _pss(pid)
    with served([*rival, "6"]) as (pid, _):
        time.sleep(20)
        theirs = (_pss(pid) - two) / 4
    return [
        (
            "memory of each further model (churn), against multi-model-server",
            f"1/{theirs / found['compiled']:,.0f} compiled ({found['compiled']:.2f} MB), 1/{theirs / found['xgboost']:,.0f} "
            f"as XGBoost ({found['xgboost']:.2f} MB), against {theirs:.1f} MB",
            "≤ 1/50",
        ),
        ("growth after unloading and loading 40 models four times", f"{found['xgboost again']:+.1f} MB, compiled "
         f"{found['compiled again']:+.1f} MB", "bounded"),
    ]  # fmt: skip


def _zipf(folder: Path) -> list[tuple[str, str, str]]:
    """As SageMaker does: what is called and not loaded is loaded, and the one that was called longest ago goes."""
    chance = random.Random(1)
    weights = [1 / (rank + 1) for rank in range(_MODELS)]
    loaded: dict[str, None] = {}
    waits, failed, loads = [], 0, 0
    body = json.dumps({"instances": json.loads((ROOT / "models/artifacts/churn.expected.json").read_text())["rows"][:1]})
    with _multi(folder / "model") as (_, port):
        for index in chance.choices(range(_MODELS), weights, k=_REQUESTS):
            name, began = f"m{index}", time.perf_counter()
            if name not in loaded:
                loads += 1
                if len(loaded) >= _CACHE:
                    oldest = next(iter(loaded))
                    del loaded[oldest]
                    _call(port, "DELETE", f"/models/{oldest}")
                failed += _call(port, "POST", "/models", json.dumps({"model_name": name, "url": str(folder / "model")}))[0] != 200
            loaded.pop(name, None)
            loaded[name] = None
            failed += _call(port, "POST", f"/models/{name}/invoke", body)[0] != 200
            waits.append(time.perf_counter() - began)
    waits.sort()
    return [(
        f"{_MODELS} models, {_CACHE} loaded, {_REQUESTS:,} requests by Zipf's law",
        f"{failed} failed; p50 {waits[len(waits) // 2] * 1e3:.1f} ms, p99 {waits[int(len(waits) * 0.99)] * 1e3:.0f} ms, "
        f"{loads:,} loads",
        "0 failed",
    )]  # fmt: skip


def _start(folder: Path, rounds: int) -> list[tuple[str, str, str]]:
    found: dict[str, list[float]] = {"compiled": [], "model": []}
    idle = 0.0
    for _ in range(max(3, rounds)):
        for name, seen in found.items():
            began = time.perf_counter()
            with _quick(folder / name) as (pid, port):
                seen.append(time.perf_counter() - began)
                if name == "model" and not idle:
                    time.sleep(1)
                    before = cpu_seconds(pid)
                    time.sleep(10)
                    idle = (cpu_seconds(pid) - before) / 10
                del port
    return [
        ("start of the process to /ping 200, compiled trees", f"{statistics.median(found['compiled']) * 1e3:.0f} ms", "≤ 300 ms"),
        ("the same, the XGBoost library", f"{statistics.median(found['model']) * 1e3:.0f} ms", "≤ 300 ms"),
        ("idle CPU", f"{idle:.2%} of a core", "≈ 0"),
    ]


@contextlib.contextmanager
def _quick(model: Path):
    import os

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        **os.environ, "GREENSAGE_MODEL_DIR": str(model), "GREENSAGE_CPUS": "1", "GREENSAGE_BIND_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": str(port), "GREENSAGE_ALLOW_CODE": "1",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "server", "serve"], cwd=ROOT / "serving", env=variables)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if _call(port, "GET", "/ping")[0] == 200:
                    break
            except (OSError, IndexError):
                pass
            time.sleep(0.002)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def _size() -> list[tuple[str, str, str]]:
    """Of the packages in the images of the engines, installed from their locks; the base image is the same."""
    sizes = {}
    for engine in ("trees", "xgboost", "all"):
        target = tempfile.mkdtemp(prefix="size-")
        platforms = [word for tag in ("_2_28", "_2_27", "_2_17", "2014") for word in ("--platform", f"manylinux{tag}_x86_64")]
        command = [
            sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
            "--python-version", "3.13", *platforms, "--target", target, "-r", str(ROOT / f"serving/locks/{engine}.txt"),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        sizes[engine] = sum(path.stat().st_size for path in Path(target).rglob("*") if path.is_file()) / 1e6
        shutil.rmtree(target)
    return [(
        "installed packages of the image for compiled trees, against the one with every engine",
        f"{sizes['trees']:.0f} MB against {sizes['all']:.0f} MB ({sizes['trees'] / sizes['all']:.2f} x; XGBoost's "
        f"{sizes['xgboost']:.0f} MB)",
        "≤ 1/10 of the framework's image layers",
    )]  # fmt: skip


def _call(port: int, method: str, path: str, body: str = "") -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        head = f"{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        content = b""
        while part := connection.recv(65_536):
            content += part
    return int(content.split(b" ", 2)[1]), content.partition(b"\r\n\r\n")[2]


def _pss(pid: int) -> float:
    """Of a process and those below it, in MB: what they share counts once."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(item) for item in (task / "children").read_text().split()]
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
            total += int(found.group(1)) if found else 0
    return total / 1024


if __name__ == "__main__":
    for row in rows(3):
        print(" | ".join(row), flush=True)
