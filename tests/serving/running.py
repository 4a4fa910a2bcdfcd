"""Serving processes for the tests, and callers that behave badly on purpose."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

from greensage.local.containers import Container, ContainerFailed
from tests.conftest import ARTIFACTS


def unpacked(name: str, folder: Path) -> Path:
    """Unpack an example's archive into `folder`."""
    with tarfile.open(ARTIFACTS / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def expected(name: str) -> dict:
    """Return rows of an example and what the library itself predicts for them."""
    return json.loads((ARTIFACTS / f"{name}.expected.json").read_text())


def start(folder: Path, *, multi_model: bool = False, lines: list[str] | None = None, **environment: str) -> Container:
    """Start the server on `folder` and wait until /ping says yes; what it prints goes to `lines`."""
    keep = lines.append if lines is not None else lambda line: None
    container = Container(folder, environment, multi_model=multi_model, on_line=keep)
    try:
        container.wait_until_healthy(60)
    except ContainerFailed:
        container.stop()
        raise
    return container


@contextlib.contextmanager
def serving(folder: Path, **settings) -> Iterator[Container]:
    """Run the server for a while."""
    container = start(folder, **settings)
    try:
        yield container
    finally:
        container.stop()


def post(container: Container, body: bytes, media: str, accept: str = "application/json", path: str = "/invocations"):
    """Send one request; return status, headers and body."""
    return container.request("POST", path, body, {"content-type": media, "accept": accept})


def load(container: Container, name: str, folder: Path | str):
    """Ask a multi-model server to load a model."""
    return container.request("POST", "/models", json.dumps({"model_name": name, "url": str(folder)}).encode())


def connected(container: Container, seconds: float = 10) -> socket.socket:
    """Return a bare connection."""
    return socket.create_connection(("127.0.0.1", container.port), timeout=seconds)


def answer_of(connection: socket.socket) -> bytes:
    """Return all that the server sends until it hangs up."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            content += part
    return content


def workers(container: Container) -> list[int]:
    """Return the process ids of those that answer."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == container.pid:
                found.append(int(path.parent.name))
    return sorted(found)


def resident_mb(container: Container) -> float:
    """Return what all processes of the server hold in memory; pages that they share count once for each."""
    pages = 0
    for pid in (container.pid, *workers(container)):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def until(condition, seconds: float = 10.0) -> bool:
    """Wait until `condition` holds; say whether it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


class Pings:
    """The slowest answer of /ping while something else goes on, each on a connection of its own."""

    def __init__(self, container: Container) -> None:
        self.container, self.slowest, self.count, self.refused = container, 0.0, 0, 0

    def once(self) -> None:
        started = time.perf_counter()
        status = self.container.request("GET", "/ping", timeout=10)[0]
        self.slowest = max(self.slowest, time.perf_counter() - started)
        self.count += 1
        self.refused += status != 200
