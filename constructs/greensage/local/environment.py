"""Which Python runs the local cloud: this one if it has everything, else a private environment made on first use.

ministack pins botocore, and the user's boto3 must not suffer from it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..core.folders import serving_folder
from ..errors import LocalError

BASE = ("ministack==1.5.33", "boto3==1.43.106", "cryptography==50.0.2")
Say = Callable[[str], None]


def python_for_local_cloud(say: Say) -> Path:
    """Return the interpreter to use; `say` hears about steps that take longer. Raises LocalError."""
    wanted = requirements()
    if all(_has(line) for line in wanted):
        return Path(sys.executable)
    # With the Python's version: an upgraded interpreter must not meet packages built for the old one.
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"environment-{digest}"
    python = folder / "bin" / "python"
    # The folder alone proves nothing: pip may have been interrupted half-way.
    if not (folder / "complete").exists():
        say(f"Making a private environment for the local cloud in {folder} (once, about a minute) ...")
        _make(folder, python, wanted)
    return python


def requirements() -> list[str]:
    """Return what the local cloud needs: its base and the packages of the serving image."""
    lines = (serving_folder() / "requirements.txt").read_text().splitlines()
    return [*BASE, *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]


def cache_folder() -> Path:
    """Return where private environments are kept: $GREENSAGE_CACHE, $XDG_CACHE_HOME/greensage or ~/.cache/greensage."""
    own = os.environ.get("GREENSAGE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(own) if own else Path(base) / "greensage"


def _has(requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False


def _make(folder: Path, python: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"pip could not install the local cloud's packages:\n{done.stderr.strip()[-2000:]}")
    (folder / "complete").touch()
