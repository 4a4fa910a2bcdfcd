"""Whoever installs the wheel alone, into an empty folder and an empty environment, gets from `init` to an answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

from . import conftest

pytestmark = pytest.mark.cloud
# Of the issue: from init to an answer, after the downloads.
SECONDS = 120


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    """A folder with an environment that has the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder / "wheel"), str(ROOT)], check=True)
    (wheel,) = (folder / "wheel").iterdir()
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    own = [str(folder / ".venv/bin/python"), *pip[1:]]
    subprocess.run([*own, "install", str(wheel)], check=True)
    return folder


@pytest.fixture
def run(empty):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON", "GREENSAGE_"))}
    environment = {
        **kept, "PATH": f"{empty}/.venv/bin:{ROOT}/node_modules/.bin:{kept['PATH']}", "GREENSAGE_CACHE": str(empty / "cache"),
        "CDK_DISABLE_CLI_TELEMETRY": "1",
    }  # fmt: skip

    def made(command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, shell=True, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    yield made
    made("greensage local down", check=False)


def test_from_an_empty_folder_to_an_answer(run, empty):
    started = time.monotonic()
    run("greensage init")
    assert "churn" in run("greensage plan").stdout
    made_environment = time.monotonic()
    port = conftest.local.PREFERRED_PORT + 9
    run(f"greensage local up --port {port}")
    downloads = time.monotonic() - made_environment
    pointed = 'eval "$(greensage local env)" && '
    run(f"{pointed} cdk bootstrap")
    run(f"{pointed} cdk deploy --all --require-approval never --concurrency 4")
    assert re.fullmatch(r'\{"predictions":\[0\.99\d+\]\}', run(f"{pointed} greensage invoke churn row.csv").stdout.strip())
    assert time.monotonic() - started - downloads < SECONDS
    status = run(f"{pointed} greensage status").stdout
    assert "churn" in status and "InService" in status
    assert "as process" in run(f"{pointed} greensage logs churn").stdout
    # What `init` wrote tests itself, and nothing that is there is overwritten.
    run("pip install --quiet --disable-pip-version-check pytest && python -m pytest -q")
    again = run("greensage init", check=False)
    assert again.returncode == 2 and "would be overwritten" in again.stderr
    assert (empty / "cdk.json").read_text().count(".venv/bin/python") == 1
