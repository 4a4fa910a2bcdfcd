"""Payloads in and out: CSV by the csv module's rules, JSON, JSON Lines and NumPy's NPY, with gaps as NaN.

The one reader and writer. The container answers with it, the drift monitor reads captures and tables with it
(greensage.drift.payload), and Model Monitor's preprocessor carries its text. So it stands alone: no module of ours is
imported, NumPy only where arrays are made, and nothing newer than Python 3.8 is used.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
JSON_LINES = "application/jsonlines"
MEDIA = (CSV, JSON, JSON_LINES, NPY)
_ANY = ("", "*/*", "application/*")
_MARK = "\ufeff"  # the byte order mark that spreadsheets put first; "utf-8-sig" takes it away
# What a mapping calls its rows: ours, TensorFlow Serving's and the answers of a container before this one in a pipeline.
_ROWS = ("instances", "predictions")
# What a line of JSON Lines calls its row: SageMaker's built-in algorithms, and what we write.
_LINE = ("features", "prediction")


class PayloadError(ValueError):
    """A payload that cannot be read or written, with the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def decode(body: bytes, content_type: str) -> np.ndarray:
    """Return the rows of `body` as float64, shape (rows, features); an empty CSV cell and null are NaN.

    Without a content type it is CSV. Raises PayloadError with 400 or 415.
    """
    media = media_of(content_type) or CSV
    if media == NPY:
        return _table_of_npy(body)
    found = rows_of(body, media)
    if not found or not found[0]:
        raise PayloadError(400, "rows of numbers are needed, got none")
    widths = {len(row) for row in found}
    if len(widths) > 1:
        raise PayloadError(400, f"the body is not valid {media}: lines have {min(widths)} to {max(widths)} cells")
    return _numbers(found, media, clean=b"_" not in body)


def encode(predictions: np.ndarray, accept: str) -> tuple[bytes, str]:
    """Return `predictions`, shape (rows,) or (rows, outputs), as body and content type; JSON by default.

    Raises PayloadError with 406 where `accept` names nothing that can be written.
    """
    for media in [media_of(part) for part in accept.split(",")] if accept else [JSON]:
        if media == JSON or media in _ANY:
            return json.dumps({"predictions": predictions.tolist()}).encode(), JSON
        if media == JSON_LINES:
            return "".join(json.dumps({"prediction": row}) + "\n" for row in predictions.tolist()).encode(), JSON_LINES
        if media == CSV:
            return to_csv(predictions.reshape(len(predictions), -1).tolist()), CSV
        if media == NPY:
            return _to_npy(predictions), NPY
    raise PayloadError(406, f"cannot answer as {accept}; ask for {', '.join(MEDIA)}")


def rows_of(body: bytes, media: str) -> list[list[Any]]:
    """Return the cells of each row as they stand: text in CSV, any value in JSON. Raises PayloadError with 400 or 415."""
    readers = {CSV: _from_csv, JSON: _from_json, JSON_LINES: _from_json_lines, NPY: _from_npy}
    if media not in readers:
        raise PayloadError(415, f"content type {media} is not understood; send {', '.join(readers)}")
    try:
        return readers[media](body)
    except PayloadError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise PayloadError(400, f"the body is not valid {media}: {error}") from None


def captured_rows(data: str, encoding: str, content_type: str) -> list[list[Any]]:
    """Return the rows of one side of a captured request, as data capture encodes it: CSV, JSON or BASE64.

    Without an encoding the text itself says whether it is JSON. Raises PayloadError.
    """
    media = media_of(content_type)
    if encoding == "BASE64":
        try:
            return rows_of(base64.b64decode(data, validate=True), media or CSV)
        except ValueError as error:
            raise PayloadError(400, str(error)) from None
    encoding = encoding or ("JSON" if data.lstrip().startswith(("{", "[")) else "CSV")
    if encoding not in ("CSV", "JSON"):
        raise PayloadError(415, f"the encoding {encoding} is not understood")
    return rows_of(data.encode(), media if media == JSON_LINES else {"CSV": CSV, "JSON": JSON}[encoding])


def csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the line, cells) of a CSV text or file, without blank lines. Raises ValueError with the line."""
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or len(row) > 1:
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def is_plain(text: str, width: int) -> bool:
    """Say whether `text` is one row of `width` cells, of which split(",") makes what the csv module makes."""
    return text.count(",") == width - 1 and not any(mark in text for mark in ('"', "\n", "\r", _MARK))


def to_csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return `rows` as CSV without a header of its own."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def number(cell: Any) -> float:
    """Return the number in a cell; an empty one and null are NaN. Raises ValueError."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return math.nan
    if isinstance(cell, str) and "_" in cell:  # Python's own way to write 1_000; nobody else's
        raise ValueError(f"{cell[:40]!r} is no number")
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(cell)[:40]!r} is no number") from None


def media_of(content_type: str) -> str:
    """Return the media type without its parameters; the other names of JSON Lines are the same to us."""
    media = content_type.split(";", 1)[0].strip().lower()
    return JSON_LINES if media in ("application/x-jsonlines", "application/jsonl", "application/x-ndjson") else media


def _numbers(rows: list[list[Any]], media: str, *, clean: bool) -> np.ndarray:
    """All at once where every cell is a number; one by one where there are gaps, or something to say."""
    import numpy as np

    if clean:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            return np.array([[float(cell) for cell in row] for row in rows], dtype=np.float64)
    return np.array([[_numbered(cell, index, media) for cell in row] for index, row in enumerate(rows, 1)], dtype=np.float64)


def _numbered(cell: Any, row: int, media: str) -> float:
    try:
        return number(cell)
    except ValueError as error:
        raise PayloadError(400, f"the body is not valid {media}: row {row}: {error}") from None


def _from_csv(body: bytes) -> list[list[Any]]:
    return [row for _, row in csv_rows(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def _from_json(body: bytes) -> list[list[Any]]:
    return _table(json.loads(body.decode("utf-8-sig")))


def _from_json_lines(body: bytes) -> list[list[Any]]:
    lines = [line for line in body.decode("utf-8-sig").splitlines() if line.strip()]
    return [row for line in lines for row in _of_line(json.loads(line))]


def _of_line(content: Any) -> list[list[Any]]:
    key = next((key for key in _LINE if isinstance(content, dict) and key in content), None)
    if key is not None:
        content = content[key]
    elif isinstance(content, dict):
        return _table(content)
    return [content] if isinstance(content, list) else [[content]]


def _table(content: Any) -> list[list[Any]]:
    key = None
    if isinstance(content, dict):
        key = next((key for key in _ROWS if key in content), None)
        if key is None:
            raise ValueError("a mapping needs the key 'instances'")
        content = content[key]
    if not isinstance(content, list):
        raise ValueError("a list of rows is needed")
    if not any(isinstance(item, list) for item in content):
        # A flat list of answers is a value for each row; a flat list of features is one row.
        return [[item] for item in content] if key == "predictions" else [content]
    if not all(isinstance(item, list) for item in content):
        raise ValueError("some rows are lists and some are not")
    return content


def _from_npy(body: bytes) -> list[list[Any]]:
    return _table_of_npy(body).tolist()


def _table_of_npy(body: bytes) -> np.ndarray:
    import numpy as np

    try:
        table = np.atleast_2d(np.load(io.BytesIO(body), allow_pickle=False).astype(np.float64))
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise PayloadError(400, f"the body is not valid {NPY}: {error}") from None
    if table.ndim != 2 or not table.size:
        raise PayloadError(400, f"rows of numbers are needed, got shape {table.shape}")
    return table


def _to_npy(predictions: np.ndarray) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, predictions, allow_pickle=False)
    return buffer.getvalue()
