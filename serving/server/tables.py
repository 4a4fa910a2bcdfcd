"""Rows of mixed kinds, text and numbers, as a pandas DataFrame: for pipelines and models that take columns by their names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ServingError, first_lines
from .payload import CSV, JSON, JSON_LINES, media_of

# Beside the model: what its columns are called, and their pandas types where text could be taken for numbers.
COLUMNS = "columns.json"
# As pandas writes a frame, and as MLflow and TensorFlow Serving wrap it.
_WRAPPED = ("instances", "dataframe_records", "dataframe_split", "inputs", "data")
_MOST_COLUMNS = 10_000
_MISSING = float("nan")
Reader = Callable[[bytes, str], Any]


def reader(folder: Path, names: Sequence[str], max_cells: int) -> Reader:
    """Return what reads a body into a DataFrame with the columns of the model, in its order.

    CSV with or without a header, JSON as a list of objects or of rows, as pandas' "split", as columns of lists, or one object,
    and JSON Lines. An empty cell of CSV and null are missing; nothing else is. Raises ServingError: 400 for what is no table
    or lacks columns, 415 for another format, 413 for too many cells.
    """
    types = _types(folder)
    wanted = list(names) or list(types)

    def read(body: bytes, content_type: str) -> Any:
        media = media_of(content_type) or CSV
        try:
            if media == CSV:
                columns = _of_csv(body, content_type, wanted, max_cells)
            elif media == JSON:
                columns = _of_json(json.loads(body), wanted, max_cells)
            elif media == JSON_LINES:
                columns = _of_json([json.loads(line) for line in body.splitlines() if line.strip()], wanted, max_cells)
            else:
                message = f"{media} is not read for a table; send text/csv, application/json or application/jsonlines"
                raise ServingError(415, message)
            return _frame(columns, wanted, types, typed=media != CSV)
        except (ValueError, TypeError, RecursionError, csv.Error) as error:
            raise ServingError(400, f"no table: {first_lines(error)[:200]}") from None

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


def _of_csv(body: bytes, content_type: str, names: list[str], max_cells: int) -> dict[str, list[Any]]:
    text = body.decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True) if row]
    if not rows:
        raise ValueError("there are no rows")
    width = len(rows[0])
    _check_size(width, len(rows), max_cells)
    uneven = next((index for index, row in enumerate(rows) if len(row) != width), None)
    if uneven is not None:
        raise ValueError(f"row {uneven + 1} has {len(rows[uneven])} cells, the first has {width}")
    head = [cell.strip() for cell in rows[0]]
    if _has_header(rows, head, content_type, names):
        named, rows = head, rows[1:]
    elif names and width != len(names):
        raise ServingError(400, f"the model takes {len(names)} columns ({_few(names)}), got {width}")
    else:
        named = names or [str(index) for index in range(width)]
    if len(set(named)) < len(named):
        raise ValueError("two columns have the same name")
    cells = zip(*rows, strict=True) if rows else ((),) * width
    return {name: list(column) for name, column in zip(named, cells, strict=True) if not names or name in names}


def _has_header(rows: list[list[str]], head: list[str], content_type: str, names: list[str]) -> bool:
    """By the media type's parameter (RFC 4180), by the model's names, or where the first line alone has no number."""
    parameters = [part.strip().lower() for part in content_type.split(";")[1:]]
    if "header=present" in parameters or "header=absent" in parameters:
        return "header=present" in parameters
    if names:
        found = set(names) & set(head)
        if found and len(found) < len(names):
            raise ServingError(400, f"the header lacks {_few([name for name in names if name not in found])}")
        return bool(found)
    return len(rows) > 1 and not any(map(_is_number, head)) and any(map(_is_number, rows[1]))


def _of_json(content: Any, names: list[str], max_cells: int) -> dict[str, list[Any]]:
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        return _of_rows(content["data"], [str(name) for name in content["columns"]], max_cells)
    if isinstance(content, dict) and len(content) == 1 and (key := next(iter(content))) in _WRAPPED and key not in names:
        return _of_json(content[key], names, max_cells)
    if isinstance(content, dict):
        if not any(isinstance(value, list) for value in content.values()):
            return {str(name): [value] for name, value in content.items()}
        lengths = {len(value) if isinstance(value, list) else -1 for value in content.values()}
        if len(lengths) > 1:
            raise ValueError("the columns have different lengths")
        return {str(name): value for name, value in content.items()}
    if not isinstance(content, list) or not content:
        raise ValueError("a list of rows is needed, or an object")
    if isinstance(content[0], dict):
        return _of_objects(content, names, max_cells)
    return _of_rows(content if isinstance(content[0], list) else [content], names, max_cells)


def _of_objects(rows: list[Any], names: list[str], max_cells: int) -> dict[str, list[Any]]:
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("rows are either all objects or all lists")
    # Of a model that says its columns only those are taken: a thousand rows of a thousand keys each would be a million.
    found, known = dict[str, None](), set(names)
    for row in rows:
        found.update(dict.fromkeys(name for name in row if not known or name in known))
        _check_size(len(found), len(rows), max_cells)
    return {name: [row.get(name) for row in rows] for name in found}


def _of_rows(rows: Any, names: list[str], max_cells: int) -> dict[str, list[Any]]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise ValueError("a list of rows is needed, each a list of cells")
    width = len(rows[0])
    _check_size(width, len(rows), max_cells)
    if any(len(row) != width for row in rows):
        raise ValueError("the rows have different lengths")
    if names and width != len(names):
        raise ServingError(400, f"the model takes {len(names)} columns ({_few(names)}), got {width}")
    return dict(zip(names or [str(index) for index in range(width)], map(list, zip(*rows, strict=True)), strict=True))


def _check_size(columns: int, rows: int, max_cells: int) -> None:
    if columns > _MOST_COLUMNS or columns * rows > max_cells:
        raise ServingError(
            413, f"{rows:,} rows of {columns:,} columns; {_MOST_COLUMNS:,} columns and {max_cells:,} cells are allowed"
        )


def _frame(columns: dict[str, list[Any]], names: list[str], types: Mapping[str, str], *, typed: bool) -> Any:
    import pandas

    missing = [name for name in names if name not in columns]
    if missing:
        raise ServingError(400, f"columns are missing: {_few(missing)}; the model takes {_few(names)}")
    order = names or list(columns)
    if not columns or not columns[order[0]]:
        raise ValueError("there are no rows")
    made = {name: _column(pandas, columns[name], types.get(name), typed=typed) for name in order}
    return pandas.DataFrame(made)


def _column(pandas: Any, cells: list[Any], kind: str | None, *, typed: bool) -> Any:
    if any(isinstance(cell, list | dict) for cell in cells):
        raise ValueError("a cell is a list or an object")
    if typed:
        cells = [_MISSING if cell is None else cell for cell in cells]
    elif kind is None:
        cells = _guessed(cells)
    else:
        cells = [cell if cell else _MISSING for cell in cells]
    if kind is None:
        # Words as objects, as scikit-learn and CatBoost have always had them.
        return pandas.Series(cells, dtype=object if any(isinstance(cell, str) for cell in cells) else None)
    try:
        return pandas.Series(cells, dtype=object).astype(kind)
    except (ValueError, TypeError) as error:
        raise ServingError(400, f"a column is not of its type in {COLUMNS}: {str(error)[:200]}") from None


def _guessed(cells: list[str]) -> list[Any]:
    """Numbers where all that is there are numbers, truths likewise, else words; whole where none is missing."""
    there = [cell for cell in cells if cell]
    if there and all(cell in ("True", "False") for cell in there):
        return [cell == "True" if cell else _MISSING for cell in cells]
    if not all(map(_is_number, there)):
        return [cell if cell else _MISSING for cell in cells]
    whole = len(there) == len(cells) and all(cell.strip().lstrip("+-").isdigit() for cell in cells)
    return [int(cell) for cell in cells] if whole else [float(cell) if cell else _MISSING for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(map(str, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
