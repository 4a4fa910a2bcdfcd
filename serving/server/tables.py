"""Rows of mixed kinds, text and numbers, as a pandas DataFrame: for pipelines and models that take columns by their names."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ServingError, first_lines
from .payload import JSON, media_of

_LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")
_CSV = ("", "text/csv")
# Beside the model: what its columns are called, and their pandas types where text could be taken for numbers.
COLUMNS = "columns.json"
# As pandas writes a frame, and as MLflow and TensorFlow Serving wrap it.
_WRAPPED = ("instances", "dataframe_records", "dataframe_split", "inputs", "data")
Reader = Callable[[bytes, str], Any]


def reader(folder: Path, names: Sequence[str], max_cells: int) -> Reader:
    """Return what reads a body into a DataFrame with the columns of the model, in its order.

    CSV with or without a header, JSON as a list of objects or of rows, as pandas' "split", or one object, and JSON Lines.
    Raises ServingError: 400 for what is no table or lacks columns, 415 for another format, 413 for too many cells.
    """
    types = _types(folder)
    wanted = list(names) or list(types)

    def read(body: bytes, media: str) -> Any:
        import pandas

        try:
            frame = _frame(pandas, body, media_of(media), wanted, types)
        except (ValueError, TypeError, RecursionError) as error:
            raise ServingError(400, f"no table: {first_lines(error)[:200]}") from None
        if frame.size > max_cells:
            raise ServingError(413, f"{frame.size:,} values; {max_cells:,} are allowed in one request")
        return frame if not wanted else _ordered(frame, wanted, types)

    return read


def _types(folder: Path) -> dict[str, str]:
    path = folder / COLUMNS
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ServingError(400, f"{COLUMNS} is not valid JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ServingError(400, f'{COLUMNS} maps names of columns to types of pandas, for instance {{"zip": "str"}}')
    return found


def _frame(pandas: Any, body: bytes, media: str, names: list[str], types: Mapping[str, str]) -> Any:
    if media in _CSV:
        return _csv(pandas, body, names, types)
    if media == JSON:
        return _table(pandas, json.loads(body), names)
    if media in _LINES:
        return _table(pandas, [json.loads(line) for line in body.splitlines() if line.strip()], names)
    raise ServingError(415, f"{media} is not read for a table; send text/csv, application/json or application/jsonlines")


def _csv(pandas: Any, body: bytes, names: list[str], types: Mapping[str, str]) -> Any:
    first = pandas.read_csv(io.BytesIO(body), header=None, nrows=1, dtype=str, keep_default_na=False)
    head = [str(value).strip() for value in first.iloc[0]]
    has_header = not names or set(names) <= set(head)
    if not has_header and len(head) != len(names):
        raise ServingError(400, f"the model takes {len(names)} columns ({_few(names)}), got {len(head)}")
    # By position where there are no names; a header may be in another order.
    known = {name: kind for name, kind in types.items() if name in (head if has_header else names)}
    return pandas.read_csv(
        io.BytesIO(body), header=0 if has_header else None, names=None if has_header else names, dtype=known or None,
        skipinitialspace=True,
    )  # fmt: skip


def _table(pandas: Any, content: Any, names: list[str]) -> Any:
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        return pandas.DataFrame(content["data"], columns=content["columns"])
    if isinstance(content, dict) and len(content) == 1 and (key := next(iter(content))) in _WRAPPED and key not in names:
        return _table(pandas, content[key], names)
    if isinstance(content, dict):
        scalars = not any(isinstance(value, list) for value in content.values())
        return pandas.DataFrame([content] if scalars else content)
    if not isinstance(content, list) or not content:
        raise ValueError("a list of rows is needed, or an object")
    if isinstance(content[0], dict):
        if not all(isinstance(row, dict) for row in content):
            raise ValueError("rows are either all objects or all lists")
        return pandas.DataFrame(content)
    rows = content if isinstance(content[0], list) else [content]
    return pandas.DataFrame(rows, columns=names or None)


def _ordered(frame: Any, names: list[str], types: Mapping[str, str]) -> Any:
    frame.columns = [str(name).strip() for name in frame.columns]
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ServingError(400, f"columns are missing: {_few(missing)}; the model takes {_few(names)}")
    frame = frame[names]
    try:
        return frame.astype({name: kind for name, kind in types.items() if name in names})
    except (ValueError, TypeError) as error:
        raise ServingError(400, f"a column is not of its type in {COLUMNS}: {str(error)[:200]}") from None


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(map(str, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
