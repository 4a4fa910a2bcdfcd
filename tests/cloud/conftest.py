"""The real CDK CLI against a local cloud of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from greensage.client import EndpointClient
from greensage.local import cloud as local
from greensage.local.cloud import ACCOUNT, LocalCloud
from tests.conftest import ROOT

REGION = "eu-north-1"
EDGE_REGION = "eu-west-1"
# Workers that start at once must not look for the same free port.
local.PREFERRED_PORT = 4600 + 20 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass
class Cdk:
    """Runs `cdk` on our app with model files of the test's own."""

    models: Path
    environment: dict[str, str]
    output: Path
    python: str = sys.executable
    app: str = "app.py"

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [
            str(ROOT / "node_modules/.bin/cdk"), "--no-notices", "--app", f"{self.python} {self.app}",
            "-c", f"models={self.models}", "--output", str(self.output), *arguments,
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    def deploy(self, *stacks: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        chosen = stacks or ("--all",)
        return self("deploy", *chosen, "--require-approval", "never", "--concurrency", "4", "--progress", "events", check=check)

    def destroy(self) -> None:
        self("destroy", "--all", "--force", "--concurrency", "4")


def environment_of(cloud: LocalCloud) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**kept, **cloud.environment(REGION), "CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}


@pytest.fixture(scope="session")
def local_cloud(tmp_path_factory) -> Iterator[LocalCloud]:
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"))
    cloud.up()
    yield cloud
    cloud.down()


def session_of(cloud: LocalCloud, key: str = "test", secret: str = "test", region: str = REGION) -> boto3.Session:
    """Sessions with the endpoint set, so that tests need no environment variables."""
    running = cloud.status()
    assert running is not None
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
    make = session.client

    def client(name: str, **options):
        return make(name, endpoint_url=running.url, **options)

    session.client = client  # type: ignore[method-assign]
    return session


@pytest.fixture(scope="session")
def session(local_cloud) -> boto3.Session:
    return session_of(local_cloud)


def bootstrapped(cdk: Cdk, *more: str) -> Cdk:
    cdk("bootstrap", *(f"aws://{ACCOUNT}/{region}" for region in (REGION, *more)))
    return cdk


@dataclass
class RequestLoop:
    """Calls a model without a pause while something else happens, and keeps every failure."""

    client: EndpointClient
    rows: list[list[float]]
    failures: list[str] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> RequestLoop:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(json.loads(json.dumps(self.client.predict(self.rows[:1])))[0])
            except Exception as error:
                self.failures.append(repr(error))
            time.sleep(0.005)
