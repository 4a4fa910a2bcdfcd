"""What all tests share: the example models' folder, and model files of their own in a temporary folder."""

from __future__ import annotations

import importlib.util
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
os.environ.setdefault("NODE_NO_WARNINGS", "1")

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
ARTIFACTS = MODELS / "artifacts"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a model file beside an artifact that exists, and return its path."""
    (tmp_path / "model.tar.gz").write_bytes(b"not read by the planner")

    def _write(text: str, name: str = "model.yaml") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return _write


def tool(name: str) -> ModuleType:
    """Return a module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
