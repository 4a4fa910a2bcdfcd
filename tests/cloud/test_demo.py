"""`make demo` as a user runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import MODELS, ROOT

pytestmark = pytest.mark.cloud


def test_the_demo_deploys_calls_compares_and_destroys():
    done = subprocess.run([sys.executable, "tools/demo.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("same as in Python") == len(list(MODELS.glob("*.yaml")))
    assert "0 endpoints, 0 endpoint configs, 0 models" in done.stdout and "0 serving processes" in done.stdout
    assert "Graviton by default" in done.stdout
