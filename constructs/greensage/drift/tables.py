"""CSV files of numbers with a header, as training data are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .payload import csv_rows, number


def read_table(paths: list[Path], label: str | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of features, features (rows, columns) and labels (rows,) of CSV files with the same header.

    An empty cell is NaN. Without a `label` all columns are features and the labels are empty. Raises ValueError, with the
    file and the line, for what is no such table.
    """
    names: list[str] = []
    rows: list[list[float]] = []
    for path in paths:
        lines = _rows(path)
        _, header = next(lines, (1, list[str]()))
        if names and header != names:
            raise ValueError(f"{path}:1: the header is not that of {paths[0]}")
        names = header
        rows += [_numbers(row, len(header), f"{path}:{line}") for line, row in lines]
    if not names or (label is not None and label not in names):
        raise ValueError(f"{paths[0] if paths else 'no file'}:1: there is no column {label!r}; there are: {', '.join(names)}")
    table = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    if label is None:
        return names, table, np.empty(0)
    place = names.index(label)
    return [name for name in names if name != label], np.delete(table, place, axis=1), table[:, place]


def read_numbers(path: Path) -> np.ndarray:
    """Return a CSV file without a header, shape (rows, columns)."""
    rows: list[list[float]] = []
    for line, row in _rows(path):
        rows.append(_numbers(row, len(rows[0]) if rows else len(row), f"{path}:{line}"))
    return np.array(rows, dtype=np.float64)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from csv_rows(file)
        except UnicodeDecodeError as problem:
            raise ValueError(f"{path}: not UTF-8: {problem}") from None
        except ValueError as problem:
            raise ValueError(f"{path}: {problem}") from None


def _numbers(row: list[str], width: int, where: str) -> list[float]:
    if len(row) != width:
        raise ValueError(f"{where}: {len(row)} cells, {width} are expected")
    try:
        return [number(cell) for cell in row]
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None
