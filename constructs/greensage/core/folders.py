"""Where the files lie that are not Python modules of the package: Lambda code, the serving image, a project's own, a cache.

In a checkout they are the top-level folders `lambda/` and `serving/`, and the top itself; the wheel carries copies.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def lambda_folder() -> Path:
    """Return the folder with the code of the Lambda functions."""
    return _folder("lambda")


def serving_folder() -> Path:
    """Return the folder with the definition of the serving image and its server."""
    return _folder("serving")


def project_files() -> Path:
    """Return the folder with `app.py`, `stacks/`, `cdk.json` and `package.json`: what a new project begins with."""
    packaged = _PACKAGE / "_project"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1]


def cache_folder() -> Path:
    """Return where private environments, wheels and builds are kept: $GREENSAGE_CACHE, else $XDG_CACHE_HOME/greensage, else
    ~/.cache/greensage."""
    own = os.environ.get("GREENSAGE_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(own) if own else Path(base) / "greensage"


def _folder(name: str) -> Path:
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / name
