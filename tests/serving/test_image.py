"""The image definition, read; the local cloud builds it (tests/cloud/test_first_deployment.py, test_smoke.py)."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from greensage.catalog.engines import engines, packages_of
from tests.conftest import ROOT

SERVING = ROOT / "serving"
DOCKERFILE = (SERVING / "Dockerfile").read_text()


def _lines(name: str) -> list[str]:
    return [line for line in (SERVING / name).read_text().splitlines() if line and not line.startswith("#")]


REQUIREMENTS = [*_lines("requirements.txt"), *_lines("requirements-catboost.txt")]
OPTIMIZE = _lines("requirements-optimize.txt")


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
    assert re.search(r"^ARG BASE=\S+/python:3\.13\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.M)
    assert "rm -rf /var/lib/apt/lists/*" in DOCKERFILE and "--no-install-recommends" in DOCKERFILE
    assert "--no-cache-dir" in DOCKERFILE and "--only-binary=:all:" in DOCKERFILE
    assert not re.search(r"^(ADD|MAINTAINER)|sudo", DOCKERFILE, re.M)
    assert "--require-hashes" in DOCKERFILE and "libgomp1:$TARGETARCH=12.2.0-*" in DOCKERFILE


def test_what_it_copies_is_there():
    for engine in engines():
        for source in re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.M):
            assert (SERVING / source.replace("${ENGINE}", engine)).exists()
    stages = set(re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.M))
    assert set(re.findall(r"^COPY --from=(\w+)", DOCKERFILE, re.M)) <= stages


def test_only_what_is_for_the_builders_own_machine_runs():
    """No emulator and no arm64 machine is needed: the stage that serves copies (CodeBuild has no arm64 in many Regions)."""
    stages = dict(zip(*[iter(re.split(r"^FROM .* AS (\w+)$", DOCKERFILE, flags=re.M)[1:])] * 2, strict=True))
    assert "FROM --platform=${BUILDPLATFORM} ${BASE} AS packages" in DOCKERFILE
    assert [name for name, steps in stages.items() if re.search(r"^RUN ", steps, re.M)] == ["packages", "optimize"]


@pytest.mark.parametrize("engine", engines())
def test_locks_have_each_pinned_package_by_hash_and_a_bill_of_materials(engine):
    """`make locks` writes them; a pin that changed without it is seen here."""
    lock = (SERVING / "locks" / f"{engine}.txt").read_text()
    pinned = {line.partition("==")[0]: line for line in [*REQUIREMENTS, *OPTIMIZE]}
    assert all(re.search(rf"^{re.escape(pinned[name])} ", lock, re.M) for name in packages_of(engine))
    found = re.findall(r"^([a-z0-9-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.M)
    assert len(found) == len(re.findall(r"^[a-z0-9-]+==", lock, re.M)) and all(len(hashes) > 60 for _, _, hashes in found)
    bill = json.loads((SERVING / "locks" / f"{engine}.cdx.json").read_text())
    assert {(item["name"], item["version"]) for item in bill["components"]} == {(name, version) for name, version, _ in found}


def test_the_image_for_compiled_trees_has_no_framework():
    lock = (SERVING / "locks/trees.txt").read_text()
    assert not re.search("xgboost|lightgbm|scikit|scipy|onnx|boto", lock)


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_wheels_exist_for_both_architectures(machine, tmp_path):
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:",
        "--python-version", "3.13", "--implementation", "cp", "--target", str(tmp_path),
        *(word for tag in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014") for word in ("--platform", f"{tag}_{machine}")),
        "-r", str(SERVING / "requirements.txt"), "-r", str(SERVING / "requirements-catboost.txt"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
