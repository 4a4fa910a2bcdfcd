"""The script for somebody with an account, against a local cloud with authorization on and with what AWS does now and then."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.cloud


def test_the_smoke_test_goes_as_expected_in_bad_weather_too(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, str(ROOT / "tools/aws_smoke.py"), "--local", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "GREENSAGE_CHAOS": "7"}, check=False)
    found = json.loads(report.read_text())
    assert done.returncode == 0 and found["differs"] == [], f"{done.stdout[-3000:]}\n{json.dumps(found['differs'])[:3000]}"
    assert [row["step"] for row in found["steps"]] == [
        "preflight", "bootstrap", "deploy", "call", "update", "roll back", "drift", "destroy", "nothing left",
    ]  # fmt: skip


def test_it_spends_nothing_unless_it_is_told_to():
    done = subprocess.run([sys.executable, str(ROOT / "tools/aws_smoke.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--yes" in done.stdout
