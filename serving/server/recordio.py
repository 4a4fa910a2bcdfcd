"""SageMaker's RecordIO of protobuf records: what its own algorithms and `RecordSerializer` send (developer guide, "Common data
formats for inference": a record has features and labels, each a tensor of float32, float64 or int32, dense or sparse)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from .payload import PayloadError

RECORDIO = "application/x-recordio-protobuf"
_MAGIC = 0xCED7230A
_HEAD = struct.Struct("<II")
# Field numbers: of a record, of an entry of its maps, of a value, of a tensor.
_FEATURES, _LABEL, _KEY, _VALUE = 1, 2, 1, 2
_TENSORS = {2: np.dtype("<f4"), 3: np.dtype("<f8"), 7: np.dtype("<i4")}
_VALUES, _KEYS, _SHAPE = 1, 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NAME = b"values"
_MOST_COLUMNS = 10_000_000


def decode_records(body: bytes, max_cells: int) -> np.ndarray:
    """Return the rows of `body` as float64. Raises PayloadError with 400 or 413."""
    try:
        rows = []
        cells = 0
        for record in _records(body):
            rows.append(_row(record))
            cells += len(rows[-1])
            if cells > max_cells:
                raise PayloadError(413, f"the body has more than {max_cells:,} cells; send less at once")
        if not rows or len({len(row) for row in rows}) != 1 or not len(rows[0]):
            raise PayloadError(400, "records with equally many features are needed")
        return np.array(rows, dtype=np.float64)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        if isinstance(error, PayloadError):
            raise
        raise PayloadError(400, f"the body is not valid {RECORDIO}: {error}") from None


def encode_records(predictions: np.ndarray) -> bytes:
    """Return predictions as records with the label `score`, as SageMaker's algorithms answer."""
    made = []
    for row in predictions.reshape(len(predictions), -1).astype("<f4"):
        tensor = _field(_VALUES, row.tobytes())
        value = _field(2, tensor)
        record = _field(_LABEL, _field(_KEY, b"score") + _field(_VALUE, value))
        made.append(_HEAD.pack(_MAGIC, len(record)) + record + bytes(-len(record) % 4))
    return b"".join(made)


def _records(body: bytes) -> Iterator[memoryview]:
    view, at = memoryview(body), 0
    while at < len(view):
        magic, length = _HEAD.unpack_from(view, at)
        at += _HEAD.size
        if magic != _MAGIC:
            raise PayloadError(400, f"no RecordIO at byte {at - _HEAD.size}; a record begins with its magic number")
        if length > len(view) - at:
            raise PayloadError(400, f"a record of {length:,} bytes is cut off")
        yield view[at : at + length]
        at += length + -length % 4


def _row(record: memoryview) -> np.ndarray:
    found: np.ndarray | None = None
    for number, _, entry in _fields(record):
        if number != _FEATURES:
            continue
        parts = {key: value for key, _, value in _fields(entry)}
        name, value = bytes(parts.get(_KEY, b"")), parts.get(_VALUE)
        if value is not None and (found is None or name == _NAME):
            found = _tensor(value)
    if found is None:
        raise PayloadError(400, "a record has no features")
    return found


def _tensor(value: memoryview) -> np.ndarray:
    for number, _, content in _fields(value):
        kind = _TENSORS.get(number)
        if kind is None:
            raise PayloadError(400, "a record's features are no tensor of numbers")
        values, keys, shape = [], [], []
        for part, wire, data in _fields(content):
            if part == _VALUES:
                values.append(_numbers(data, kind, wire))
            elif part in (_KEYS, _SHAPE):
                (keys if part == _KEYS else shape).extend(_varints(data))
        flat = np.concatenate(values) if values else np.zeros(0)
        return _spread(flat, keys, shape) if keys or (shape and not len(flat)) else flat
    raise PayloadError(400, "a record's features are empty")


def _spread(values: np.ndarray, keys: list[int], shape: list[int]) -> np.ndarray:
    if len(keys) != len(values) or len(shape) != 1 or not 0 < shape[0] <= _MOST_COLUMNS or any(key >= shape[0] for key in keys):
        raise PayloadError(400, "a sparse record needs a key for each value, and a shape that holds them")
    row = np.zeros(shape[0])
    row[keys] = values
    return row


def _numbers(data: memoryview, kind: np.dtype, wire: int) -> np.ndarray:
    if kind.kind == "f":
        return np.frombuffer(data, dtype=kind).astype(np.float64)
    found = np.array(_varints(data), dtype=np.uint64)
    return found.astype(np.uint32).astype(np.int32).astype(np.float64)


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield number, kind and content of each field; a varint's content are its bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire, start = tag & 7, at
        if wire == _VARINT:
            _, at = _varint(data, at)
        elif wire == _BYTES:
            length, start = _varint(data, at)
            at = start + length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise PayloadError(400, f"a field has the unknown kind {wire}")
        if at > len(data):
            raise PayloadError(400, "a field is cut off")
        yield tag >> 3, wire, data[start:at]


def _varints(data: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if not byte & 128:
            return value, at
        shift += 7
        if shift > 63:
            raise PayloadError(400, "a number has more than 64 bits")


def _field(number: int, content: bytes) -> bytes:
    size, length = bytearray(), len(content)
    while True:
        size.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return bytes([number << 3 | _BYTES]) + bytes(size) + content
