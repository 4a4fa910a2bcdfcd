"""The estimate in the stacks, and the reference fleet as an app: shared endpoints that the planner put together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import MODELS, ROOT
from tests.synth.conftest import Assembly, build_fleet, synthesize


@pytest.fixture(scope="module")
def forty(tmp_path_factory) -> Assembly:
    return synthesize(tmp_path_factory.mktemp("forty"), build_fleet(MODELS / "fleet"))


def test_a_stack_says_what_its_model_takes(fleet):
    outputs = fleet.templates["churn"]["Outputs"]
    assert "gCO2e" in outputs["Estimate"]["Value"] and "an estimate" in outputs["Estimate"]["Value"]


def test_resources_carry_tags_for_cost_allocation_and_carbon(fleet):
    tags = {row["Key"]: row["Value"] for row in fleet.one("churn", "AWS::SageMaker::Endpoint")["Properties"]["Tags"]}
    assert tags["greensage:model"] == "churn" and tags["greensage:kind"] == "real-time"
    assert tags["greensage:carbon-g-month"] == "300", "one digit: a tag that changes updates every resource"


def test_the_reference_fleet_synthesizes_clean(forty):
    assert forty.error == ""
    names = set(forty.templates)
    assert {path.stem for path in (MODELS / "fleet").glob("*.yaml")} <= names
    assert [name for name in names if name.startswith("shared-")], "endpoints that the planner shares"
    assert all("Estimate" in forty.templates[path.stem]["Outputs"] for path in (MODELS / "fleet").glob("*.yaml"))


def test_cfn_lint_reports_nothing_on_the_reference_fleet(forty):
    from pathlib import Path

    templates = sorted(map(str, forty.folder.glob("*.template.json")))
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *templates], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_one_model_alone_is_planned_with_its_neighbours(tmp_path, forty):
    """`-c model=NAME` must give the stack that the whole app gives, also behind a shared endpoint."""
    alone = synthesize(tmp_path / "alone", build_fleet(MODELS / "fleet", only="churn-se"), nag=False)
    assert list(alone.templates) == ["churn-se"]
    assert alone.templates["churn-se"] == forty.templates["churn-se"]


def test_synthesis_leaves_a_line_in_the_console(tmp_path):
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": '{"model": "churn"}',
             "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"},
    )  # fmt: skip
    assert "greensage: churn: about " in done.stderr and "against the usual deployment" in done.stderr
