"""The CDK snippets of the pages run, and what they make passes the rule they are to mend."""

from __future__ import annotations

import tarfile
from pathlib import Path

import aws_cdk
import pytest

import constructs
from greensage.checks.engine import Engine
from greensage.checks.pages import page
from greensage.checks.template import Template
from tests.checks.helpers import RULES
from tests.checks.snippets import run_python, run_typescript


def verdicts(name: str, templates: list[dict]) -> list[str]:
    region = "eu-north-1" if name == "GS-REG01" else None
    made = [Template("snippet", "Snippet", raw, region) for raw in templates if raw.get("Resources")]
    return [item.message for item in Engine([RULES[name]], strict=True).run(made) if item.status == "fail"]


@pytest.mark.parametrize("name", RULES)
def test_the_python_snippet_runs_and_passes(name):
    assert verdicts(name, run_python(page(RULES[name]).python)) == []


@pytest.fixture(scope="module")
def typescript(tmp_path_factory):
    """Run all of them in one Node process, with the CDK's npm packages that lie in the Python ones."""
    folder = tmp_path_factory.mktemp("typescript")
    modules = folder / "node_modules"
    for name, place in (
        ("aws-cdk-lib", Path(aws_cdk.__file__).with_name("_jsii")),
        ("constructs", Path(constructs.__file__).with_name("_jsii")),
        ("@aws-cdk/cloud-assembly-schema", Path(aws_cdk.__file__).parent / "cloud_assembly_schema" / "_jsii"),
    ):
        with tarfile.open(next(place.glob("*.jsii.tgz"))) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "unpacked" / "package").rename(modules / name)
    return run_typescript({name: page(RULES[name]).typescript for name in RULES}, folder, modules)


@pytest.mark.parametrize("name", RULES)
def test_the_typescript_snippet_runs_and_passes(name, typescript):
    result = typescript[name]
    assert not isinstance(result, str), result
    assert verdicts(name, result) == []
