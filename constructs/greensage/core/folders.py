"""Where the files lie that are not Python modules of the package: Lambda code, the serving image, and a project's own files.

In a checkout they are the top-level folders `lambda/` and `serving/`, and the top itself; the wheel carries copies.
"""

from __future__ import annotations

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


def _folder(name: str) -> Path:
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / name
