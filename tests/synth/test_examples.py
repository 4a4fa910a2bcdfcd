"""Every example synthesizes, passes AwsSolutionsChecks and cfn-lint."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*/app.py"))
# The pipeline itself is CDK Pipelines' own work; what it deploys is ours.
NOT_OURS = ("models-pipeline/Pipeline",)


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_four():
    assert [path.parent.name for path in EXAMPLES] == ["api", "pipelines", "plain_stack", "several_regions"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_is_clean(path):
    app = load(path).main()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError:
        assert path.parent.name == "pipelines", "findings in our own constructs"
    folder = Path(app.outdir)
    assert findings(folder) == []
    templates = sorted(str(item) for item in folder.glob("**/*.template.json") if "models-pipeline.template" not in item.name)
    assert templates
    # W3005: the CDK's own function depends on its role twice.
    lint = [Path(sys.executable).with_name("cfn-lint"), "--ignore-checks", "W3005", "--", *templates]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    kinds = {row["Type"] for name in templates for row in json.loads(Path(name).read_text())["Resources"].values()}
    assert "AWS::SageMaker::Endpoint" in kinds


def findings(folder: Path) -> list[str]:
    """Return what AwsSolutionsChecks finds in constructs that are not CDK Pipelines'."""
    report = json.loads((folder / "validation-report.json").read_text())
    found = []
    for plugin in report["pluginReports"]:
        for rule in plugin.get("violations", []):
            if rule.get("severity") == "error":
                paths = [item["constructPath"] for item in rule["violatingConstructs"]]
                found += [f"{rule['ruleName']} {path}" for path in paths if not path.startswith(NOT_OURS)]
    return found
