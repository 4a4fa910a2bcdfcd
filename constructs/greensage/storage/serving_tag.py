"""The tag of the serving image. Apart from its build, so that stacks which only refer to it load no CodeBuild."""

from __future__ import annotations

import hashlib

from ..catalog.engines import Engine
from ..catalog.instances import Architecture
from ..core.folders import serving_folder

NOT_IN_IMAGE = ("__pycache__", ".pytest_cache")


def serving_tag(architecture: Architecture, base_image: str | None = None, engine: Engine = "all") -> str:
    """Return the tag of the serving image of `engine` for `architecture`: the hash of its sources, known at synth."""
    digest = hashlib.sha256((base_image or "").encode())
    folder = serving_folder()
    for path in sorted(folder.rglob("*")):
        ours = path.parent.name != "locks" or path.name.split(".")[0] == engine
        if path.is_file() and ours and not any(part in NOT_IN_IMAGE for part in path.parts):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{digest.hexdigest()[:12]}-{engine}-{architecture}"
