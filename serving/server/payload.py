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
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

try:
    import orjson
except ImportError:  # the container has it, because it is four times as fast; jobs and Model Monitor's image have not
    orjson = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
JSON_LINES = "application/jsonlines"
MEDIA = (CSV, JSON, JSON_LINES, NPY)
MEDIA_BY_USE = (JSON, CSV, JSON_LINES, NPY)
_ANY = ("", "*/*", "application/*")
# What is kept in memory of one request: 80 MB as numbers, some hundred while they are read.
MOST_CELLS = 10_000_000
_BLOCK_ROWS = 16_384
_PLAIN_BYTES = 4_096
_MARK = "\ufeff"  # the byte order mark that spreadsheets put first; "utf-8-sig" takes it away
# What a mapping calls its rows: ours, TensorFlow Serving's and the answers of a container before this one in a pipeline.
_ROWS = ("instances", "predictions")
# What a line of JSON Lines calls its row: SageMaker's built-in algorithms, and what we write.
_LINE = ("features", "prediction")
# What people's own containers call answers, and a score beside a class (SageMaker's built-in algorithms).
_ANSWERS = ("outputs", "scores", "results")
# A table, as MLflow wraps what pandas writes.
_TABLES = ("dataframe_split", "dataframe_records", "inputs", "data")
_SCORES = ("score", "probabilities", "probability")


class PayloadError(ValueError):
    """A payload that cannot be read or written, with the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def decode(body: bytes, content_type: str, names: tuple[str, ...] = (), max_cells: int = MOST_CELLS) -> Any:
    """Return the rows of `body` as float64, shape (rows, features); an empty CSV cell and null are NaN.

    Parameters
    ----------
    body:
        One request.
    content_type:
        Without one it is CSV. `text/csv; header=present` skips the first line; one of words only is skipped anyway.
    names:
        What the model calls its columns: rows of JSON may be mappings of these, in any order. Default: they may not.
    max_cells:
        More numbers than this are refused.

    Returns a mapping of arrays instead where the body is JSON with the key `inputs`, for models with several inputs.
    Raises PayloadError with 400, 413 or 415.
    """
    media = media_of(content_type) or CSV
    if media == NPY:
        return _table_of_npy(body, max_cells)
    if media == CSV:
        plain = _plain_line(body, content_type)
        if plain is not None:
            return plain
    _bounded(body, media, max_cells)
    if media == JSON:
        content = _parsed(body)
        if isinstance(content, dict) and "inputs" in content:
            return _inputs(content["inputs"])
        found = _read(lambda: _table(content, named=True), media)
    else:
        found = rows_of(body, media)
    if media == CSV and found and _is_header(found, content_type):
        found = found[1:]
    return _array(found, media, names, clean=b"_" not in body)


def blocks_of(
    file: BinaryIO, content_type: str, names: tuple[str, ...] = (), max_cells: int = MOST_CELLS
) -> Iterator[np.ndarray]:
    """Yield the rows of a large body in arrays of some thousand rows; JSON and NPY come as one. Raises PayloadError."""
    media = media_of(content_type) or CSV
    if media not in (CSV, JSON_LINES):
        yield decode(file.read(), content_type, names, max_cells)
        return
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = (row for _, row in csv_rows(text)) if media == CSV else _lines(text)
    first = True
    while found := _read(lambda: list(itertools.islice(rows, _BLOCK_ROWS)), media):
        if first and media == CSV and _is_header(found, content_type):
            found = found[1:]
        first = False
        if found:
            yield _array(found, media, names, clean=False)
    if first:
        raise PayloadError(400, "rows of numbers are needed, got none")


def encode(predictions: np.ndarray, accept: str, nan: str | None = None) -> tuple[bytes, str]:
    """Return `predictions`, shape (rows,) or (rows, outputs), as body and content type; JSON by default.

    JSON knows no NaN and no infinity: they become null, or the text `nan`. Raises PayloadError with 406 where `accept`
    names nothing that can be written.
    """
    for media in _accepted(accept):
        if media in (JSON, *_ANY):
            return _to_json({"predictions": predictions}, nan), JSON
        if media == JSON_LINES:
            return b"".join(_to_json({"prediction": row}, nan) + b"\n" for row in predictions), JSON_LINES
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
    return _read(lambda: readers[media](body), media)


def captured_rows(data: str, encoding: str, content_type: str, names: Sequence[str] = ()) -> list[list[Any]]:
    """Return the rows of one side of a captured request, as data capture encodes it: CSV, JSON or BASE64.

    Without an encoding the text itself says whether it is JSON. `names` are the columns of rows that are mappings; without
    them a mapping is an answer, and its numbers are the row. Raises PayloadError.
    """
    media = media_of(content_type)
    if encoding == "BASE64":
        try:
            body = base64.b64decode(data, validate=True)
        except ValueError as error:
            raise PayloadError(400, str(error)) from None
        encoding = {JSON: "JSON", JSON_LINES: "JSON"}.get(media, "CSV")
    else:
        body = data.encode()
    encoding = encoding or ("JSON" if data.lstrip().startswith(("{", "[")) else "CSV")
    if encoding not in ("CSV", "JSON"):
        raise PayloadError(415, f"the encoding {encoding} is not understood")
    if media in (JSON_LINES, NPY):
        return rows_of(body, media) if media == NPY else _read(lambda: _captured_lines(body, names), media)
    if encoding == "JSON":
        return _read(lambda: _captured_json(json.loads(body.decode("utf-8-sig")), names), JSON)
    found = rows_of(body, CSV)
    named = _by_header(found, names)
    if named is not None:
        return named
    return found[1:] if len(found) > 1 and _is_header(found, content_type) else found


def _by_header(rows: list[list[Any]], names: Sequence[str]) -> list[list[Any]] | None:
    """Return the columns called `names` of rows below a header that has them all; None where there is none."""
    head = [str(cell).strip() for cell in rows[0]] if len(rows) > 1 else []
    if not names or not set(names) <= set(head) or any(len(row) != len(head) for row in rows):
        return None
    places = [head.index(name) for name in names]
    return [[row[place] for place in places] for row in rows[1:]]


def captured_answers(data: str, encoding: str, content_type: str, rows: int) -> list[list[Any]]:
    """Return the answers to a request of `rows` rows; a bare list of JSON is a value for each row where there are that many.

    Raises PayloadError.
    """
    found = captured_rows(data, encoding, content_type)
    if rows > 1 and len(found) == 1 and len(found[0]) == rows:
        return [[cell] for cell in found[0]]
    return found


def _captured_lines(body: bytes, names: Sequence[str]) -> list[list[Any]]:
    contents = (json.loads(line) for line in body.decode("utf-8-sig").splitlines() if line.strip())
    return [row for content in contents for row in _captured_json(content, names)]


def _captured_json(content: Any, names: Sequence[str]) -> list[list[Any]]:
    """As `_of_line` and `_table` read it, and what people's own containers say: a bare value, one mapping, a list of them."""
    if isinstance(content, dict):
        table = _captured_table(content, names) if names else None
        if table is not None:
            return table
        key = next((key for key in (*_ROWS, *_LINE, *_ANSWERS) if key in content and key not in names), None)
        if key is None:
            return [_captured_mapping(content, names)]
        content = content[key]
        if key in _LINE:
            return [content if isinstance(content, list) else [content]]
        if key not in _ROWS[:1] and isinstance(content, list) and not any(isinstance(item, (list, dict)) for item in content):
            return [[item] for item in content]
    if not isinstance(content, list):
        return [[content]]
    if content and all(isinstance(item, dict) for item in content):
        return [row for item in content for row in _captured_json(item, names)]
    return _table(content)


def _captured_table(content: dict[str, Any], names: Sequence[str]) -> list[list[Any]] | None:
    """Return the rows of a table as pandas writes it: "split", or a list for each column; None for what is none.

    Both may lie under one key, as MLflow's dataframe_split and dataframe_records do.
    """
    key = next(iter(content), None) if len(content) == 1 else None
    if key in _TABLES and key not in names and isinstance(content[key], (dict, list)):
        return _captured_json(content[key], names)
    if {"columns", "data"} <= content.keys() and isinstance(content["columns"], list) and isinstance(content["data"], list):
        return _by_header([content["columns"], *content["data"]], names)
    columns = [content.get(name) for name in names]
    lists = [column for column in columns if isinstance(column, list)]
    if len(lists) < len(names) or len({len(column) for column in lists}) != 1:
        return None
    return [list(row) for row in zip(*lists, strict=True)]


def _captured_mapping(row: Any, names: Sequence[str]) -> list[Any]:
    if names:
        missing, unknown = [name for name in names if name not in row], [name for name in row if name not in names]
        if unknown:
            raise ValueError(f"a row has unknown features: {', '.join(map(str, unknown))}")
        if len(missing) == len(names):
            raise ValueError("a row has none of the features")
        return [row.get(name) for name in names]
    for key in _SCORES:
        if key in row:
            return row[key] if isinstance(row[key], list) else [row[key]]
    found = [value for value in row.values() if isinstance(value, (int, float)) or value is None]
    if not found:
        raise ValueError("a mapping without a number is no answer")
    return found


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


def _read(read: Callable[[], Any], media: str) -> Any:
    try:
        return read()
    except PayloadError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, csv.Error) as error:
        raise PayloadError(400, f"the body is not valid {media}: {str(error)[:300]}") from None


def _bounded(body: bytes, media: str, max_cells: int) -> None:
    """Count before anything is built: each cell becomes an object many times its size."""
    marks = (b"[", b"{", b",", b"\n") if media in (JSON, JSON_LINES) else (b",", b"\n")
    if len(body) > max_cells // 4 and sum(body.count(mark) for mark in marks) > max_cells:
        raise PayloadError(413, f"the body has more than {max_cells:,} cells; send less at once")


def _array(found: list[Any], media: str, names: tuple[str, ...], *, clean: bool) -> np.ndarray:
    if found and isinstance(found[0], dict):
        found = _read(lambda: [_by_name(row, names) for row in found], media)
    if not found or not found[0]:
        raise PayloadError(400, "rows of numbers are needed, got none")
    widths = {len(row) for row in found}
    if len(widths) > 1:
        raise PayloadError(400, f"the body is not valid {media}: lines have {min(widths)} to {max(widths)} cells")
    return _numbers(found, media, clean=clean)


def _by_name(row: Any, names: tuple[str, ...]) -> list[Any]:
    if not isinstance(row, dict):
        raise ValueError("some rows have names and some have not")
    if not names:
        raise ValueError("rows with names need a model that names its columns; put feature_names.json beside it")
    missing, unknown = [name for name in names if name not in row], [name for name in row if name not in names]
    if missing or unknown:
        raise ValueError(
            f"a row misses {', '.join(missing) or 'nothing'} and has unknown {', '.join(map(str, unknown)) or 'nothing'}"
        )
    return [row[name] for name in names]


def _plain_line(body: bytes, content_type: str) -> np.ndarray | None:
    """One line of plain numbers, which most requests are; None for anything else."""
    if len(body) > _PLAIN_BYTES or b"_" in body or b"\n" in body.rstrip() or "header" in content_type:
        return None
    import numpy as np

    with contextlib.suppress(ValueError):
        return np.array([[float(cell) for cell in body.split(b",")]])
    return None


def _is_header(found: list[list[Any]], content_type: str) -> bool:
    """By the media type's parameter (RFC 4180), or where the first of several lines has no number at all."""
    parameters = [part.strip().lower() for part in content_type.split(";")[1:]]
    if "header=present" in parameters:
        return True
    if "header=absent" in parameters or len(found) < 2:
        return False
    return not any(_is_number(cell) for cell in found[0]) and any(_is_number(cell) for cell in found[1])


def _is_number(cell: Any) -> bool:
    try:
        number(cell)
    except ValueError:
        return False
    return True


def _inputs(content: Any) -> dict[str, np.ndarray]:
    import numpy as np

    if not isinstance(content, dict) or not content:
        raise PayloadError(400, f"the body is not valid {JSON}: inputs is a mapping of names to rows")
    found: dict[str, np.ndarray] = {}
    for name, rows in content.items():
        try:
            found[name] = np.atleast_2d(np.array(rows, dtype=np.float64))
        except (ValueError, TypeError, OverflowError) as error:
            raise PayloadError(400, f"the body is not valid {JSON}: input {name}: {error}") from None
    if len({len(rows) for rows in found.values()}) > 1:
        raise PayloadError(400, f"the body is not valid {JSON}: the inputs have different numbers of rows")
    return found


def _accepted(accept: str) -> list[str]:
    """The media types of an Accept header by their weight (RFC 9110, 12.5.1); what weighs nothing is not accepted."""
    if not accept.strip():
        return [JSON]
    weighted: list[tuple[float, str]] = []
    for part in accept.split(","):
        weight = 1.0
        for parameter in part.split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                with contextlib.suppress(ValueError):
                    weight = float(value)
        weighted.append((weight, media_of(part)))
    refused = {media for weight, media in weighted if weight <= 0}
    best = [media for weight, media in sorted(weighted, key=lambda item: -item[0]) if weight > 0]
    # "application/json;q=0, */*" accepts the others.
    return [media for item in best for media in ([m for m in MEDIA_BY_USE if m not in refused] if item in _ANY else [item])]


def _parsed(body: bytes) -> Any:
    if orjson is not None:
        with contextlib.suppress(ValueError):
            return orjson.loads(body)
    # Slower, and takes NaN and whole numbers of any length, as clients in Python write them.
    return _read(lambda: json.loads(body.decode("utf-8-sig")), JSON)


def _to_json(content: dict[str, Any], nan: str | None) -> bytes:
    if nan is None and orjson is not None:
        with contextlib.suppress(TypeError):
            return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return json.dumps({key: _finite(value.tolist(), nan) for key, value in content.items()}).encode()


def _finite(value: Any, nan: str | None) -> Any:
    if isinstance(value, list):
        return [_finite(item, nan) for item in value]
    return nan if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(rows: list[list[Any]], media: str, *, clean: bool) -> np.ndarray:
    """All at once where every cell is a number; one by one where there are gaps, or something to say."""
    import numpy as np

    if clean:
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            found = np.array(rows, dtype=np.float64)
            if found.ndim == 2:
                return found
    return np.array([[_numbered(cell, index, media) for cell in row] for index, row in enumerate(rows, 1)], dtype=np.float64)


def _numbered(cell: Any, row: int, media: str) -> float:
    try:
        return number(cell)
    except ValueError as error:
        raise PayloadError(400, f"the body is not valid {media}: row {row}: {error}") from None


def _from_csv(body: bytes) -> list[list[Any]]:
    return [row for _, row in csv_rows(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def _from_json(body: bytes) -> list[list[Any]]:
    return _table(_parsed(body))


def _from_json_lines(body: bytes) -> list[list[Any]]:
    return list(_lines(body.decode("utf-8-sig").splitlines()))


def _lines(lines: Iterable[str]) -> Iterator[list[Any]]:
    for line in lines:
        if line.strip():
            yield from _of_line(json.loads(line))


def _of_line(content: Any) -> list[list[Any]]:
    key = next((key for key in _LINE if isinstance(content, dict) and key in content), None)
    if key is not None:
        content = content[key]
    elif isinstance(content, dict):
        return _table(content)
    return [content] if isinstance(content, list) else [[content]]


def _table(content: Any, *, named: bool = False) -> list[Any]:
    key = None
    if isinstance(content, dict):
        key = next((key for key in _ROWS if key in content), None)
        if key is None:
            raise ValueError("a mapping needs the key 'instances'")
        content = content[key]
    if not isinstance(content, list):
        raise ValueError("a list of rows is needed")
    if named and content and all(isinstance(item, dict) for item in content):
        return content
    if not any(isinstance(item, list) for item in content):
        # A flat list of answers is a value for each row; a flat list of features is one row.
        return [[item] for item in content] if key == "predictions" else [content]
    if not all(isinstance(item, list) for item in content):
        raise ValueError("some rows are lists and some are not")
    return content


def _from_npy(body: bytes) -> list[list[Any]]:
    return _table_of_npy(body, MOST_CELLS).tolist()


def _table_of_npy(body: bytes, max_cells: int) -> np.ndarray:
    """The header is read first: it may promise any shape, and types that are no numbers."""
    import numpy as np
    from numpy.lib import format as npy

    try:
        file = io.BytesIO(body)
        version = npy.read_magic(file)
        shape, _, kind = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
        if kind.kind not in "biuf":
            raise ValueError(f"numbers are needed, got {kind}")
        cells = math.prod(shape)
        if cells * kind.itemsize != len(body) - file.tell():
            raise ValueError(f"the header promises {cells:,} numbers of {kind}, and {len(body) - file.tell():,} bytes follow")
        if cells > max_cells:
            raise PayloadError(413, f"the body has more than {max_cells:,} cells; send less at once")
        table = np.atleast_2d(np.load(io.BytesIO(body), allow_pickle=False).astype(np.float64))
    except PayloadError:
        raise
    except (ValueError, TypeError, EOFError, OSError, SyntaxError) as error:
        raise PayloadError(400, f"the body is not valid {NPY}: {error}") from None
    if table.ndim != 2 or not table.size:
        raise PayloadError(400, f"rows of numbers are needed, got shape {table.shape}")
    return table


def _to_npy(predictions: np.ndarray) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, predictions, allow_pickle=False)
    return buffer.getvalue()
