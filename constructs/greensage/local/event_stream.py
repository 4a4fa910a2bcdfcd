"""AWS's event stream encoding, in which streamed answers travel (Smithy, "Amazon Event Stream specification")."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

_STRING = 7


def payload_parts(content: bytes, part_bytes: int) -> bytes:
    """Return `content` as the events of InvokeEndpointWithResponseStream, in parts of at most `part_bytes`."""
    headers = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
    starts = range(0, max(len(content), 1), part_bytes)
    return b"".join(message(headers, content[start : start + part_bytes]) for start in starts)


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message: lengths, their checksum, headers, payload, checksum of all."""
    named = b"".join(_header(name, value) for name, value in headers.items())
    lengths = struct.pack(">II", 16 + len(named) + len(payload), len(named))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + named + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
