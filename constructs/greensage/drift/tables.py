"""CSV files of numbers with a header, as training data are."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np


def read_table(paths: list[Path], label: str | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of features, features (rows, columns) and labels (rows,) of CSV files with the same header.

    An empty cell is NaN. Without a `label` all columns are features and the labels are empty. Raises ValueError, with the
    file and the line, for what is no such table.
    """
    names: list[str] = []
    rows: list[list[float]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if names and header != names:
                raise ValueError(f"{path}:1: the header is not that of {paths[0]}")
            names = header
            rows += [_numbers(row, len(header), f"{path}:{lines.line_num}") for row in lines if row]
    if not names or (label is not None and label not in names):
        raise ValueError(f"{paths[0] if paths else 'no file'}:1: there is no column {label!r}; there are: {', '.join(names)}")
    table = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    if label is None:
        return names, table, np.empty(0)
    place = names.index(label)
    return [name for name in names if name != label], np.delete(table, place, axis=1), table[:, place]


def read_numbers(path: Path) -> np.ndarray:
    """Return a CSV file without a header, shape (rows, columns)."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        rows: list[list[float]] = []
        for row in lines:
            if row:
                rows.append(_numbers(row, len(rows[0]) if rows else len(row), f"{path}:{lines.line_num}"))
    return np.array(rows, dtype=np.float64)


def _numbers(row: list[str], width: int, where: str) -> list[float]:
    if len(row) != width:
        raise ValueError(f"{where}: {len(row)} cells, {width} are expected")
    try:
        return [float(cell) if cell.strip() else math.nan for cell in row]
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None
