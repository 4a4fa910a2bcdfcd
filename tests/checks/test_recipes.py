"""The hook, the workflow and the build step: their own commands, run in a CDK app and a git repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

RECIPES = ROOT / "examples" / "checks"
APP = """\
import aws_cdk as cdk
from aws_cdk import aws_logs as logs
app = cdk.App()
stack = cdk.Stack(app, "S", env=cdk.Environment(region="eu-north-1"))
logs.LogGroup(stack, "Logs", retention=logs.RetentionDays.INFINITE)
if app.node.try_get_context("gone"):
    cdk.CfnResource(stack, "Gone", type="AWS::SageMaker::DeviceFleet", properties={"DeviceFleetName": "f"})
app.synth()
"""
# The environment of the tests has greensage already.
INSTALL = "pip install greensage"


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "1"}


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py", "context": {}}))
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


def commands_of_workflow() -> list[str]:
    steps = yaml.safe_load((RECIPES / "github-workflow.yaml").read_text())["jobs"]["check"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def commands_of_buildspec() -> list[str]:
    phases = yaml.safe_load((RECIPES / "buildspec.yaml").read_text())["phases"]
    return [command for phase in phases.values() for command in phase["commands"]]


def run(commands: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    assert commands[0] == INSTALL
    script = " && ".join(f"( {command} )" for command in commands[1:])
    return subprocess.run(["sh", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True)


def add_what_is_gone(app: Path) -> None:
    settings = json.loads((app / "cdk.json").read_text())
    (app / "cdk.json").write_text(json.dumps({**settings, "context": {"gone": True}}))


def test_the_workflow(app):
    done = run(commands_of_workflow(), app)
    assert done.returncode == 0, done.stderr
    assert "::notice file=cdk.out/S.template.json,line=" in done.stdout
    assert json.loads((app / "greensage.sarif").read_text())["runs"][0]["results"]


def test_the_workflow_fails_on_a_high_finding(app):
    add_what_is_gone(app)
    done = run(commands_of_workflow(), app)
    assert done.returncode == 1 and "::error file=cdk.out/S.template.json" in done.stdout


def test_the_build_step(app):
    assert run(commands_of_buildspec(), app).returncode == 0
    report = yaml.safe_load((RECIPES / "buildspec.yaml").read_text())["reports"]["greensage"]["files"][0]
    assert "GS-RET01" in (app / report).read_text()
    add_what_is_gone(app)
    assert run(commands_of_buildspec(), app).returncode == 1


def test_the_pre_commit_hook(tmp_path):
    """The hook as it is published, except that it runs in this environment instead of one that pre-commit installs."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    named = yaml.safe_load((RECIPES / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]
    assert named["id"] == hook["id"]
    here = {**hook, "language": "system", "args": ["--fail-on", "low"]}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": [here]}]}))
    (tmp_path / "app.yaml").write_text("Resources: {L: {Type: 'AWS::Logs::LogGroup'}}\n")
    (tmp_path / "values.yaml").write_text("just: a file\n")
    (tmp_path / "tsconfig.json").write_text("{ // no JSON\n}")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*git, "add", "-A"], cwd=tmp_path, check=True)
    env = {**environment(), "PRE_COMMIT_HOME": str(tmp_path / ".home")}
    done = subprocess.run(["pre-commit", "run", "--all-files"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "GS-RET01" in done.stdout and "no CloudFormation template" not in done.stdout
    (tmp_path / "app.yaml").write_text("Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 7}}}\n")
    done = subprocess.run(["pre-commit", "run", "--all-files"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_example_configuration_is_one():
    from greensage.checks.config import read_config, selected

    config = read_config(RECIPES / "greensage-checks.yaml")
    assert config.fail_on == "medium" and selected(config)
