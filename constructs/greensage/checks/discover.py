"""What there is to check under a path: a cloud assembly, a template, a folder with templates and our own model files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import CheckError
from .assembly import is_assembly
from .foreign import SUFFIXES, foreign
from .reading import encoding_of

_SUFFIXES = (".json", ".yaml", ".yml", ".template")
_SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages"}
_SNIFFED = 65536


@dataclass(frozen=True)
class Source:
    """One thing to check: an `assembly` (a folder), a `template` or a `spec` (files). `sure`: the user named it."""

    kind: Literal["assembly", "template", "spec"]
    path: Path
    shown: str
    sure: bool = False


def discover(path: Path, problems: list[str], tools: dict[str, list[str]], *, others: bool = True) -> Iterator[Source]:
    """Yield what is to be checked under `path`; links that lead out go to `problems`, files of other tools to `tools`, by what is
    said of them.

    Without `others` a file that does not look like a template or a model file is passed by, though it was named.
    """
    if path.is_dir():
        if is_assembly(path):
            yield Source("assembly", path, _shown(path), True)
        else:
            yield from _folder(path, path.resolve(), problems, tools)
    elif path.is_file():
        head = _head(path)
        kind, what = _looks_like(path, head), foreign(path, head)
        if what is not None:
            if others:
                problems.append(f"{_shown(path)}: {what}")
        elif kind is not None or others:
            yield Source(kind or "template", path, _shown(path), others)
    else:
        raise CheckError(f"{path}: there is no such file or folder")


def _folder(folder: Path, root: Path, problems: list[str], tools: dict[str, list[str]]) -> Iterator[Source]:
    for here, folders, files in os.walk(folder):
        current = Path(here)
        if "cdk.out" in files and "manifest.json" not in files:
            problems.append(
                f"{_shown(current)}: what a failed synthesis left: there is no manifest.json; run `npx cdk synth` again"
            )
            folders.clear()
            continue
        if current != folder and is_assembly(current):
            folders.clear()
            yield Source("assembly", current, _shown(current))
            continue
        for name in [*folders, *files]:
            if (current / name).is_symlink() and _leads_out(current / name, root):
                problems.append(f"{_shown(current / name)}: a symbolic link that leads out of {_shown(folder)}; not followed")
        # In place: os.walk goes into what this list holds, in its order.
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            path = current / name
            if path.name.endswith((*_SUFFIXES, *SUFFIXES)) and not (path.is_symlink() and _leads_out(path, root)):
                yield from _file(path, tools, synthesized="cdk.out" in folders)


def _file(path: Path, tools: dict[str, list[str]], *, synthesized: bool) -> Iterator[Source]:
    head = _head(path)
    what = foreign(path, head)
    if what is not None:
        # An app that was synthesized is checked by what came out.
        if not (path.name == "cdk.json" and synthesized):
            tools.setdefault(what, []).append(_shown(path))
        return
    kind = _looks_like(path, head)
    if kind is not None:
        yield Source(kind, path, _shown(path))


def _leads_out(path: Path, root: Path) -> bool:
    try:
        return not path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return True


def _looks_like(path: Path, head: bytes) -> Literal["template", "spec"] | None:
    """Tell by the first bytes, so that a folder's other files are passed by; a broken template is still told as one."""
    if b"\0" in head or not os.access(path, os.R_OK):
        return "template"
    if (b"AWS::" in head and b"Resources" in head) or b"AWSTemplateFormatVersion" in head:
        return "template"
    lines = head.splitlines()
    if (
        path.suffix != ".json"
        and any(line.startswith(b"name:") for line in lines)
        and any(line.startswith(b"model:") for line in lines)
    ):
        return "spec"
    return None


def _head(path: Path) -> bytes:
    """The first bytes, as UTF-8; nothing of what cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED)
    except OSError:
        return b""
    encoding = encoding_of(head)
    return head.decode(encoding, errors="ignore").encode() if encoding == "utf-16" else head


def _shown(path: Path) -> str:
    """The path as people write it: relative to where they are, if it is below."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
