"""The models of this project plan and synthesize; run with: python -m pytest"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from greensage import load_specs, plan

ROOT = Path(__file__).resolve().parents[1]


def test_every_model_file_can_be_planned():
    models = plan(load_specs(ROOT / "models"), default_region="eu-north-1").models
    assert models


def test_the_app_synthesizes():
    made = subprocess.run([sys.executable, "app.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
