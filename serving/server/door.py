"""The door: connections that nobody has taken yet. It answers /ping and hands all others to a worker as they are."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .settings import Settings

_PING = b"GET /ping"
# So many connections wait for a worker that is being replaced, for so long.
_MOST_WAITING, _WAIT_SECONDS = 512, 10.0
_SICK, _BUSY = b'{"error": "no process answers yet"}', b'{"error": "too many connections wait"}'


@dataclass
class _Peeked:
    """A connection whose first bytes have not said yet what it wants, or that waits for a worker."""

    socket: socket.socket
    deadline: float


class Door:
    """Listens, and looks at connections without taking anything from them until it is clear what they want.

    Parameters
    ----------
    settings:
        Where to listen, how many connections to look at and for how long.
    selector:
        The doorman's; what it finds for the door's sockets is to be called.
    healthy:
        What /ping says.
    give:
        Gives a connection to a worker; False where none takes it now.
    """

    def __init__(
        self,
        settings: Settings,
        selector: selectors.BaseSelector,
        healthy: Callable[[], bool],
        give: Callable[[socket.socket], bool],
    ) -> None:
        self._settings, self._selector, self._healthy, self._give = settings, selector, healthy, give
        self._door = socket.create_server((settings.host, settings.port), backlog=1024, reuse_port=False)
        self._peeked: dict[int, _Peeked] = {}
        self._waiting: deque[_Peeked] = deque()

    def open(self) -> None:
        """Let connections in."""
        self._door.setblocking(False)
        self._selector.register(self._door, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Let nobody in any more."""
        unregister(self._selector, self._door)
        self._door.close()

    def leave(self) -> None:
        """In a child: close everything here; the connections stay with the doorman."""
        self._door.close()
        for peeked in (*self._peeked.values(), *self._waiting):
            peeked.socket.close()

    def wait(self, connection: socket.socket) -> None:
        """Keep a connection until a worker takes it, or it has waited too long."""
        self._waiting.append(_Peeked(connection, time.monotonic() + _WAIT_SECONDS))

    def give_waiting(self) -> None:
        """A worker is ready: give it those that wait."""
        while self._waiting and self._give(self._waiting[0].socket):
            self._waiting.popleft()

    def by_time(self, now: float) -> None:
        """See to those that have taken, or waited, too long."""
        for peeked in [item for item in self._peeked.values() if item.deadline < now]:
            self._forget(peeked)
            peeked.socket.close()
        while self._waiting and self._waiting[0].deadline < now:
            late = self._waiting.popleft()
            _answer(late.socket, 503, _SICK)
            late.socket.close()

    def _accept(self) -> None:
        for _ in range(64):
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            connection.setblocking(False)
            if len(self._peeked) >= self._settings.max_connections:
                _answer(connection, 503, _BUSY)
                connection.close()
                continue
            peeked = _Peeked(connection, time.monotonic() + self._settings.head_seconds)
            self._peeked[connection.fileno()] = peeked
            self._selector.register(connection, selectors.EVENT_READ, lambda peeked=peeked: self._look(peeked))
            self._look(peeked)

    def _look(self, peeked: _Peeked) -> None:
        """Decide by the first bytes, which stay where they are."""
        connection = peeked.socket
        try:
            start = connection.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            start = b""
        if not start:
            self._forget(peeked)
            connection.close()
        elif start.startswith((_PING + b" ", _PING + b"?")):
            self._ping(peeked, start)
        elif not (_PING + b" ").startswith(start):
            self._forget(peeked)
            self._hand_over(peeked)

    def _ping(self, peeked: _Peeked, start: bytes) -> None:
        end = start.find(b"\r\n\r\n")
        if end < 0:
            if len(start) == 4096:  # a head that does not fit; the worker has bounds and words for it
                self._forget(peeked)
                self._hand_over(peeked)
            return
        peeked.socket.recv(end + 4)
        peeked.deadline = time.monotonic() + 75
        ready = self._healthy()
        keep = (
            b"close" not in start[:end].lower().partition(b"connection:")[2].partition(b"\r\n")[0] and b"HTTP/1.1" in start[:64]
        )
        _answer(peeked.socket, 200 if ready else 503, b"" if ready else _SICK, keep=keep)
        if not keep:
            self._forget(peeked)
            peeked.socket.close()
        elif len(start) > end + 4:
            self._look(peeked)

    def _hand_over(self, peeked: _Peeked) -> None:
        if self._give(peeked.socket):
            return
        if len(self._waiting) >= _MOST_WAITING:
            _answer(peeked.socket, 503, _BUSY)
            peeked.socket.close()
            return
        self.wait(peeked.socket)

    def _forget(self, peeked: _Peeked) -> None:
        self._peeked.pop(peeked.socket.fileno(), None)
        unregister(self._selector, peeked.socket)


def unregister(selector: selectors.BaseSelector, file: int | socket.socket) -> None:
    """Look no longer at `file`, if it was looked at."""
    with contextlib.suppress(KeyError, ValueError):
        selector.unregister(file)


def _answer(connection: socket.socket, status: int, body: bytes, *, keep: bool = False) -> None:
    """Write a small answer, or nothing where the caller does not read."""
    phrase = {200: b"OK", 503: b"Service Unavailable"}[status]
    head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (status, phrase, len(body))
    with contextlib.suppress(OSError):
        connection.send(head + (b"" if keep else b"connection: close\r\n") + b"\r\n" + body)
