"""The command line: help with examples, text and JSON, and exit status 2 for what the user can mend."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greensage.cli import main
from tests.conftest import MODELS, ROOT


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "greensage local up" in capsys.readouterr().out


def test_plan_explains_itself(capsys):
    assert main(["plan", str(MODELS)]) == 0
    shown = capsys.readouterr().out
    assert "churn" in shown and "Graviton by default" in shown and "not serverless" in shown


def test_plan_as_json_is_complete(capsys):
    assert main(["plan", str(MODELS), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {model["name"] for model in content["models"]} == {path.stem for path in MODELS.glob("*.yaml")}
    assert [group["members"] for group in content["groups"]] == [["diabetes", "linnerud"], ["iris", "wine"], ["forest", "pixels"]]


def test_a_bad_file_gives_status_two_and_no_traceback(tmp_path):
    (tmp_path / "a.yaml").write_text("name: [")
    command = [sys.executable, "-m", "greensage", "plan", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT / "constructs")})
    assert done.returncode == 2
    assert "a.yaml:" in done.stderr and "Traceback" not in done.stderr


def test_status_of_no_local_cloud(tmp_path, capsys):
    assert main(["local", "status", "--dir", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["running"] is False


def test_env_of_no_local_cloud_says_how_to_start_one(tmp_path, capsys):
    assert main(["local", "env", "--dir", str(tmp_path)]) == 2
    assert "greensage local up" in capsys.readouterr().err
