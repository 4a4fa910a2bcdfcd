"""The code of what runs by itself: the rooms of greensage that it imports, and the handlers of lambda/operate."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_s3_assets as assets

from constructs import Construct

from ..core.folders import lambda_folder

_CODE_ID = "GreensageUpkeepCode"
_NOT_CODE = shutil.ignore_patterns("__pycache__", "*.pyc", "*.so")
_ROOMS = ("catalog", "footprint", "operate", "planner", "spec")
_FILES = (
    "core/__init__.py", "core/archive.py", "core/cron.py", "core/defaults.py", "core/tags.py", "errors.py", "narrow.py",
    "text.py",
)  # fmt: skip


def upkeep_code(scope: Construct) -> assets.Asset:
    """Return the code as an asset of the stack, once."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_CODE_ID)
    return known if isinstance(known, assets.Asset) else assets.Asset(stack, _CODE_ID, path=str(_gathered()))


@cache
def _gathered() -> Path:
    """The rooms that the review imports, the handler, and PyYAML, which is pure Python where its C part is left out."""
    folder = Path(tempfile.mkdtemp(prefix="greensage-upkeep-"))
    own = Path(__file__).parents[1]
    (folder / "greensage/core").mkdir(parents=True)
    (folder / "greensage/__init__.py").write_text('"""Only the rooms that the weekly review needs: not the whole library."""\n')
    for room in _ROOMS:
        shutil.copytree(own / room, folder / "greensage" / room, ignore=_NOT_CODE)
    for name in _FILES:
        shutil.copyfile(own / name, folder / "greensage" / name)
    shutil.copytree(lambda_folder() / "operate", folder / "upkeep", ignore=_NOT_CODE)
    found = find_spec("yaml")
    assert found is not None and found.origin is not None, "PyYAML is a dependency of greensage"
    shutil.copytree(Path(found.origin).parent, folder / "yaml", ignore=_NOT_CODE)
    return folder
