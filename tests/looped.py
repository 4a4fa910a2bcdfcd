"""Model files with drift and retraining, on small data of their own."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np

from greensage.drift.monitor_files import to_statistics
from greensage.drift.window import of_table
from tests.conftest import ARTIFACTS

NAMES = [f"f{index}" for index in range(30)]
TRAIN = "from pathlib import Path; import os, shutil\nprint('training')\n"

WATCHED = """
name: watched
model: {artifact: watched.tar.gz, framework: xgboost}
sla: {latency_p95_ms: 5000}
region: {allowed: [eu-north-1]}
hosting: serverless
drift: {kpi: {auc: 0.8}, schedule: hourly}
"""
RETRAINED = """
name: retrained
model: {artifact: retrained.tar.gz, framework: xgboost}
sla: {latency_p95_ms: 100, cold_start_ok: false}
region: {allowed: [eu-north-1]}
hosting: real-time
drift: {kpi: {auc: 0.8}, notify: "arn:aws:sns:eu-north-1:111111111111:people"}
retraining: {source: training, data: data.csv, label: y, approval: person, protected: f0, flexible_hours: 12}
"""


def write_models(folder: Path, *files: str, script: str = TRAIN) -> Path:
    """Write model files with what they name; the archives are the churn example's, whose model has 30 features."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    features, labels = random.random((400, 30)), random.integers(0, 2, 400)
    with (folder / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*NAMES, "y"], *np.column_stack([features, labels]).tolist()])
    (folder / "training").mkdir(exist_ok=True)
    (folder / "training/train.py").write_text(script)
    baseline = json.dumps(to_statistics(of_table(NAMES, features, random.random(400))))
    for text in files:
        name = text.split("name: ")[1].split("\n")[0]
        (folder / f"{name}.yaml").write_text(text)
        shutil.copy(ARTIFACTS / "churn.tar.gz", folder / f"{name}.tar.gz")
        (folder / f"{name}.statistics.json").write_text(baseline)
    return folder
