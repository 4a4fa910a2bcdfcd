"""Starts what a Dockerfile has built, as SageMaker starts it, and asks /ping."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from ...core.folders import cache_folder
from .dockerfile import BuildError, Stage

_SECONDS = 60
_ENDING_SECONDS = 10
_REQUIREMENTS = "build/requirements.txt"


class NotStarted(Exception):
    """It cannot be started on this computer, which says nothing about the image."""


def answers_ping(stage: Stage) -> float:
    """Return the seconds until /ping answered 200. BuildError when it does not; NotStarted where this Python cannot tell."""
    packages = _packages_for_this_python(stage)
    port = _free_port()
    variables = {
        **stage.variables, "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(packages), "SAGEMAKER_MULTI_MODEL": "true",
        "SAGEMAKER_BIND_TO_PORT": str(port), "GREENSAGE_BIND_HOST": "127.0.0.1", "GREENSAGE_RUN_AS": "", "HOME": str(stage.root),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - as the computer has it
    }  # fmt: skip
    command = [sys.executable if word in ("python", "python3") else word for word in [*stage.entrypoint, *stage.command]]
    if command[:1] == [sys.executable]:
        command.insert(1, "-S")  # nothing but what the image has
    begun = time.monotonic()
    # A file, since nobody reads a pipe while it runs.
    with tempfile.TemporaryFile("w+", errors="replace") as said, subprocess.Popen(
        command, cwd=stage.path("."), env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            while time.monotonic() - begun < _SECONDS:
                if process.poll() is not None:
                    said.seek(0)
                    raise BuildError(f"what the image starts ended with {process.returncode}: {said.read()[-600:]}")
                if _asks(port):
                    return time.monotonic() - begun
                time.sleep(0.1)
            raise BuildError(f"what the image starts did not answer /ping within {_SECONDS} s")
        finally:
            _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _asks(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _packages_for_this_python(stage: Stage) -> Path:
    """The same packages in the same versions, by the same hashes, for the Python at hand; kept from build to build.

    The image's own lie in it, and are for its Python and its machine.
    """
    import hashlib

    locks = [path for path in stage.root.parent.glob(f"stage-*/{_REQUIREMENTS}") if path.is_file()]
    if not locks:
        raise NotStarted("the Dockerfile installs no requirements.txt that could be installed here, too")
    content = locks[0].read_bytes()
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    folder = cache_folder() / "builds" / f"{hashlib.sha256(content).hexdigest()[:16]}-py{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--only-binary=:all:",
         "--require-hashes", "--no-deps", "--target", str(making), "--requirement", str(locks[0])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotStarted(f"its packages cannot be installed for Python {sys.version.split()[0]}: {_last(done.stderr)}")
    try:
        making.rename(folder)
    except OSError:  # another build was faster
        if not folder.is_dir():
            raise
    return folder


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.startswith("ERROR")), text[-200:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
