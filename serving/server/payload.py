"""Requests into rows and predictions into responses: CSV, JSON and NumPy, with gaps as NaN."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np

from .errors import ServingError

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
_ANY = ("", "*/*", "application/*")


def decode(body: bytes, content_type: str) -> np.ndarray:
    """Return the rows of `body` as float64, shape (rows, features); an empty CSV cell and null are NaN."""
    media = _media(content_type) or CSV
    readers = {CSV: _from_csv, JSON: _from_json, NPY: _from_npy}
    if media not in readers:
        raise ServingError(415, f"content type {media} is not understood; send {', '.join(readers)}")
    try:
        rows = readers[media](body)
    except ServingError:
        raise
    except (ValueError, TypeError, UnicodeDecodeError, KeyError) as error:
        raise ServingError(400, f"the body is not valid {media}: {error}") from None
    if rows.ndim == 1:
        rows = rows.reshape(1, -1)
    if rows.ndim != 2 or rows.size == 0:
        raise ServingError(400, f"rows of numbers are needed, got shape {rows.shape}")
    return rows


def encode(predictions: np.ndarray, accept: str) -> tuple[bytes, str]:
    """Return `predictions`, shape (rows,) or (rows, outputs), as body and content type; JSON by default."""
    wanted = [_media(part) for part in accept.split(",")] if accept else [JSON]
    for media in wanted:
        if media == JSON or media in _ANY:
            return _to_json(predictions), JSON
        if media == CSV:
            return _to_csv(predictions), CSV
        if media == NPY:
            return _to_npy(predictions), NPY
    raise ServingError(406, f"cannot answer as {accept}; ask for {JSON}, {CSV} or {NPY}")


def _media(value: str) -> str:
    return value.split(";", 1)[0].strip().lower()


def _from_csv(body: bytes) -> np.ndarray:
    lines = [line for line in body.decode("utf-8").splitlines() if line.strip()]
    rows = [[float(cell) if cell.strip() else math.nan for cell in line.split(",")] for line in lines]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"lines have {min(widths)} to {max(widths)} cells")
    return np.array(rows, dtype=np.float64)


def _from_json(body: bytes) -> np.ndarray:
    content: Any = json.loads(body)
    if isinstance(content, dict):
        # What another container of this image answered is what the next one in a pipeline gets.
        found = next((key for key in ("instances", "predictions") if key in content), None)
        if found is None:
            raise ValueError("a mapping needs the key 'instances'")
        content = content[found]
    return np.array(content, dtype=np.float64)


def _from_npy(body: bytes) -> np.ndarray:
    return np.load(io.BytesIO(body), allow_pickle=False).astype(np.float64)


def _to_json(predictions: np.ndarray) -> bytes:
    return json.dumps({"predictions": predictions.tolist()}).encode()


def _to_csv(predictions: np.ndarray) -> bytes:
    rows = predictions.reshape(len(predictions), -1).tolist()
    return "".join(",".join(map(repr, row)) + "\n" for row in rows).encode()


def _to_npy(predictions: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, predictions, allow_pickle=False)
    return buffer.getvalue()
