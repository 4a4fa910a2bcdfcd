"""Serving containers as processes: started like SageMaker does, watched until /ping answers, stopped with the cloud."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..catalog import limits
from ..core.folders import serving_folder

_POLL_SECONDS = 0.05
# A folder to run in, and a module: the server of greensage's image, and what stands in for AWS's of Hugging Face.
SERVER = (serving_folder(), "server")
HUGGING_FACE = (Path(__file__).parent / "hugging_face", "stand_in")
_DRAIN_SECONDS = 60.0


class ContainerFailed(Exception):
    """The container did not come up; the message is its last words."""


class ContainerStopping(Exception):
    """The container takes no more requests, because another has taken its place."""


class Container:
    """One process with `server` on a free loopback port, by default that of the serving image.

    `environment` is the model's; `on_line` gets each line that the process prints; `python` has what the server imports, by
    default this one. Requests are counted, so that `stop` lets those under way finish.
    """

    def __init__(
        self, model_dir: Path, environment: Mapping[str, str], *, multi_model: bool, on_line: Callable[[str], None],
        python: Path | None = None, server: tuple[Path, str] = SERVER,
    ) -> None:  # fmt: skip
        self.port = _free_port()
        self.model_dir = model_dir
        self._lines: list[str] = []
        self._on_line = on_line
        self._active = 0
        self._stopping = False
        self._idle = threading.Condition()
        variables = {
            **base_environment(),
            **environment,
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SAGEMAKER_MULTI_MODEL": "true" if multi_model else "false",
            "GREENSAGE_MODEL_DIR": str(model_dir),
            "GREENSAGE_BIND_HOST": "127.0.0.1",
        }
        # The child ends when its standard input does, so it cannot outlive a local cloud that crashed.
        self._process = subprocess.Popen(
            [str(python or sys.executable), str(Path(__file__).with_name("supervise.py")), server[1], "serve"],
            cwd=server[0], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.poll()

    def wait_until_healthy(self, seconds: float) -> None:
        """Return when /ping answers 200; raise ContainerFailed when the process ends or time runs out."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                # The reader may still be at the last lines, which say why.
                time.sleep(_POLL_SECONDS)
                raise ContainerFailed(self._last_words() or f"the container ended with exit code {self._process.returncode}")
            if self._ping():
                return
            time.sleep(_POLL_SECONDS)
        self.stop()
        raise ContainerFailed(f"the container did not pass the ping health check within {seconds:g} s. {self._last_words()}")

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None,
        timeout: float = limits.REALTIME_TIMEOUT_SECONDS,
    ) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
        """Return status, headers and body of the container's answer; ContainerStopping once `stop` was called."""
        with self._idle:
            if self._stopping:
                raise ContainerStopping
            self._active += 1
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            try:
                connection.request(method, path, body, dict(headers or {}))
                answer = connection.getresponse()
                return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
            finally:
                connection.close()
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def stop(self) -> None:
        """Let requests finish, then end the process as SageMaker does: SIGTERM, and SIGKILL if that is ignored."""
        with self._idle:
            # First close the door, then wait: otherwise new requests would keep it busy for ever.
            self._stopping = True
            self._idle.wait_for(lambda: self._active == 0, timeout=_DRAIN_SECONDS)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _ping(self) -> bool:
        try:
            return self.request("GET", "/ping", timeout=limits.PING_TIMEOUT_SECONDS)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            # Fifty lines hold a traceback, and a container that chatters for days does not fill the memory.
            self._lines = [*self._lines[-49:], line]
            self._on_line(line)

    def _last_words(self) -> str:
        return " ".join(line for line in self._lines if line.strip())[-600:]


def base_environment() -> dict[str, str]:
    """What a container gets from outside: no credentials of the user, nothing of the local cloud."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if key in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "GREENSAGE_CPUS": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
