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


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_is_clean(path):
    app = load(path).main()
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    folder = Path(app.synth().directory)
    templates = sorted(map(str, folder.glob("*.template.json")))
    assert templates
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *templates], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    kinds = {row["Type"] for name in templates for row in json.loads(Path(name).read_text())["Resources"].values()}
    assert "AWS::SageMaker::Endpoint" in kinds
