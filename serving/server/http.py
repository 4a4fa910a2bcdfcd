"""HTTP/1.1 on one connection: parsed by httptools, bounded in size and time, one request after the other.

A request that is whole goes to the application, which answers by `Request.answer`, at once or later. Bodies above
`_IN_MEMORY` lie in a temporary file. Nothing here knows what is served.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import IO

import httptools

from .errors import ServingError
from .settings import Settings

JSON = "application/json"
_HEAD_BYTES, _HEADERS, _URL_BYTES = 64 * 1024, 100, 8 * 1024
# A body larger than this lies in a file, and every body does while the bodies of all connections hold _TOGETHER.
_IN_MEMORY, _TOGETHER = 256 * 1024, 32 * 1024 * 1024
_IDLE_SECONDS, _LINGER_SECONDS, _WRITE_SECONDS = 75.0, 5.0, 60.0
# Requests that a caller may send before the first one is answered.
_PIPELINED = 64
# A body that comes slower than this for long is given up, however steadily it drips.
_SLOWEST_BYTES = 100_000
_PHRASES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_FOREVER = float("inf")


class Request:
    """One request; `answer` it once. `body` is None where it lies in `file`."""

    __slots__ = ("_connection", "body", "file", "headers", "keep_alive", "method", "size", "started", "target")

    def __init__(self, connection: Connection, method: str, target: str, headers: dict[bytes, bytes]) -> None:
        self._connection = connection
        self.method, self.target, self.headers = method, target, headers
        self.body: bytes | None = b""
        self.file: IO[bytes] | None = None
        self.size = 0
        self.started = perf_counter()
        self.keep_alive = True

    def header(self, name: bytes) -> str:
        """Return a header's value, or the empty string; `name` in small letters."""
        return self.headers.get(name, b"").decode("latin-1")

    def answer(self, status: int, body: bytes, media: str = JSON, extra: bytes = b"") -> None:
        """Send the answer; `extra` are whole header lines."""
        self._connection.answer(self, status, body, media, extra)

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error as JSON; 503 says when to come again."""
        extra = b"retry-after: 1\r\n" if status in (429, 503) else b""
        self.answer(status, json.dumps({"error": message}).encode(), JSON, extra)


Handle = Callable[[Request], None]


class Connections:
    """All connections of a process: what they share, and the clock that ends the slow ones."""

    def __init__(self, settings: Settings, handle: Handle) -> None:
        self.settings, self.handle = settings, handle
        # Is told of each answer: the request, the status, the bytes.
        self.observe: Callable[[Request, int, int], None] | None = None
        self.open: set[Connection] = set()
        self.now = asyncio.get_running_loop().time
        self.bytes_held = 0
        self.draining = False

    def new(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self)

    async def watch(self) -> None:
        """End what takes too long, each second."""
        while True:
            await asyncio.sleep(1)
            now = self.now()
            for connection in [item for item in self.open if item.deadline < now]:
                connection.too_slow()

    async def drain(self, seconds: float) -> None:
        """Close what is idle, let the rest be answered, and close all after `seconds`."""
        self.draining = True
        end = self.now() + seconds
        while self.open and self.now() < end:
            for connection in [item for item in self.open if item.idle]:
                connection.close()
            await asyncio.sleep(0.02)
        for connection in list(self.open):
            connection.close()


class Connection(asyncio.Protocol):
    """The protocol of one connection; httptools calls the `on_` methods."""

    __slots__ = (
        "_all",
        "_body",
        "_body_end",
        "_busy",
        "_discarding",
        "_head_bytes",
        "_headers",
        "_parser",
        "_reading",
        "_refusal",
        "_request",
        "_target",
        "_transport",
        "_waiting",
        "closed",
        "deadline",
    )  # fmt: skip

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._request: Request | None = None  # the one that is being read
        self._busy: Request | None = None  # the one that is being answered
        self._waiting: deque[Request] = deque()
        self._discarding = self._reading = False
        self._refusal: ServingError | None = None
        self.closed = False
        self._begin()
        self.deadline = self._body_end = _FOREVER

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many."""
        self._transport = transport  # type: ignore[assignment] - uvloop's transports are no subclasses
        self._all.open.add(self)
        self.deadline = self._all.now() + self._all.settings.head_seconds
        if len(self._all.open) > self._all.settings.max_connections:
            self._refuse_and_close(ServingError(503, "too many connections"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it does not take is refused."""
        if self._discarding:
            return
        if not self._reading:
            self._reading = True
            self.deadline = self._all.now() + self._all.settings.head_seconds
        if self._request is None:
            self._head_bytes += len(data)
        elif self._busy is None:
            self.deadline = min(self._all.now() + self._all.settings.body_seconds, self._body_end)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse_and_close(ServingError(400, "this connection cannot be upgraded"))
        except (httptools.HttpParserCallbackError, httptools.HttpParserError) as error:
            cause = error.__context__ if isinstance(error.__context__, ServingError) else None
            self._refuse_and_close(cause or ServingError(400, f"not a valid HTTP request: {error}"))
        if self._request is None and self._head_bytes > _HEAD_BYTES:
            self._refuse_and_close(ServingError(431, f"the head of the request is larger than {_HEAD_BYTES:,} bytes"))

    def eof_received(self) -> bool:
        """A caller may close its half once the request is out: it still gets its answer."""
        if self._busy is None and not self._waiting:
            return False
        self._transport.pause_reading()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self.closed = True
        self._all.open.discard(self)
        for request in (self._request, *self._waiting):
            self._drop(request)
        self._request = None
        self._waiting.clear()

    # -- what httptools calls

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._target += url
        if len(self._target) > _URL_BYTES:
            raise ServingError(414, f"the URL is longer than {_URL_BYTES:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; of two with one name the last counts."""
        self._headers[name.lower()] = value
        if len(self._headers) > _HEADERS:
            raise ServingError(431, f"more than {_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """Look at the head before the body comes."""
        self._head_bytes = 0
        request = Request(self, self._parser.get_method().decode(), self._target.decode("latin-1"), self._headers)
        request.keep_alive = self._parser.should_keep_alive()
        self._request = request
        length = self._headers.get(b"content-length", b"")
        size = int(length) if length.isdigit() and len(length) < 20 else 0
        self._check_size(size)
        self._body_end = (
            self._all.now()
            + 3 * self._all.settings.body_seconds
            + (size or self._all.settings.max_payload_bytes) / _SLOWEST_BYTES
        )
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._busy is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        """Keep a part of the body, in memory or in a file."""
        request = self._request
        assert request is not None
        request.size += len(chunk)
        self._check_size(request.size)
        if request.file is None and (request.size > _IN_MEMORY or self._all.bytes_held > _TOGETHER):
            request.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the request is answered
            request.file.write(self._body)
            self._all.bytes_held -= len(self._body)
            self._body = bytearray()
        if request.file is not None:
            request.file.write(chunk)
        else:
            self._body += chunk
            self._all.bytes_held += len(chunk)

    def on_message_complete(self) -> None:
        """Start on the request, or let it wait for those before it."""
        request = self._request
        assert request is not None
        if request.file is None:
            request.body = bytes(self._body)
        else:
            request.body = None
            request.file.seek(0)
        self._begin()
        if self._busy is None:
            self._start(request)
            return
        self._waiting.append(request)
        if len(self._waiting) > _PIPELINED:
            raise ServingError(429, f"more than {_PIPELINED} requests wait on this connection")
        self._transport.pause_reading()

    # -- what the application and the clock call

    def answer(self, request: Request, status: int, body: bytes, media: str, extra: bytes) -> None:
        """Write the answer to `request`, and go on with the next."""
        self._drop(request)
        if self.closed or request is not self._busy:
            return
        if self._all.observe:
            self._all.observe(request, status, len(body))
        last = not request.keep_alive or self._all.draining
        self._transport.write(
            b"%scontent-type: %s\r\ncontent-length: %d\r\n%s%s\r\n%s" % (
                _PHRASES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status, media.encode("latin-1"), len(body), extra,
                b"connection: close\r\n" if last else b"", body if request.method != "HEAD" else b"",
            )
        )  # fmt: skip
        self._busy = None
        if last:
            self.close()
        elif self._waiting:
            self._start(self._waiting.popleft())
            if not self._waiting and not self.closed:
                self._transport.resume_reading()
        elif self._refusal is not None:
            self._hang_up(self._refusal)
        else:
            self.deadline = self._all.now() + _IDLE_SECONDS

    def too_slow(self) -> None:
        """The deadline has passed: say so where a request was begun, and hang up."""
        if self._discarding:
            self._transport.abort()
        elif not self._reading:
            self.close()
        elif self._request is not None:
            self._refuse_and_close(ServingError(408, "the body did not come in time"))
        else:
            self._refuse_and_close(ServingError(408, "the head of the request did not come in time"))

    def close(self) -> None:
        """Close once what was written is sent; what takes too long for that is cut off."""
        self.deadline = self._all.now() + _WRITE_SECONDS
        self._discarding = True
        self._transport.close()

    @property
    def idle(self) -> bool:
        """Whether nothing of a request is here."""
        return self._busy is None and not self._reading and not self._discarding

    # -- its own

    def _start(self, request: Request) -> None:
        self._busy = request
        self.deadline = _FOREVER  # the model's time, which the caller limits
        self._all.handle(request)

    def _begin(self) -> None:
        """Get ready for the head of the next request."""
        self._request = None
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._head_bytes = 0
        self._reading = False

    def _check_size(self, size: int) -> None:
        most = self._all.settings.max_payload_bytes
        if size > most:
            raise ServingError(413, f"the body is larger than {most:,} bytes")

    def _refuse_and_close(self, error: ServingError) -> None:
        """Answer out of turn, and take in what still comes for a while: a reset would destroy the answer on its way."""
        if self._discarding or self.closed:
            return
        self._discarding = True
        self._drop(self._request)
        self._request = None
        if self._busy is None:
            self._hang_up(error)
        else:
            # Who is being answered gets the answer first.
            self._refusal = error

    def _hang_up(self, error: ServingError) -> None:
        body = json.dumps({"error": error.message}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self._transport.write(_PHRASES[error.status] + head + body)
        self.deadline = self._all.now() + _LINGER_SECONDS
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _drop(self, request: Request | None) -> None:
        """Give back what the body of `request` takes; a second time does nothing."""
        if request is None:
            return
        if request.file is not None:
            request.file.close()
            request.file = None
        else:
            self._all.bytes_held -= request.size
        request.size = 0
