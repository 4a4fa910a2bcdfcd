"""The image definition. It cannot be built here (no container engine); what can be checked without one is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SERVING = ROOT / "serving"
DOCKERFILE = (SERVING / "Dockerfile").read_text()
REQUIREMENTS = [line for line in (SERVING / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]


def test_every_package_is_pinned():
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", line) for line in REQUIREMENTS)


def test_sagemakers_labels_are_set():
    for capability in ("multi-models", "accept-bind-to-port"):
        assert f"LABEL com.amazonaws.sagemaker.capabilities.{capability}=true" in DOCKERFILE


def test_it_starts_as_sagemaker_starts_it():
    assert 'ENTRYPOINT ["python", "-m", "server"]' in DOCKERFILE
    assert 'CMD ["serve"]' in DOCKERFILE


def test_the_rules_a_linter_would_check():
    """As hadolint: pinned base, exec form, no cache kept, versions of system packages, no ADD, no sudo."""
    assert not re.search(r"^FROM \S+:latest", DOCKERFILE, re.M)
    assert re.search(r"^ARG BASE=python:3\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert "rm -rf /var/lib/apt/lists/*" in DOCKERFILE and "--no-install-recommends" in DOCKERFILE
    assert "--no-cache-dir" in DOCKERFILE and "--only-binary=:all:" in DOCKERFILE
    assert not re.search(r"^(ADD|MAINTAINER)|sudo", DOCKERFILE, re.M)
    installed = re.findall(r"install .*--no-install-recommends (\S+)", DOCKERFILE)
    assert installed and all("=" in package for package in installed)


def test_what_it_copies_is_there():
    for source in re.findall(r"^COPY (\S+)", DOCKERFILE, re.M):
        assert (SERVING / source).exists()


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_wheels_exist_for_both_architectures(machine, tmp_path):
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:",
        "--python-version", "3.13", "--implementation", "cp", "--target", str(tmp_path),
        *(word for tag in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014") for word in ("--platform", f"{tag}_{machine}")),
        "-r", str(SERVING / "requirements.txt"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
