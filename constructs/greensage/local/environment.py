"""Which Python runs the local cloud: this one if it has everything, else a private environment made on first use.

ministack pins botocore, and the user's boto3 must not suffer from it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from ..core.folders import cache_folder, serving_folder
from ..errors import LocalError

# What greensage needs and the local cloud does not, or pins itself.
_NOT_HERE = ("aws-cdk-lib", "constructs", "boto3")
# Of these frameworks' own images; everybody would wait for them, and few need them.
_LARGE = ("catboost",)
BASE = ("ministack==1.5.33", "boto3==1.43.106", "cryptography==50.0.2", "dockerfile-parse==2.0.1")
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
    """Return what the local cloud needs: its base, what greensage itself imports, and the packages of the serving image."""
    lines = (serving_folder() / "requirements.txt").read_text().splitlines()
    own = [line for line in requires("greensage") or [] if "extra ==" not in line and _name(line) not in _NOT_HERE]
    return [*BASE, *own, *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]


def add_packages(framework: str, python: Path, say: Say) -> None:
    """Install what models of `framework` need beside the rest, on first use, where that is large. Raises LocalError.

    Into the private environment only: a Python of the user's is told what to install.
    """
    path = serving_folder() / f"requirements-{framework}.txt"
    if framework not in _LARGE or not path.is_file():
        return
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    if subprocess.run([str(python), "-c", f"import {framework}"], capture_output=True, check=False).returncode == 0:
        return
    if not (python.parents[1] / "complete").is_file():
        raise LocalError(f"{framework} is not installed in {python}: pip install {' '.join(lines)}")
    say(f"Installing {framework} for the local cloud (once, about a minute) ...")
    _install(python, lines)


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ (]", requirement, maxsplit=1)[0]


def _has(requirement: str) -> bool:
    wanted = requirement.partition("==")[2]
    try:
        # A range is greensage's own, and pip has seen to it.
        return version(_name(requirement)) == wanted if wanted else bool(version(_name(requirement)))
    except PackageNotFoundError:
        return False


def _make(folder: Path, python: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    venv.create(folder, with_pip=True, clear=True)
    _install(python, wanted)
    _verify(python)
    (folder / "complete").touch()


def _install(python: Path, wanted: list[str]) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"pip could not install the local cloud's packages:\n{done.stderr.strip()[-2000:]}")


def _verify(python: Path) -> None:
    """Import the server as it will be started: what cannot be imported must not be marked as complete."""
    with tempfile.TemporaryDirectory() as path:
        link_package(Path(path))
        command, environment = [str(python), "-m", "greensage.local.server", "--verify"], {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"the local cloud's environment was made, but does not work:\n{done.stderr.strip()[-2000:]}")


def link_package(folder: Path) -> None:
    """Put greensage alone into `folder`, for PYTHONPATH: a private environment must not see the user's other packages."""
    folder.mkdir(exist_ok=True)
    (folder / "greensage").symlink_to(Path(__file__).resolve().parents[1], target_is_directory=True)
