"""`make demo-optimize`: every way to a smaller model, each with its proof, and one of them served on the local cloud."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
_STEPS = (
    ("Trees: Treelite, compiled for Graviton and x86; cut off; as ONNX", ["optimize", "churn", "--explain"]),
    ("What the planner makes of it", ["plan", "--explain", "churn"]),
)
_FILE = """
name: churn
model: {artifact: churn.tar.gz, framework: xgboost}
sla: {latency_p95_ms: 100, cold_start_ok: false}
traffic: {requests_per_day: 200_000, pattern: office-hours}
region: {allowed: [eu-north-1]}
optimize: {sample: rows.csv, label: target}
"""


def main() -> int:
    """Run the steps; 1 where one fails."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="greensage-demo-") as scratch:
        folder = Path(scratch)
        _write(folder)
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        for title, command in _STEPS:
            if _say_and_run(title, [str(BIN / "greensage"), *command], folder, environment):
                return 1
        passes = [str(BIN / "greensage"), "optimize", "net.pt2", "--sample", "digits.csv", "--label", "digit", "--explain"]
        title = "A PyTorch network: exported to ONNX, 16 bits, bfloat16, four kinds of 8 bits, pruned"
        if _say_and_run(title, [*passes, "-o", "net.tar.gz"], folder, environment):
            return 1
        encoder = [str(BIN / "greensage"), "optimize", "encoder", "--passes", "onnx-int8", "--explain", "-o", "encoder.tar.gz"]
        if _say_and_run("A Hugging Face encoder: exported by Optimum, 8 bits", encoder, folder, environment):
            return 1
    tests = ["tests/cloud/test_optimized.py", "-q", "--no-header", "-p", "no:cacheprovider"]
    title = "On the local cloud: a retraining whose winner is compiled by a job, Neo and Neuron compilations as state machines"
    code = _say_and_run(title, [str(BIN / "pytest"), *tests], ROOT, dict(os.environ))
    print(f"\n{time.monotonic() - began:.0f} s")
    return code


def _say_and_run(title: str, command: list[str], folder: Path, environment: dict[str, str]) -> int:
    print(f"\n== {title}", flush=True)
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def _write(folder: Path) -> None:
    """Models and rows: XGBoost's of the examples, a network trained on scikit-learn's digits, an encoder of BERT's form."""
    import numpy as np
    from sklearn.datasets import load_breast_cancer, load_digits

    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    (folder / "models").mkdir()
    (folder / "models/churn.yaml").write_text(_FILE)
    shutil.copy(ROOT / "models/artifacts/churn.tar.gz", folder / "models")
    data: Any = load_breast_cancer()
    _table(folder / "models/rows.csv", data.data, data.target, [f"f{index}" for index in range(data.data.shape[1])], "target")
    rows, labels = load_digits(return_X_y=True)
    rows = (rows / 16).astype(np.float32)
    _table(folder / "digits.csv", rows[:500], labels[:500], [f"p{index}" for index in range(64)], "digit")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10), torch.nn.Softmax(1))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(torch.log(net(torch.tensor(rows)) + 1e-9), torch.tensor(labels)).backward()
        optimizer.step()
    dynamic = ({0: torch.export.Dim("rows", min=1)},)
    torch.export.save(torch.export.export(net.eval(), (torch.tensor(rows[:2]),), dynamic_shapes=dynamic), folder / "net.pt2")
    small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    transformers.BertModel(transformers.BertConfig(vocab_size=2_000, **small)).save_pretrained(folder / "encoder")


def _table(path: Path, rows: object, labels: object, names: list[str], label: str) -> None:
    import numpy as np

    table = np.column_stack([rows, labels])  # pyright: ignore
    np.savetxt(path, table, delimiter=",", header=",".join([*names, label]), comments="", fmt="%.9g")


if __name__ == "__main__":
    sys.exit(main())
