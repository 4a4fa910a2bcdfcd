"""Fetches a wheel for another machine, by its hash, once per computer: what a function on Graviton needs, without Docker."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ..catalog.layers import Wheel
from ..errors import GreensageError
from .folders import cache_folder

# Folders and endings of what never runs.
_FOLDERS, _ENDINGS = ("/tests/", "/include/"), (".pyi", ".h", ".c")
_SECONDS = 300


def unpacked(wheel: Wheel) -> Path:
    """Return a folder for a Lambda layer, in which the wheel lies unpacked below python/; its content is always the same.

    Raises GreensageError, with what to do, where it cannot be fetched.
    """
    folder = cache_folder() / "wheels" / wheel.sha256[:16]
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            _unpack(_fetched(wheel, Path(place)), Path(place) / "unpacked" / "python")
            try:
                # Another process may have been faster: what it made is the same.
                (Path(place) / "unpacked").rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
    return folder


def _fetched(wheel: Wheel, place: Path) -> Path:
    asked = place / "requirement.txt"
    asked.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    platforms = [word for name in wheel.platforms for word in ("--platform", name)]
    command = [
        *_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes",
        "--implementation", "cp", "--python-version", wheel.python, *platforms, "--dest", str(place), "--requirement", str(asked),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        said = "" if done.returncode == 0 else done.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    found = list(place.glob("*.whl"))
    if said or not found:
        last = next((line for line in reversed(said.splitlines()) if line.startswith("ERROR")), said[-300:] or "pip is silent")
        raise GreensageError(
            f"{wheel.name} {wheel.version} for functions on Graviton could not be fetched: {last}. "
            f"Let pip reach a package index, or name a layer of yours that has it: -c {wheel.name}-layer=ARN"
        )
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != wheel.sha256:
        raise GreensageError(f"{found[0].name} is not the file that greensage pins; its hash differs")
    return found[0]


def _pip() -> list[str]:
    """This Python's pip; where it has none, as in environments that uv makes, uv's."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    return [uv, "tool", "run", "pip"] if uv else [sys.executable, "-m", "pip"]


def _unpack(wheel: Path, folder: Path) -> None:
    """Only what runs: no tests, headers or stubs. The hash says that the archive is the one that was read here."""
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            runs = not item.filename.endswith(_ENDINGS) and not any(part in f"/{item.filename}" for part in _FOLDERS)
            if runs and (folder / item.filename).resolve().is_relative_to(folder.resolve()):
                archive.extract(item, folder)
