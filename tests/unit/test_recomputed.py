"""The plan's JSON holds to its schema, and all of its figures can be worked out again from it, for every hosting kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from greensage.catalog.kinds import hosting_kinds
from greensage.cli import main
from tests.conftest import MODELS, ROOT
from tools.recompute import ALLOWED, differences

VPC = "vpc: {subnets: [subnet-a, subnet-b], security_groups: [sg-a]}\n"
CAPTURE = "capture: {sample_percent: 100, days: 30}\n"
DRIFT = "drift: {features: psi, baseline: baseline.csv}\n"
KEY = "kms_key_arn: arn:aws:kms:eu-north-1:111111111111:key/a\n"
# Of each kind: what a watched model in a network of one's own adds, where the kind has it.
MORE = {
    "real-time": VPC + CAPTURE + DRIFT + KEY, "serial-pipeline": VPC + CAPTURE, "multi-model": VPC + DRIFT, "multi-container": VPC + DRIFT,
    "inference-components": DRIFT, "serverless": DRIFT, "asynchronous": VPC + DRIFT, "batch": DRIFT, "edge": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Any:
    """The JSON of the examples, each with what its kind can have beside it."""
    folder: Path = tmp_path_factory.mktemp("every") / "models"
    shutil.copytree(MODELS, folder, ignore=shutil.ignore_patterns("fleet", "*.py"))
    (folder / "baseline.csv").write_text("a,b\n" + "1.0,2.0\n0.5,1.0\n" * 50)
    from greensage.planner import plan
    from greensage.spec import load_specs

    kinds = {model.name: model.kind for model in plan(load_specs(folder)).models}
    for file in folder.glob("*.yaml"):
        text = file.read_text()
        if "drift:" not in text:
            more = MORE[kinds[file.stem]]
            file.write_text(text.rstrip("\n") + "\n" + "".join(line for line in more.splitlines(keepends=True)))
    return folder


def shown(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert main(["plan", str(folder), "--json", *options]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_it_has_every_kind_with_what_stands_beside(planned, capsys):
    plan = shown(planned, capsys)
    assert {model["kind"] for model in plan["models"]} == set(hosting_kinds())
    beside = {item["name"] for model in plan["models"] for item in model["beside"]}
    assert beside >= {"capture", "monitoring", "alarms", "VPC endpoints", "platform"}


def test_an_independent_recomputation_agrees(planned, capsys):
    plan = shown(planned, capsys)
    found = differences(plan)
    assert len(found) > 200 and max(row[2] for row in found) <= ALLOWED
    # And it can fail: a watt more somewhere is seen.
    plan["figures"]["ml.c8g.medium idle_w"]["value"] *= 1.05
    assert max(row[2] for row in differences(plan)) > ALLOWED


def test_it_agrees_on_a_fleet_of_all_patterns(capsys):
    assert max(row[2] for row in differences(shown(MODELS / "fleet", capsys))) <= ALLOWED


def test_factors_and_other_baselines_are_in_the_json_too(planned, capsys, tmp_path, monkeypatch):
    file = tmp_path / "machines.yaml"
    file.write_text("models: {churn: {instance_type: ml.m5.2xlarge, instances: 3}}\ndefault: {instance_type: ml.c5.xlarge}\n")
    plan = shown(planned, capsys, "--baseline", f"lift-and-shift={file}")
    churn = next(model for model in plan["models"] if model["name"] == "churn")
    assert churn["footprint"]["baseline"]["instance_type"] == "ml.m5.2xlarge"
    assert churn["baseline_usage"]["levels"][0]["instances"] == 3
    assert max(row[2] for row in differences(plan)) <= ALLOWED and str(file) in plan["baseline"]["words"]


def test_it_holds_to_its_schema(planned, capsys):
    assert main(["schema", "plan"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    plan = shown(planned, capsys)
    jsonschema.validate(plan, schema)
    del plan["models"][0]["demand"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan, schema)


def test_the_script_needs_nothing_of_greensage():
    text = (ROOT / "tools/recompute.py").read_text()
    assert "import greensage" not in text and "from greensage" not in text
