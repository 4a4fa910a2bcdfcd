"""What `greensage optimize` measured of the user's own models: rows of the overlay, each with where its figures come from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import CatalogError
from .overlay import FOLDER, overlay_folder

_FILE = "optimized.json"


@dataclass(frozen=True)
class Cost:
    """What one model takes: `cpu_seconds` of a request, `memory_mb` that a process grows by, `size_mb` of the archive."""

    cpu_seconds: float
    memory_mb: float
    size_mb: float


@dataclass(frozen=True)
class Optimized:
    """One model's best archive, what it was made from, and what both take.

    Parameters
    ----------
    archive:
        Where the optimized archive lies, relative to the overlay's folder.
    archive_digest, given_digest:
        SHA-256 of it and of the archive that it was made from; another one is another model.
    framework:
        What the optimized archive is for the serving container: the model's own, or onnx.
    how:
        The pass, in people's words.
    architectures:
        What the archive runs on.
    before, after:
        What the archive takes as it was given, and optimized.
    rows, made_up:
        How many rows the answers were compared on, and whether nobody gave them.
    machine, date, versions:
        Where and when it was measured, and with what.
    """

    archive: str
    archive_digest: str
    given_digest: str
    framework: str
    how: str
    architectures: tuple[str, ...]
    before: Cost
    after: Cost
    rows: int
    made_up: bool
    machine: str
    date: str
    versions: dict[str, Any] = field(default_factory=dict[str, Any], compare=False)

    @property
    def source(self) -> str:
        """Where the figures come from, for people."""
        rows = f"{self.rows:,} rows" + (", made up" if self.made_up else " of yours")
        return f"greensage optimize on {self.machine}, {self.date}, {rows}"


def optimized(name: str) -> Optimized | None:
    """Return the row of the model called `name`; None where it was not optimized. Raises CatalogError."""
    path = _path()
    row = _rows(path, path.stat().st_mtime_ns).get(name) if path else None
    if row is None:
        return None
    try:
        read: dict[str, Any] = {**row, "architectures": tuple(row["architectures"])}
        for key in ("before", "after"):
            read[key] = Cost(**row[key])
        return Optimized(**read)
    except (KeyError, TypeError) as error:
        raise CatalogError(f"{path}: the row {name!r} is not as greensage optimize writes it ({error}); run it again") from None


def archive_of(row: Optimized) -> Path | None:
    """Return where the optimized archive lies, or None where it is not there or is another one."""
    folder = overlay_folder()
    path = (folder / row.archive).resolve() if folder else None
    return path if path and path.is_file() and digest_of(path) == row.archive_digest else None


def remember(name: str, row: Optimized | None, folder: Path | None = None) -> Path:
    """Write a row, or take it out where nothing was better, and return the file."""
    target = folder or overlay_folder() or Path(FOLDER)
    target.mkdir(parents=True, exist_ok=True)
    path = target / _FILE
    rows = dict(_rows(path, path.stat().st_mtime_ns)) if path.is_file() else {}
    rows.pop(name, None)
    if row is not None:
        rows[name] = asdict(row)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def relative_to_overlay(path: Path, folder: Path | None = None) -> str:
    """Return `path` as rows write it: relative to the overlay's folder, so that a checkout may lie anywhere."""
    return os.path.relpath(path.resolve(), (folder or overlay_folder() or Path(FOLDER)).resolve())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2_048)
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path() -> Path | None:
    folder = overlay_folder()
    path = folder / _FILE if folder else None
    return path if path and path.is_file() else None


@lru_cache(maxsize=8)
def _rows(path: Path, _changed: int) -> Mapping[str, Any]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path}: {error}; delete it, and run greensage optimize again") from None
    if not isinstance(content, dict):
        raise CatalogError(f"{path}: a mapping of models' names is needed; delete it, and run greensage optimize again")
    return content  # pyright: ignore[reportUnknownVariableType]
