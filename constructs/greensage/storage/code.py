"""Code beside a model: packed into its archive as containers look for it, below `code/`."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..core.archive import repack

_CHUNK = 1 << 20
SKIPPED = ("__pycache__", ".git", ".ipynb_checkpoints", ".pytest_cache")


def code_files(folder: Path) -> dict[str, Path]:
    """Return the files of `folder` by their names in the archive."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    kept = (path for path in files if not any(part in SKIPPED or part.startswith(".") for part in path.relative_to(folder).parts))
    return {f"code/{path.relative_to(folder).as_posix()}": path for path in kept}


def with_code(archive: Path, folder: Path, cache: Path) -> Path:
    """Return the archive with the code of `folder` in it, made once for each content of the two.

    Parameters
    ----------
    archive:
        A model.tar.gz.
    folder:
        With inference.py, and what it needs; a requirements.txt is installed by AWS's containers.
    cache:
        Where what was made is kept.
    """
    files = code_files(folder)
    made = cache / f"{_digest(archive, files)}.tar.gz"
    if not made.is_file():
        repack(archive, files, made)
    return made


def staged(folder: Path, cache: Path) -> Path:
    """Return a copy of the code of `folder` without what is left out of archives: hidden files, caches, environments."""
    files = code_files(folder)
    made = cache / f"code-{_of_files(files)}"
    if not made.is_dir():
        half = made.with_name(f".{made.name}.{os.getpid()}")
        for name, path in files.items():
            target = half / name.removeprefix("code/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        half.rename(made)
    return made


def _of_files(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _digest(archive: Path, files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    digest.update(_of_files(files).encode())
    return digest.hexdigest()[:32]
