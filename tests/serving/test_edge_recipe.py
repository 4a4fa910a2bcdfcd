"""The scripts of a Greengrass recipe, run as the nucleus runs them: variables filled in, packages installed, model served."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3

from greensage import ArtifactLocation, EdgeComponent
from tests.conftest import ARTIFACTS, ROOT

pytestmark = pytest.mark.slow


def recipe() -> dict:
    """Return the recipe of a component, with what CloudFormation would fill in left out."""
    stack = Stack(App(), "device", env=Environment(account="111111111111", region="eu-west-1"))
    bucket = s3.Bucket.from_bucket_name(stack, "B", "models")
    location = ArtifactLocation.in_bucket(bucket, "models/sensor/sensor-1.tar.gz")
    made = EdgeComponent(stack, "Edge", artifact=location, framework="onnx", device_groups=["a"])
    text = stack.resolve(made.cfn_component_version.inline_recipe)
    joined = text if isinstance(text, str) else "".join(part if isinstance(part, str) else "X" for part in text["Fn::Join"][1])
    return json.loads(joined)


def fill(script: str, root: Path, port: int) -> str:
    variables = {
        "artifacts:path": root / "artifacts", "artifacts:decompressedPath": root / "decompressed", "work:path": root / "work",
        "configuration:/Port": port,
    }  # fmt: skip
    return re.sub(r"\{([a-z]+:[A-Za-z/]+)\}", lambda match: str(variables[match.group(1)]), script)


def lay_out(manifest: dict, root: Path) -> None:
    """Put the artifacts where Greengrass puts them: archives as they are, zips unpacked below their own name."""
    archive, server = manifest["Artifacts"]
    (root / "artifacts").mkdir()
    (root / "work").mkdir()
    shutil.copy(ARTIFACTS / "sensor.tar.gz", root / "artifacts" / archive["URI"].rsplit("/", 1)[-1])
    name = server["URI"].rsplit("/", 1)[-1].removesuffix(".zip")
    shutil.copytree(ROOT / "serving", root / "decompressed" / name, ignore=shutil.ignore_patterns("__pycache__"))


def ask(port: int, rows: list) -> list:
    body = json.dumps({"instances": rows}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())["predictions"]


def test_the_recipes_own_scripts_install_and_serve_the_model(tmp_path):
    (manifest,) = recipe()["Manifests"]
    lay_out(manifest, tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    steps = manifest["Lifecycle"]
    subprocess.run(["sh", "-c", fill(steps["install"]["Script"], tmp_path, port)], check=True, timeout=300)
    installed = {path.name for path in (tmp_path / "work/venv").glob("lib/python3*/site-packages/*")}
    assert "onnxruntime" in installed and not installed & {"xgboost", "lightgbm", "sklearn"}
    variables = {key: fill(value, tmp_path, port) for key, value in steps["run"]["Setenv"].items()}
    script = fill(steps["run"]["Script"], tmp_path, port)
    with subprocess.Popen(["sh", "-c", script], env={**os.environ, **variables}) as server:
        try:
            wanted = json.loads((ARTIFACTS / "sensor.expected.json").read_text())
            deadline = time.monotonic() + 60
            while True:
                try:
                    answer = ask(port, wanted["rows"])
                    break
                except OSError:
                    assert time.monotonic() < deadline and server.poll() is None
                    time.sleep(0.2)
            np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)
        finally:
            server.terminate()
