"""A fuzzer of the HTTP surface: `make fuzz` runs it for ten minutes, a test for some seconds.

It sends mutated requests over many connections: cut, doubled, with odd bytes, lying lengths, chunked nonsense, pipelined,
half closed. The server must neither die nor hang nor grow, and answer a right request as before.
"""

from __future__ import annotations

import random
import re
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "constructs")]

from greensage.local.containers import Container  # noqa: E402
from tests.serving.running import expected, post, serving, unpacked  # noqa: E402

_BODIES = [
    b"5,3,1.5,0.2", b'{"instances": [[5, 3, 1.5, 0.2]]}', b'{"features": [5, 3, 1.5, 0.2]}\n', b"\x93NUMPY\x01\x00", b"[" * 5_000,
    b"1e999,nan,,x", b"\xff\xfe\x00", b'{"inputs": {"a": [1]}}', b"1" * 70_000, b"\x0a\x23\xd7\xce" * 9,
]  # fmt: skip
_MEDIA = [
    b"text/csv",
    b"application/json",
    b"application/jsonlines",
    b"application/x-npy",
    b"application/x-recordio-protobuf",
    b"",
    b"\xff;q",
]
_TARGETS = [
    b"/invocations",
    b"/ping",
    b"/models",
    b"/models/a/invoke",
    b"/execution-parameters",
    b"*",
    b"/%ff%00",
    b"/" + b"a" * 9_000,
]
_METHODS = [b"POST", b"GET", b"DELETE", b"HEAD", b"OPTIONS", b"PUT", b"\x00", b"get"]
_SECONDS, _SOCKETS = 30.0, 24


class Hung(AssertionError):
    """A connection was neither answered nor closed."""


def fuzz(seconds: float, seed: int, *, multi_model: bool = False) -> dict[str, float]:
    """Return how many requests were sent, how many answers came by status, and memory before and after. Raises Hung."""
    chance = random.Random(seed)
    counts: dict[str, float] = {"requests": 0}
    with tempfile.TemporaryDirectory() as folder:
        unpacked("iris", Path(folder))
        with serving(Path(folder), multi_model=multi_model, GREENSAGE_HEAD_SECONDS="2", GREENSAGE_BODY_SECONDS="2") as container:
            _round(container, chance, counts)
            counts["memory_before"] = memory(container)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                _round(container, chance, counts)
                assert container.exit_code is None, "the server ended"
                assert container.request("GET", "/ping", timeout=5)[0] == 200, "/ping says no"
            counts["memory_after"] = memory(container)
            if not multi_model:
                found = expected("iris")
                row = ",".join(map(str, found["rows"][0])).encode()
                assert post(container, row, "text/csv")[0] == 200
    return counts


def _round(container: Container, chance: random.Random, counts: dict[str, float]) -> None:
    """Open some connections at once, send nonsense, and wait for the ends of all."""
    opened = []
    for _ in range(_SOCKETS):
        connection = socket.create_connection(("127.0.0.1", container.port), timeout=_SECONDS)
        try:
            for part in _parts(_nonsense(chance), chance):
                connection.sendall(part)
            if chance.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was closed on us, which is an answer
        opened.append(connection)
        counts["requests"] += 1
    for connection in opened:
        with connection:
            _drain(connection, counts)


def _drain(connection: socket.socket, counts: dict[str, float]) -> None:
    content, end = b"", time.monotonic() + _SECONDS
    while time.monotonic() < end:
        try:
            connection.settimeout(max(0.01, end - time.monotonic()))
            part = connection.recv(65_536)
        except TimeoutError:
            break
        except OSError:
            part = b""
        content += part
        if not part or re.search(rb"\r\n\r\n", content):
            # An answer that keeps the connection is an end too.
            for status in re.findall(rb"HTTP/1\.1 (\d{3})", content):
                name = status.decode()
                counts[name] = counts.get(name, 0) + 1
            return
    raise Hung(f"no answer and no end within {_SECONDS} s")


def _nonsense(chance: random.Random) -> bytes:
    return b"".join(_request(chance) for _ in range(chance.choice([1, 1, 1, 2, 5])))


def _request(chance: random.Random) -> bytes:
    body, pick = chance.choice(_BODIES), chance.random()
    length = str(len(body) if pick < 0.7 else chance.choice([0, -1, len(body) + 5, len(body) // 2, 10**12])).encode()
    head = b"%s %s HTTP/1.%d\r\ncontent-type: %s\r\n" % (
        chance.choice(_METHODS) if chance.random() < 0.4 else b"POST",
        chance.choice(_TARGETS) if chance.random() < 0.5 else b"/invocations",
        chance.choice([0, 1, 1, 1, 9]),
        chance.choice(_MEDIA),
    )
    if chance.random() < 0.15:
        head += b"transfer-encoding: chunked\r\n"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) if chance.random() < 0.6 else 7, body)
    else:
        head += b"content-length: " + length + b"\r\n"
    if chance.random() < 0.1:
        head += b"expect: 100-continue\r\n"
    if chance.random() < 0.1:
        head += b"x: " + b"y" * chance.choice([10, 9_000, 70_000]) + b"\r\n"
    whole = bytearray(head + b"\r\n" + body)
    for _ in range(chance.choice([0, 0, 0, 1, 8])):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole[: chance.randrange(1, len(whole))] if chance.random() < 0.15 else whole)


def _parts(content: bytes, chance: random.Random) -> list[bytes]:
    if chance.random() < 0.7:
        return [content]
    cut = chance.randrange(1, len(content)) if len(content) > 1 else 1
    return [content[:cut], content[cut:]]


def memory(container: Container) -> float:
    """Return the MB of the server and of what it has started."""
    total, waiting = 0, [container.pid]
    while waiting:
        pid = waiting.pop()
        try:
            waiting += [int(item) for item in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))  # type: ignore[union-attr]
        except (OSError, AttributeError):
            continue
    return total / 1024


if __name__ == "__main__":
    wanted = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    for kind in (False, True):
        print("multi-model" if kind else "one model", fuzz(wanted / 2, seed=int(time.time()), multi_model=kind), flush=True)
