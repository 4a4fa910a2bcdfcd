"""The first process: it keeps the door, hands connections to the workers and replaces those that die.

It loads no model and reads no body, so nothing that a caller or a model does can hold it up. Models are tried in a process of
their own before a worker loads them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import mmap
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .children import ended, how, in_child
from .door import Door, unregister
from .engines import engine_of
from .settings import Settings

# What a worker says for each connection that it has taken.
TAKEN = b"+"
_SLOTS = 64
_MESSAGE_BYTES = 64 * 1024
# A worker that does not turn its loop for so long is ended; a prediction in the loop takes milliseconds.
_STUCK_SECONDS = 30.0
_TRY_SECONDS, _LOOK_SECONDS = 240.0, 0.25
# A model that ended this many workers is not loaded again; a worker that dies so often in a minute ends the container.
_MOST_CRASHES, _MOST_DEATHS, _DEATHS_SECONDS = 2, 6, 60.0


@dataclass
class _Worker:
    pid: int
    channel: socket.socket
    memory: mmap.mmap
    ready: bool = False
    numbers: dict[int, str] = field(default_factory=dict)
    # Handed over and not yet taken: nothing of them is lost if the worker dies first.
    given: deque[socket.socket] = field(default_factory=deque)


@dataclass
class _Trial:
    pid: int
    pipe: int
    worker: _Worker
    number: int
    deadline: float
    content: bytes = b""


class Doorman:
    """Runs until SIGTERM; `run` returns the exit code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._selector = selectors.DefaultSelector()
        self._door = Door(settings, self._selector, self._healthy, self._give)
        self._workers: dict[int, _Worker] = {}
        self._trials: dict[int, _Trial] = {}
        self._models: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._crashes: dict[str, int] = {}
        self._deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
        self._turn = 0
        self._leaving: float | None = None
        self._code: int | None = None
        self._broken = ""
        self._importing = False
        self._after_import: list[Callable[[], None]] = []
        self._next_look = 0.0
        self._wake, self._waker = socket.socketpair()

    def run(self) -> int:
        """Serve."""
        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, self._leave)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if not self._settings.multi_model:
            _import(engine_of(self._settings.model_dir) if self._settings.model_dir.exists() else None)
        for _ in range(self._settings.workers):
            self._start()
        if self._leaving is None:  # else SIGTERM came while the workers were started
            self._door.open()
        self._selector.register(self._wake, selectors.EVENT_READ, lambda: _drained(self._wake))
        while self._code is None:
            for key, _ in self._selector.select(0.5):
                key.data()
            self._reap()
            while self._after_import and not self._importing:
                self._after_import.pop(0)()
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _LOOK_SECONDS
                self._by_time()
        return self._code

    # -- workers

    def _start(self) -> None:
        if self._importing:
            self._after_import.append(self._start)
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = mmap.mmap(-1, _SLOTS * 8)
        models = list(self._models.items()) if self._settings.multi_model else None
        gc.freeze()  # what is here already stays shared with the child's pages
        pid = os.fork()
        if pid == 0:
            in_child(lambda: self._work(theirs, memory, models), [ours])
        theirs.close()
        ours.setblocking(False)
        worker = self._workers[pid] = _Worker(pid, ours, memory)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(worker))

    def _work(self, channel: socket.socket, memory: mmap.mmap, models: list[tuple[str, str]] | None) -> int:
        self._close_all()
        from . import worker

        worker.log_to_standard_error(self._settings.log_level)
        loaded = worker.single(self._settings) if models is None else models
        return worker.main(self._settings, channel, memoryview(memory), loaded, dict(self._refused))

    def _close_all(self) -> None:
        """In a child: what belongs to the doorman alone must not stay open here."""
        signal.set_wakeup_fd(-1)
        self._door.leave()
        self._selector.close()
        for worker in self._workers.values():
            worker.channel.close()
            for connection in worker.given:
                connection.close()

    def _hear(self, worker: _Worker) -> None:
        while True:
            try:
                content = worker.channel.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                content = b""
            if not content:
                unregister(self._selector, worker.channel)
                return
            if content == TAKEN:
                worker.given.popleft().close()
            else:
                self._told(worker, json.loads(content))

    def _told(self, worker: _Worker, message: dict[str, Any]) -> None:
        if "ready" in message:
            worker.ready = True
            self._door.give_waiting()
        elif "keep" in message:
            name, url, number = message["keep"]
            worker.numbers[number] = name
            self._models[name] = url
            self._refused.pop(name, None)
        elif "forget" in message:
            self._models.pop(message["forget"], None)
            self._refused.pop(message["forget"], None)
            self._crashes.pop(message["forget"], None)
        elif "broken" in message:
            name, self._broken = message["broken"]
            self._models.pop(name, None)
            self._refused[name] = self._broken
        elif "try" in message:
            self._try(worker, *message["try"])

    def _reap(self) -> None:
        """See to every child that has ended."""
        for pid, code in ended():
            if pid in self._workers:
                self._died(self._workers.pop(pid), code)
            elif pid in self._trials:
                self._tried(self._trials.pop(pid), code)
        if self._leaving is not None and not self._workers:
            self._code = self._code or 0

    def _died(self, worker: _Worker, code: int) -> None:
        self._hear(worker)
        unregister(self._selector, worker.channel)
        worker.channel.close()
        for connection in worker.given:
            self._door.wait(connection)
        if self._leaving is not None:
            return
        end = how(code)
        running = {worker.numbers[number] for number in memoryview(worker.memory).cast("q")[1:] if number in worker.numbers}
        if not worker.ready and not self._settings.multi_model:
            _say(f"the model was not loaded: {self._broken or f'the process that loaded it {end}'}")
            self._stop(1)
            return
        _say(
            f"a serving process {end}"
            + (f" while {', '.join(sorted(running))} predicted" if running else "")
            + "; it is replaced"
        )
        self._deaths.append(time.monotonic())
        if len(self._deaths) == _MOST_DEATHS and self._deaths[-1] - self._deaths[0] < _DEATHS_SECONDS:
            _say(f"{_MOST_DEATHS} serving processes ended within {_DEATHS_SECONDS:.0f} s; giving up")
            self._stop(1)
            return
        for name in running if self._settings.multi_model else ():
            self._crashes[name] = self._crashes.get(name, 0) + 1
            if self._crashes[name] >= _MOST_CRASHES:
                self._models.pop(name, None)
                self._refused[name] = (
                    f"model {name} ended its process {self._crashes[name]} times and is refused until it is loaded again"
                )
        self._start()

    # -- trials of models

    def _try(self, worker: _Worker, number: int, url: str) -> None:
        """Let a process try the model; first import what loads it, so that this process and those after it have it."""
        engine = engine_of(Path(url))
        if self._importing or (engine is not None and engine not in sys.modules):
            self._after_import.append(lambda: self._try(worker, number, url))
            if not self._importing:
                self._import_aside(engine)
            return
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            in_child(lambda: self._trial(url, write), [])
        os.close(write)
        os.set_blocking(read, False)
        trial = self._trials[pid] = _Trial(pid, read, worker, number, time.monotonic() + _TRY_SECONDS)
        self._selector.register(read, selectors.EVENT_READ, lambda: self._read(trial))

    def _trial(self, url: str, pipe: int) -> int:
        self._close_all()
        from . import limits
        from .errors import ServingError
        from .registry import loaded

        before = limits.resident_bytes()
        try:
            loaded(Path(url), self._settings)
            outcome = [limits.resident_bytes() - before, 0, ""]
        except ServingError as error:
            outcome = [0, error.status, error.message]
        os.write(pipe, json.dumps(outcome).encode())
        return 0

    def _read(self, trial: _Trial) -> None:
        with contextlib.suppress(BlockingIOError):
            content = os.read(trial.pipe, _MESSAGE_BYTES)
            trial.content += content
            if not content:
                unregister(self._selector, trial.pipe)

    def _tried(self, trial: _Trial, code: int) -> None:
        self._read(trial)
        unregister(self._selector, trial.pipe)
        os.close(trial.pipe)
        if trial.content:
            needed, status, reason = json.loads(trial.content)
        else:
            needed, status, reason = 0, 400, f"the model cannot be loaded: the process that tried it {how(code)}"
        with contextlib.suppress(OSError):
            trial.worker.channel.send(json.dumps({"tried": [trial.number, max(0, needed), status, reason]}).encode())

    def _import_aside(self, engine: str | None) -> None:
        """Import in a thread, because /ping does not wait; nothing is forked meanwhile, because imports hold locks."""
        self._importing = True

        def run() -> None:
            _import(engine)
            self._importing = False
            with contextlib.suppress(OSError):
                self._waker.send(b"i")

        threading.Thread(target=run, daemon=True).start()

    def _healthy(self) -> bool:
        return any(worker.ready for worker in self._workers.values()) and self._leaving is None

    def _give(self, connection: socket.socket) -> bool:
        """Give a connection to the next worker that is ready and reads; say whether one was found."""
        ready = [worker for worker in self._workers.values() if worker.ready]
        for offset in range(len(ready)):
            worker = ready[(self._turn + offset) % len(ready)]
            try:
                socket.send_fds(worker.channel, [TAKEN], [connection.fileno()])
            except OSError:
                continue
            self._turn += offset + 1
            worker.given.append(connection)
            return True
        return False

    # -- time and the end

    def _by_time(self) -> None:
        now = time.monotonic()
        self._door.by_time(now)
        for trial in self._trials.values():
            if trial.deadline < now:
                os.kill(trial.pid, signal.SIGKILL)
        for worker in self._workers.values():
            beat = memoryview(worker.memory).cast("q")[0] / 1000
            if worker.ready and beat and now - beat > _STUCK_SECONDS:
                _say(f"a serving process did not answer for {_STUCK_SECONDS:.0f} s and is ended")
                os.kill(worker.pid, signal.SIGKILL)
        if self._leaving is not None and now > self._leaving:
            self._kill(signal.SIGKILL)
            self._code = self._code or 0

    def _leave(self, *_: object) -> None:
        """SIGTERM: no new connections; workers answer what they have."""
        if self._leaving is not None:
            return
        self._leaving = time.monotonic() + self._settings.drain_seconds + 3
        self._door.close()
        self._kill(signal.SIGTERM)

    def _stop(self, code: int) -> None:
        self._kill(signal.SIGKILL)
        self._code = code

    def _kill(self, number: int) -> None:
        for pid in (*self._workers, *self._trials):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _import(engine: str | None) -> None:
    """Import an engine; one that is not installed counts as imported, and loading the model will say so."""
    if engine is not None:
        try:
            importlib.import_module(engine)
        except ImportError:
            sys.modules[engine] = None  # type: ignore[assignment] - Python's own way to say that it cannot be imported


def _say(words: str) -> None:
    print(f"ERROR {words}", file=sys.stderr, flush=True)


def _drained(wake: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while wake.recv(4096):
            pass
