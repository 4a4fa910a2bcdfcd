"""Writes a project that deploys: the app, its stacks, one model that answers, a test and a workflow. Overwrites nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ..core.archive import packed
from ..core.folders import project_files
from ..errors import GreensageError

_FILES = Path(__file__).parent / "files"
# Of this repository: what `init` writes is what its own app is made of.
_OWN = ("app.py", "stacks/__init__.py", "stacks/model.py", "stacks/group.py", "stacks/platform.py")
REGION = "eu-north-1"
_EXAMPLE = {
    "models/churn.yaml": "models/churn.yaml",
    "row.csv": "row.csv",
}
_COPIED = {
    ".gitignore": "gitignore",
    "README.md": "README.md",
    "models/_defaults.yaml": "models/_defaults.yaml",
    "tests/test_models.py": "tests/test_models.py",
    ".github/workflows/greensage.yml": "github/greensage.yml",
}


@dataclass(frozen=True)
class Written:
    """What was written: the folder, and the paths of the files in it."""

    folder: Path
    files: tuple[str, ...]


def write_project(folder: Path, *, region: str = REGION, models: Mapping[str, bytes] | None = None) -> Written:
    """Write a project into `folder`.

    Parameters
    ----------
    folder:
        Is made if it is not there; may hold other files.
    region:
        The one that models may run in, to begin with; default eu-north-1, whose grid is among the cleanest.
    models:
        Model files and archives by their paths in the project; default: an example that answers.

    Returns what was written. Raises GreensageError, before anything is written, where a file is there already.
    """
    content = _content(region, models)
    there = sorted(name for name in content if (folder / name).exists())
    if there:
        listed = ", ".join(there[:6]) + (f" and {len(there) - 6} more" if len(there) > 6 else "")
        raise GreensageError(f"{folder}: {listed} would be overwritten; choose another folder, or move them away")
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Written(folder, tuple(content))


def _content(region: str, models: Mapping[str, bytes] | None) -> dict[str, bytes]:
    found = {name: (project_files() / name).read_bytes() for name in _OWN}
    found |= {name: (_FILES / source).read_bytes() for name, source in _COPIED.items()}
    found |= {name: text.encode() for name, text in {
        "cdk.json": _cdk_json(), "package.json": _package_json(), "requirements.txt": _requirements(),
    }.items()}  # fmt: skip
    found["models/_defaults.yaml"] = found["models/_defaults.yaml"].replace(b"REGION", region.encode())
    if models is not None:
        return {**found, **models}
    found |= {name: (_FILES / source).read_bytes() for name, source in _EXAMPLE.items()}
    found["models/artifacts/churn.tar.gz"] = packed({"xgboost-model.json": (_FILES / "xgboost-model.json").read_bytes()})
    return found


def _cdk_json() -> str:
    own = json.loads((project_files() / "cdk.json").read_text(encoding="utf-8"))
    return json.dumps({**own, "app": f"{_python()} app.py"}, indent=2) + "\n"


def _python() -> str:
    """The environment that greensage runs in where it lies in the project's folder or is active; else what the shell finds."""
    if sys.prefix != sys.base_prefix and Path(sys.prefix).parent == Path.cwd():
        return f"{Path(sys.prefix).name}/{'Scripts' if os.name == 'nt' else 'bin'}/python"
    return "python3"


def _package_json() -> str:
    cli = json.loads((project_files() / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    content = {"private": True, "description": "The CDK CLI that matches aws-cdk-lib", "devDependencies": {"aws-cdk": cli}}
    return json.dumps(content, indent=2) + "\n"


def _requirements() -> str:
    return f"greensage=={version('greensage')}\naws-cdk-lib=={version('aws-cdk-lib')}\npytest>=8\n"
