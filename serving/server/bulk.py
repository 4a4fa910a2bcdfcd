"""Large bodies are read by a process of their own, block by block: it may take its time and its memory, or die."""

from __future__ import annotations

import asyncio
import io
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .errors import ServingError
from .formats import blocks_of
from .payload import JSON, PayloadError, media_of
from .settings import Settings

if TYPE_CHECKING:
    from .http import Request

# What the process may take: NumPy's own needs, and a multiple of the body where it is read as a whole.
_BASE_BYTES, _TIMES_JSON = 1024 * 1024 * 1024, 30
# JSON cannot be read in blocks.
_MOST_JSON = 64 * 1024 * 1024
_SECONDS = 900
_HEAD = struct.Struct("!cQ")
_ROWS, _ERROR = b"r", b"e"


async def blocks(request: Request, media: str, names: tuple[str, ...], settings: Settings) -> AsyncIterator[np.ndarray]:
    """Yield the rows of a large body as arrays, in their order. Raises ServingError."""
    size = request.size
    if media_of(media) == JSON and size > _MOST_JSON:
        raise ServingError(413, f"JSON above {_MOST_JSON:,} bytes cannot be read in blocks; send text/csv or JSON Lines")
    file: BinaryIO
    if request.file is not None:
        file = request.file  # type: ignore[assignment]
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the process reads it
        await asyncio.to_thread(shutil.copyfileobj, io.BytesIO(request.body or b""), file)
        file.seek(0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.bulk", media or "text/csv", str(settings.max_cells), str(size), *names,
        stdin=file, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            found = False
            while (head := await _exactly(process.stdout, _HEAD.size)) is not None:
                kind, length = _HEAD.unpack(head)
                content = await _exactly(process.stdout, length)
                if content is None:
                    break
                if kind == _ERROR:
                    raise ServingError(int(content[:3]), content[3:].decode())
                found = True
                yield np.load(io.BytesIO(content), allow_pickle=False)
            if await process.wait() != 0 or not found:
                raise ServingError(413, "the body needs more memory to read than there is for one request; send less at once")
    except TimeoutError:
        raise ServingError(413, f"the body was not read within {_SECONDS} s; send less at once") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def whole(request: Request) -> bytes:
    """Return a large body as it is, for a table, which is read as a whole. Raises ServingError: 413."""
    if request.size > _MOST_JSON:
        raise ServingError(413, f"a table above {_MOST_JSON:,} bytes is not read at once; send less at once")
    if request.file is None:
        return request.body or b""
    request.file.seek(0)
    return request.file.read()


async def _exactly(stream: asyncio.StreamReader, size: int) -> bytes | None:
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError:
        return None


def main() -> int:
    """Read standard input and write its rows as frames: what it is, its length, the block as NPY or the error."""
    media, max_cells, size, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), tuple(sys.argv[4:])
    # As a whole only JSON is read, and only up to _MOST_JSON.
    most = _BASE_BYTES + _TIMES_JSON * min(size, _MOST_JSON)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    out = sys.stdout.buffer
    try:
        for block in blocks_of(sys.stdin.buffer, media, names, max_cells):
            buffer = io.BytesIO()
            np.save(buffer, block, allow_pickle=False)
            _write(out, _ROWS, buffer.getvalue())
    except PayloadError as error:
        _write(out, _ERROR, f"{error.status}{error.message}".encode())
    except MemoryError:
        return 1
    return 0


def _write(out: BinaryIO, kind: bytes, content: bytes) -> None:
    out.write(_HEAD.pack(kind, len(content)) + content)
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
