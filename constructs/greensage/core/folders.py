"""Where the files lie that are not Python modules of the package: Lambda code and the serving image.

In a checkout they are the top-level folders `lambda/` and `serving/`; the wheel carries copies.
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


def _folder(name: str) -> Path:
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / name
