"""Whole plans and whole refusals against reviewed snapshots: every figure, reason and way out.

`pytest tests/unit/test_plans.py --snapshot-update` writes them; read the difference before you commit it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from greensage.errors import ProblemsError
from greensage.planner import Plan, plan
from greensage.spec import load_specs
from tests.conftest import archive_of
from tests.unit.test_planner import DRIFT, MODEL, REFUSED

ROOT = Path(__file__).resolve().parents[2]
PYTORCH = "model: {artifact: model.tar.gz, framework: pytorch}\n"
IRELAND = "region: {allowed: [eu-west-1]}\n"
IMAGE = "'111111111111.dkr.ecr.eu-north-1.amazonaws.com/a:1'"
EDGE = "hosting: {kind: edge, device_groups: [field]"
COMPONENTS = "hosting: {kind: inference-components"
MULTI = "hosting: {kind: multi-model"
CONTAINERS = "hosting: {kind: multi-container}\n"

# Each a folder of model files; `name:` is the key.
PLANS = {
    "asked-for-sizes": {
        "a": "hosting: {kind: real-time, min_instances: 2, max_instances: 4}\ntraffic: {peak_requests_per_second: 400}\n" + MODEL,
        "b": "hosting: {kind: serverless, memory_mb: 3072}\n" + MODEL,
        "c": "hosting: {kind: asynchronous, backlog_per_instance: 7}\n" + MODEL,
    },
    "silicon": {
        "a": "hosting: real-time\nsilicon: x86\n" + MODEL,
        "b": "hosting: real-time\nsilicon: gpu\n" + PYTORCH + IRELAND,
        "c": "hosting: real-time\nsilicon: inferentia\n" + PYTORCH.replace("}", ", compiled_for: inf2}") + IRELAND,
        "d": f"hosting: real-time\nmodel: {{artifact: model.tar.gz, framework: xgboost, image: {IMAGE}, image_architecture: x86_64}}\n"
        "region: {allowed: [eu-north-1]}\n",
    },
    "users-are-near": {
        "a": "model: {artifact: model.tar.gz, framework: onnx}\nsla: {latency_p95_ms: 300}\n"
        "region: {users_near: eu-central-1, max_network_ms: 40, allowed: [eu-north-1, eu-west-1, us-east-1]}\n",
    },
    "watched": {"a": DRIFT.replace("name: a\n", "") + "hosting: real-time\nhigh_resolution_metrics: true\n"},
}  # fmt: skip

REFUSALS = {
    **{case: {"a": text.replace("name: a\n", "", 1)} for case, (text, _) in REFUSED.items()},
    "availability above the limit": {"a": "hosting: {kind: real-time, max_instances: 1}\nsla: {availability: high}\n" + MODEL},
    "serverless too small": {"a": "hosting: serverless\n" + MODEL.replace("xgboost}", "xgboost, size_mb: 2000}").replace(
        "model.tar.gz", "'s3://bucket/k.tar.gz'")},
    "serverless too slow": {"a": "hosting: serverless\ntraffic: {requests_per_day: 5_000_000_000, pattern: steady}\n" + MODEL},
    "batch type": {"a": "hosting: {kind: batch, instance_type: ml.c8g.large}\n" + MODEL},
    "several GPUs behind one endpoint": {"a": MULTI + ", instance_type: ml.g5.12xlarge}\nsilicon: gpu\ngroup: g\n" + PYTORCH + IRELAND},
    "capture at the edge": {"a": DRIFT.replace("name: a\n", "").replace("eu-north-1", "eu-west-1") + EDGE + "}\n"},
    "capture by another image": {"a": DRIFT.replace("name: a\n", "").replace("xgboost}", "xgboost, image: prebuilt, version: '1.5-1'}")
        .replace("eu-north-1", "eu-west-1") + "hosting: serverless\nsilicon: x86\n"},
    "component without room": {"a": COMPONENTS + ", memory_mb: 9000000}\ngroup: g\n" + MODEL},
    "components need more instances": {
        name: COMPONENTS + ", memory_mb: 3000, instance_type: ml.c7i.large, max_instances: 1}\ngroup: g\n" + MODEL
        for name in ("a", "b", "c")
    },
    "one container of several": {"a": CONTAINERS + "group: g\n" + MODEL},
    "two Regions in a group": {"a": MULTI + "}\ngroup: g\n" + MODEL, "b": MULTI + "}\ngroup: g\n" + MODEL.replace("eu-north-1", "eu-west-1")},
    "two schedules in a group": {
        "a": MULTI + "}\ngroup: g\nschedule: [{name: night, at: cron(0 20 * * ? *), max: 1}]\n" + MODEL,
        "b": MULTI + "}\ngroup: g\n" + MODEL,
    },
    "nobody is that near": {"a": "model: {artifact: model.tar.gz, framework: onnx}\n"
        "region: {users_near: ap-southeast-2, max_network_ms: 5, allowed: [eu-north-1, eu-west-1]}\n"},
    "users near nowhere": {"a": "model: {artifact: model.tar.gz, framework: onnx}\nregion: {users_near: eu-nowhere-1, allowed: [eu-north-1]}\n"},
    "edge without devices": {"a": "hosting: edge\n" + MODEL.replace("eu-north-1", "eu-west-1")},
    "edge where there is none": {"a": EDGE + "}\n" + MODEL.replace("eu-north-1", "eu-west-3")},
    "edge with PyTorch": {"a": EDGE + "}\n" + PYTORCH + IRELAND},
    "edge for a device unknown to Neo": {"a": EDGE + ", device: rasp5}\n" + PYTORCH + IRELAND},
    "edge for Neo without a shape": {"a": EDGE + ", device: rasp4b}\n" + PYTORCH + IRELAND},
    "edge that Neo does not compile": {"a": EDGE + ", device: rasp4b}\n" + MODEL.replace("xgboost", "lightgbm").replace("eu-north-1", "eu-west-1")},
    "not compiled for Inferentia": {"a": "silicon: inferentia\nhosting: real-time\n" + PYTORCH + IRELAND},
    "compiled for another": {"a": "silicon: x86\nhosting: real-time\n" + PYTORCH.replace("}", ", compiled_for: inf2}") + IRELAND},
    "own image on other silicon": {"a": "silicon: graviton\nhosting: real-time\nregion: {allowed: [eu-north-1]}\n"
        f"model: {{artifact: model.tar.gz, framework: xgboost, image: {IMAGE}, image_architecture: x86_64}}\n"},
    "GPU version that AWS has not": {"a": "silicon: gpu\nhosting: real-time\n" + PYTORCH.replace("}", ", version: '0.1'}") + IRELAND},
    "retraining behind one's variants": {"a": "hosting: real-time\nretraining: {source: train, data: s3://bucket-of-tests/, label: y}\n"
        "variants: [{name: b, weight: 0.1, model: {artifact: model.tar.gz, framework: xgboost}}]\n"
        + DRIFT.replace("name: a\n", "")},
}  # fmt: skip


def planned(folder: Path, files: dict[str, str]) -> Plan:
    (folder / "model.tar.gz").write_bytes(archive_of(2_000_000))
    (folder / "train").mkdir()
    (folder / "train/train.py").write_text("")
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    return plan(load_specs(folder))


def shown(found: Plan, folder: Path) -> dict[str, object]:
    models = [{key: value for key, value in asdict(model).items() if key != "spec"} for model in found.models]
    groups = [asdict(group) for group in found.groups]
    return json.loads(json.dumps({"models": models, "groups": groups}, default=str).replace(str(folder), "FOLDER"))


@pytest.fixture
def whole(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def test_the_examples_are_planned_as_reviewed(whole, tmp_path):
    """With archives of one size: what training makes here differs by some bytes from machine to machine."""
    (tmp_path / "artifacts").mkdir()
    for file in (ROOT / "models").glob("*.yaml"):
        text = file.read_text()
        (tmp_path / file.name).write_text(text)
        for name in re.findall(r"artifacts/[\w-]+\.tar\.gz", text):
            (tmp_path / name).write_bytes(archive_of(100_000))
    assert shown(plan(load_specs(tmp_path)), tmp_path) == whole


@pytest.mark.parametrize("case", PLANS)
def test_what_a_file_asks_for_is_planned_as_reviewed(whole, tmp_path, case):
    assert shown(planned(tmp_path, PLANS[case]), tmp_path) == whole


def test_refusals_say_what_where_and_the_way_out(whole, tmp_path):
    assert {case: refusal(tmp_path / str(index), files) for index, (case, files) in enumerate(REFUSALS.items())} == whole


def refusal(folder: Path, files: dict[str, str]) -> list[str]:
    folder.mkdir()
    try:
        planned(folder, files)
    except ProblemsError as error:
        return str(error).replace(f"{folder}/", "").split("\n")
    return ["planned"]
