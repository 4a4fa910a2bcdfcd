"""What all tests share: the example models' folder, and model files of their own in a temporary folder."""

from __future__ import annotations

import gzip
import importlib.util
import io
import os
import random
import tarfile
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
    (tmp_path / "model.tar.gz").write_bytes(archive_of())

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


def archive_of(size: int = 0, seed: int = 0) -> bytes:
    """A model.tar.gz of exactly `size` bytes, or as small as can be."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("model.ubj")
        entry.size = max(1, (size - 12_000) // 10_240 * 10_240)
        archive.addfile(entry, io.BytesIO(random.Random(seed).randbytes(entry.size)))
        # Which AWS's PyTorch container needs.
        archive.addfile(tarfile.TarInfo("code/inference.py"))
    smallest = gzip.compress(content.getvalue(), compresslevel=9, mtime=0)
    if len(smallest) >= size:
        return smallest
    # The rest is a name in the head of the gzip file.
    made = io.BytesIO()
    with gzip.GzipFile("n" * (size - len(smallest) - 1), "wb", 9, made, mtime=0) as file:
        file.write(content.getvalue())
    return made.getvalue()
