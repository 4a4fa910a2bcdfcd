"""Memory of the serving image's server with one model of each framework: where traffic.json's runtime_memory_mb comes from,
and what a MB of packed artifact takes once it is loaded: where its model_memory_factor comes from.

`.venv/bin/python bench/memory.py` after `make setup`, with GREENSAGE_BENCH_PYTHON as a Python that has serving/requirements.txt
and nothing else. Memory after 200 requests, and CPU time of one; then larger models that are trained here, with the peak of
memory beyond a small model's, by the MB of the packed archive.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "models/artifacts"
MODELS = {"xgboost": "churn", "lightgbm": "wine", "sklearn": "iris", "onnx": "digits"}
REQUESTS, WARM_UP = 200, 20
# The image's own packages: an environment with more in it (torch, pandas) is a larger server.
PYTHON = os.environ.get("GREENSAGE_BENCH_PYTHON", sys.executable)
FEATURES = 30


def main() -> int:
    """Print a line per framework."""
    for framework, name in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(ARTIFACTS / f"{name}.tar.gz") as archive:
                archive.extractall(folder, filter="data")
            memory_mb, cpu_ms = measure(Path(folder), name)
        print(f"{framework:<10} {memory_mb:4.0f} MB resident, {cpu_ms:.1f} ms of CPU time a request ({name})")
    for framework, small, large in trained():
        packed = packed_mb(large) - packed_mb(small)
        print(
            f"{framework:<22} {packed:6.1f} MB packed: {(peak_mb(large) - peak_mb(small)) / packed:.2f} MB of memory a MB",
            flush=True,
        )
    packed, loaded = weights()
    print(f"{'pytorch, a state dict':<22} {packed:6.1f} MB packed: {loaded / packed:.2f} MB of memory a MB")
    return 0


Files = dict[str, bytes]


def trained() -> Iterator[tuple[str, Files, Files]]:
    """Yield a small and a large model of each framework as the files of an archive: on noise, because only their size matters."""
    import lightgbm
    import numpy
    import xgboost
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestRegressor

    chance = numpy.random.default_rng(0)
    rows = chance.normal(size=(20_000, FEATURES)).astype(numpy.float32)
    target = chance.normal(size=len(rows))
    sizes = (2, 300)
    data = xgboost.DMatrix(rows, target)
    boosters = [xgboost.train({"max_depth": 12, "reg_lambda": 0}, data, size) for size in sizes]
    small, large = ({"model.ubj": bytes(item.save_raw("ubj"))} for item in boosters)
    yield "xgboost", small, large
    small, large = ({"model.json": bytes(item.save_raw("json"))} for item in boosters)
    yield "xgboost, as JSON", small, large
    settings = {"num_leaves": 1023, "min_data_in_leaf": 2, "objective": "regression", "verbose": -1}
    leaves = [lightgbm.train(settings, lightgbm.Dataset(rows, target), size) for size in sizes]
    small, large = ({"model.txt": item.model_to_string().encode()} for item in leaves)
    yield "lightgbm", small, large
    forests = [RandomForestRegressor(size // 5 + 1, max_depth=14, n_jobs=2, random_state=0).fit(rows, target) for size in sizes]
    small, large = ({"model.skops": skops(item)} for item in forests)
    yield "sklearn", small, large
    small, large = ({"model.onnx": cast(Any, to_onnx(item, rows[:1])).SerializeToString()} for item in forests)
    yield "onnx, trees", small, large
    yield "onnx, a network", {"model.onnx": network(20)}, {"model.onnx": network(2_236)}


def skops(model: object) -> bytes:
    import skops.io

    return skops.io.dumps(model)


def network(width: int) -> bytes:
    """Return dense layers, of 80 MB at a width of 2,236, with weights that do not compress, as those that were learnt."""
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    chance = numpy.random.default_rng(1)
    shapes = [(FEATURES, width), *[(width, width)] * 4, (width, 1)]
    weights = [numpy_helper.from_array(chance.normal(size=s).astype(numpy.float32), f"w{i}") for i, s in enumerate(shapes)]
    names = ["input", *(f"h{i}" for i in range(len(shapes) - 1)), "output"]
    nodes = [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(len(shapes))]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size])
        for name, size in (("input", FEATURES), ("output", 1))
    ]
    made = helper.make_model(
        helper.make_graph(nodes, "dense", ends[:1], ends[1:], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=10
    )
    onnx.checker.check_model(made)
    return made.SerializeToString()


def packed_mb(files: Files) -> float:
    """Return the size of the archive in MB."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return len(buffer.getvalue()) / 1e6


def peak_mb(files: Files) -> float:
    """Return the peak of the server's memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return measure(Path(folder), None, peak=True)[0]


def weights() -> tuple[float, float]:
    """Return the packed MB of a network's weights, and the peak in MB of a process that loads them into the network."""
    script = (
        "import sys, torch\n"
        "make = lambda: torch.nn.Sequential(*(torch.nn.Linear(2236, 2236) for _ in range(8)))\n"
        "if sys.argv[1] == 'save': torch.save(make().state_dict(), sys.argv[2])\n"
        "if sys.argv[1] == 'load':\n"
        "    model = make(); model.load_state_dict(torch.load(sys.argv[2], weights_only=True)); model(torch.zeros(1, 2236))\n"
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.pt")

        def peak(what: str) -> float:
            return float(subprocess.check_output([sys.executable, "-c", script, what, str(file)], text=True)) / 1024

        peak("save")
        return packed_mb({"model.pt": file.read_bytes()}), peak("load") - peak("neither")


def measure(folder: Path, name: str | None, *, peak: bool = False) -> tuple[float, float]:
    """Return the server's memory in MB, or its peak, and CPU milliseconds a request of the model `name`, or of one row.

    Of all its processes together, and what they share counted once (PSS).
    """
    port = free_port()
    settings = {"PYTHONPATH": str(ROOT / "serving"), "SAGEMAKER_BIND_TO_PORT": str(port), "GREENSAGE_MODEL_DIR": str(folder),
                "GREENSAGE_TRUSTED_TYPES": "sklearn.tree._tree.Tree"}  # fmt: skip
    server = subprocess.Popen(
        [PYTHON, "-m", "server"], env={**os.environ, **settings, "GREENSAGE_BIND_HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    watch = Watch(server.pid)
    try:
        watch.start()
        wait_for(f"http://127.0.0.1:{port}/ping")
        own = json.loads((ARTIFACTS / f"{name}.expected.json").read_text())["rows"][:1] if name else None
        rows = own or [[0.5] * FEATURES]
        call(port, rows, WARM_UP)
        before = cpu_seconds(server.pid)
        call(port, rows, REQUESTS - WARM_UP)
        spent = (cpu_seconds(server.pid) - before) / (REQUESTS - WARM_UP) * 1000
        return (watch.peak if peak else memory_mb(server.pid)), spent
    finally:
        watch.over = True
        server.terminate()
        server.wait()


class Watch(threading.Thread):
    """Looks at a server's memory ten times a second, and keeps the most that it saw."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0.0, False

    def run(self) -> None:
        while not self.over:
            self.peak = max(self.peak, memory_mb(self.pid))
            time.sleep(0.1)


def call(port: int, rows: list[list[float]], times: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", data=json.dumps(rows).encode(), headers={"Content-Type": "application/json"}
    )
    for _ in range(times):
        urllib.request.urlopen(request).read()


def wait_for(url: str) -> None:
    for _ in range(3000):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def family(pid: int) -> list[int]:
    """Return the process and all that it started."""
    found = [pid]
    for one in found:
        found += [int(word) for file in Path(f"/proc/{one}/task").glob("*/children") for word in file.read_text().split()]
    return found


def memory_mb(pid: int) -> float:
    total = 0
    for one in family(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def cpu_seconds(pid: int) -> float:
    stats = (Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in family(pid))
    return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
