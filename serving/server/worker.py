"""One serving process: it gets connections from the doorman, answers their requests, and may die without the others."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from typing import Any

import uvloop

from . import limits
from .app import SINGLE, App
from .doorman import TAKEN
from .errors import ServingError
from .http import Connections
from .lanes import Marks
from .registry import Registry
from .settings import Settings
from .telemetry import Telemetry

logger = logging.getLogger("greensage.server")
_MESSAGE_BYTES, _MOST_FILES = 64 * 1024, 16
_BEAT_SECONDS = 0.25


class Worker:
    """Talks to the doorman over `channel`: connections and outcomes come in, models to remember go out.

    `models` are loaded before anything is answered; `refused` maps names to why they are not.
    """

    def __init__(
        self,
        settings: Settings,
        channel: socket.socket,
        memory: memoryview,
        models: list[tuple[str, str]],
        refused: dict[str, str],
    ) -> None:
        self._settings, self._channel = settings, channel
        self._slots = memory.cast("q")
        self._registry = Registry(settings, Marks(memory))
        self._registry.observe = lambda seconds: self._telemetry.loaded(seconds)
        self._app = App(settings, self._registry, self)
        self._connections = Connections(settings, self._app.handle)
        self._telemetry = Telemetry(settings)
        if self._telemetry.wanted:
            self._connections.observe = self._telemetry.answered
        self._models, self._refused = models, refused
        self._tries: dict[int, asyncio.Future[int]] = {}
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until SIGTERM, or until the doorman is gone; 1 where the model cannot be loaded."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ended.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the doorman decides
        beat = asyncio.ensure_future(self._beat())
        for name, url in self._models:
            try:
                number = await self._registry.load(name, url, bytes_needed=0)
                self._send({"keep": [name, url, number]})
            except ServingError as error:
                self._send({"broken": [name, error.message]})
                if not self._settings.multi_model:
                    return 1
                self._registry.refuse(name, error.message)
        for name, reason in self._refused.items():
            self._registry.refuse(name, reason)
        loop.add_reader(self._channel, self._receive)
        watch = asyncio.ensure_future(self._connections.watch())
        told = asyncio.ensure_future(self._tell())
        self._send({"ready": os.getpid()})
        await self._ended.wait()
        loop.remove_reader(self._channel)
        await self._connections.drain(self._settings.drain_seconds)
        await asyncio.to_thread(self._app.stop)
        for task in (watch, beat, told):
            task.cancel()
        self._telemetry.flush()
        return 0

    # -- what the application asks of the doorman

    async def tried(self, url: str) -> int:
        """Return the bytes that the model at `url` takes, from a process that loaded it. Raises ServingError."""
        number = max(self._tries, default=0) + 1
        future = self._tries[number] = asyncio.get_running_loop().create_future()
        self._send({"try": [number, url]})
        try:
            return await future
        finally:
            del self._tries[number]

    def keep(self, name: str, url: str, number: int) -> None:
        """Load the model again after this process has died."""
        self._send({"keep": [name, url, number]})

    def forget(self, name: str) -> None:
        """No longer do."""
        self._send({"forget": name})

    # -- its own

    def _send(self, message: dict[str, Any]) -> None:
        self._channel.sendall(json.dumps(message).encode())

    def _receive(self) -> None:
        """Take all that is there: connections come as open files beside a message, one message at a time."""
        while True:
            try:
                content, files, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, _MOST_FILES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                content, files = b"", []
            if not content:
                self._ended.set()  # the doorman is gone, and nobody restarts what nobody watches
                asyncio.get_running_loop().remove_reader(self._channel)
                return
            for file in files:
                self._channel.sendall(TAKEN)
                task = asyncio.ensure_future(self._connect(socket.socket(fileno=file)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if content != TAKEN:
                self._told(json.loads(content))

    def _told(self, message: dict[str, Any]) -> None:
        number, needed, status, reason = message["tried"]
        future = self._tries.get(number)
        if future is None or future.done():
            return
        if reason:
            future.set_exception(ServingError(status, reason))
        else:
            future.set_result(needed)

    async def _connect(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._connections.new, connection)
        except OSError:
            connection.close()

    async def _tell(self) -> None:
        while self._settings.metrics_seconds:
            await asyncio.sleep(self._settings.metrics_seconds)
            self._telemetry.models = self._registry.count
            self._telemetry.flush()

    async def _beat(self) -> None:
        """Show the doorman that the loop turns."""
        while True:
            self._slots[0] = int(time.monotonic() * 1000)
            await asyncio.sleep(_BEAT_SECONDS)


def main(
    settings: Settings, channel: socket.socket, memory: memoryview, models: list[tuple[str, str]], refused: dict[str, str]
) -> int:
    """Run a worker in this process and return its exit code."""
    limits.one_area()
    # The channel's messages are small, and the doorman always reads: waiting for room is right, dropping is not.
    channel.setblocking(True)

    async def run() -> int:
        return await Worker(settings, channel, memory, models, refused).run()

    return uvloop.run(run())


def single(settings: Settings) -> list[tuple[str, str]]:
    """Return what a single-model container loads."""
    return [] if settings.multi_model else [(SINGLE, str(settings.model_dir))]


def log_to_standard_error(level: str) -> None:
    """One short line for each thing worth knowing, from `level` on; no payloads."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(message)s")
