"""One build: its source unpacked, its phases run one by one, its log written, and whether it succeeded."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

# In the order in which CodeBuild runs them (user guide, "Build specification reference"); what follows a failure is skipped.
_PHASES = ("install", "pre_build", "build", "post_build")
TOOLS = ("docker", "aws", "pip", "pip3", "python", "python3", "apt-get", "dpkg", "dpkg-deb", "rm", "mkdir", "cat", "ls", "uname")
PLACE = "GREENSAGE_BUILD"


@dataclass(frozen=True)
class Source:
    """What is built: a zip, the text of the buildspec, the variables, and as whom (more variables, with credentials)."""

    content: bytes
    buildspec: str
    variables: Mapping[str, str]
    credentials: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Result:
    """How a phase ended, and what CodeBuild would say of it."""

    phase: str
    status: str
    message: str = ""


def run(source: Source, log: Callable[[str], None]) -> list[Result]:
    """Run the phases until one fails; each line that they write goes to `log`."""
    with tempfile.TemporaryDirectory(prefix="build-") as place:
        folder = Path(place)
        try:
            phases = _phases(source.buildspec)
        except ValueError as error:
            return [Result("DOWNLOAD_SOURCE", "FAILED", f"YAML_FILE_ERROR: {error}")]
        (folder / "src").mkdir()
        with zipfile.ZipFile(BytesIO(source.content)) as archive:
            archive.extractall(folder / "src")
        environment = _environment(folder, source)
        deadline = time.monotonic() + source.seconds
        results = [Result("DOWNLOAD_SOURCE", "SUCCEEDED")]
        for phase in _PHASES:
            for command in phases.get(phase, []):
                log(f"[Container] Running command {command}")
                code = _execute(command, folder / "src", environment, deadline, log)
                if code:
                    said = f"COMMAND_EXECUTION_ERROR: Error while executing command: {command}. Reason: exit status {code}"
                    return [*results, Result(phase.upper(), "FAILED", said)]
            results.append(Result(phase.upper(), "SUCCEEDED"))
        return results


def _phases(text: str) -> dict[str, list[str]]:
    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the buildspec is no YAML: {error}") from None
    if not isinstance(found, dict) or str(found.get("version")) != "0.2":
        raise ValueError("the buildspec has no version 0.2")
    unknown = set(found.get("phases", {})) - set(_PHASES)
    if unknown:
        raise ValueError(f"unknown phases: {', '.join(sorted(unknown))}")
    return {name: [str(item) for item in part.get("commands", [])] for name, part in found.get("phases", {}).items()}


def _environment(folder: Path, source: Source) -> dict[str, str]:
    """What commands see: their variables, the role's credentials, and nothing on the path but the tools below."""
    tools = folder / "bin"
    tools.mkdir()
    for name in TOOLS:
        tool = tools / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m greensage.local.builds.tool {name} "$@"\n')
        tool.chmod(0o755)
    kept = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in ("PYTHONPATH", "HOME", "TMPDIR")
    }
    return {**kept, **source.variables, **source.credentials, "PATH": str(tools), PLACE: str(folder)}


def _execute(command: str, folder: Path, environment: Mapping[str, str], deadline: float, log: Callable[[str], None]) -> int:
    left = deadline - time.monotonic()
    if left <= 0:
        log("BUILD_TIMED_OUT: the build has reached its limit")
        return 124
    with subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        timer = threading.Timer(left, _end, [process])
        timer.start()
        assert process.stdout is not None
        for line in process.stdout:
            log(line.rstrip())
        code = process.wait()
        timer.cancel()
        return code


def _end(process: subprocess.Popen[str]) -> None:
    """With all that it has started: what lives on would keep its output open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def variables_of(rows: list[Mapping[str, str]]) -> dict[str, str]:
    """Return the variables of a project; only plain ones are known here."""
    return {row["name"]: row["value"] for row in rows if row.get("type", "PLAINTEXT") == "PLAINTEXT"}


def manifest_of(tag: str, digest: str) -> str:
    """Return the manifest of an image, of Docker's own format, which SageMaker takes."""
    media = "application/vnd.docker.distribution.manifest.v2+json"
    layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": f"sha256:{digest}", "size": 0}
    return json.dumps({"schemaVersion": 2, "mediaType": media, "layers": [layer], "annotations": {"greensage.tag": tag}})
