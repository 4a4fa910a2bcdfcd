"""CSV files with a header, as training data are: of numbers, or of numbers and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .payload import csv_rows, number, to_csv
from .rows import written


def read_table(paths: list[Path], label: str | None) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of features, features (rows, columns) and labels (rows,) of CSV files with the same header.

    An empty cell is NaN. Without a `label` all columns are features and the labels are empty. Raises ValueError, with the
    file and the line, for what is no such table.
    """
    names, cells = _cells(paths)
    table = np.array([_numbers(row, len(names), where) for where, row in cells], dtype=np.float64).reshape(-1, len(names))
    if label is None:
        return names, table, np.empty(0)
    place = _place(names, label, paths)
    return [name for name in names if name != label], np.delete(table, place, axis=1), table[:, place]


@dataclass
class Table:
    """Features of CSV files: numbers, shape (rows, columns), NaN where a cell is empty or a word; words by column and row.

    `labels` and `times` (ISO 8601, UTC) are empty where no column was named for them.
    """

    names: list[str]
    features: np.ndarray
    words: dict[int, dict[int, str]]
    labels: np.ndarray
    times: list[str]

    def __len__(self) -> int:
        return len(self.features)

    def to_csv(self) -> bytes:
        """Return the features as CSV with a header, as a pipeline that takes a table is asked."""
        rows = [
            [self.words.get(column, {}).get(row, "" if np.isnan(cell) else written(cell)) for column, cell in enumerate(cells)]
            for row, cells in enumerate(self.features.tolist())
        ]
        return to_csv([self.names, *rows])

    def column(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return a feature of some rows: numbers, or texts where it has words."""
        place = self.names.index(name)
        words = self.words.get(place, {})
        if not words:
            return self.features[rows, place]
        return np.array([words.get(row) or written(self.features[row, place]) for row in rows.tolist()], object)


def read_mixed(paths: list[Path], label: str | None, *, time: str | None = None) -> Table:
    """Return a table whose features may be words. A label is a number; a `time` is ISO 8601, or seconds since 1970.

    Rows with times come in their order. Raises ValueError, with the file and the line, for what is no such table.
    """
    names, rows = _cells(paths)
    labels = [_as_number(row[_place(names, label, paths)], at) for at, row in rows] if label is not None else []
    times = [_as_time(row[_place(names, time, paths)], at) for at, row in rows] if time is not None else []
    kept = [index for index, name in enumerate(names) if name not in (label, time)]
    order = sorted(range(len(rows)), key=lambda row: times[row]) if times else list(range(len(rows)))
    features, words = np.full((len(rows), len(kept)), np.nan), dict[int, dict[int, str]]()
    for row, source in enumerate(order):
        cells = rows[source][1]
        for column, index in enumerate(kept):
            try:
                features[row, column] = number(cells[index])
            except ValueError:
                words.setdefault(column, {})[row] = cells[index].strip()
    made = np.array([labels[source] for source in order] if labels else [], np.float64)
    return Table([names[index] for index in kept], features, words, made, [times[source] for source in order] if times else [])


def _cells(paths: list[Path]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The header that all files share, and each row with its place."""
    names, rows = list[str](), list[tuple[str, list[str]]]()
    for path in paths:
        lines = _rows(path)
        _, header = next(lines, (1, list[str]()))
        if names and header != names:
            raise ValueError(f"{path}:1: the header is not that of {paths[0]}")
        names = header
        for line, row in lines:
            if len(row) != len(names):
                raise ValueError(f"{path}:{line}: {len(row)} cells, {len(names)} are expected")
            rows.append((f"{path}:{line}", row))
    if not names:
        raise ValueError(f"{paths[0] if paths else 'no file'}:1: there is no header")
    return names, rows


def _place(names: list[str], name: str, paths: list[Path]) -> int:
    if name not in names:
        raise ValueError(f"{paths[0]}:1: there is no column {name!r}; there are: {', '.join(names)}")
    return names.index(name)


def _as_number(cell: str, where: str) -> float:
    try:
        return number(cell)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def _as_time(cell: str, where: str) -> str:
    try:
        return datetime.fromtimestamp(float(cell), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        found = datetime.fromisoformat(cell.strip())
    except ValueError:
        raise ValueError(f"{where}: {cell!r} is no time; ISO 8601 is read, or seconds since 1970") from None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).isoformat()


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
