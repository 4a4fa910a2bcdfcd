"""What the container reads and writes: the formats of payload.py, and RecordIO, which only the container has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from . import payload
from .payload import media_of
from .recordio import RECORDIO, decode_records, encode_records


def decode(body: bytes, content_type: str, names: tuple[str, ...], max_cells: int) -> Any:
    """Return the rows of `body`, as payload.decode does."""
    if media_of(content_type) == RECORDIO:
        return decode_records(body, max_cells)
    return payload.decode(body, content_type, names, max_cells)


def blocks_of(file: BinaryIO, content_type: str, names: tuple[str, ...], max_cells: int) -> Iterator[np.ndarray]:
    """Yield the rows of a large body in arrays, as payload.blocks_of does."""
    if media_of(content_type) == RECORDIO:
        yield decode_records(file.read(), max_cells)
        return
    yield from payload.blocks_of(file, content_type, names, max_cells)


def encode(predictions: np.ndarray, accept: str, nan: str | None) -> tuple[bytes, str]:
    """Return body and content type, as payload.encode does."""
    if media_of(accept) == RECORDIO:
        return encode_records(predictions), RECORDIO
    return payload.encode(predictions, accept, nan)
