"""A cloud assembly: the stacks, nested stacks and stages that an app synthesized, with construct paths and acknowledgements."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckError
from ..narrow import is_list, is_mapping
from .reading import read_text

_ENVIRONMENT = "aws://"
_STACK, _NESTED = "aws:cloudformation:stack", "cdk:cloud-assembly"
_LOGICAL_ID, _TEMPLATE, _ACKNOWLEDGED = "aws:cdk:logicalId", "aws:cdk:templateFile", "aws:cdk:acknowledged-rules"


@dataclass(frozen=True)
class Acknowledgement:
    """What an app acknowledged: the id as it was written down, why, and on which construct."""

    id: str
    reason: str
    construct: str


@dataclass(frozen=True)
class StackFile:
    """A template of an assembly. `paths` are construct paths by logical id."""

    path: Path
    name: str
    region: str | None
    construct: str
    paths: dict[str, str] = field(default_factory=dict[str, str])
    acknowledgements: tuple[Acknowledgement, ...] = ()
    tagged: bool = False


def is_assembly(folder: Path) -> bool:
    """Return whether `folder` is a cloud assembly."""
    if not (folder / "manifest.json").is_file():
        return False
    try:
        return _artifacts(folder) is not None
    except CheckError:
        # A broken manifest counts as an assembly's where the CDK's version file lies beside it.
        return (folder / "cdk.out").exists()


def stacks_of(folder: Path, shown: str = "") -> Iterator[StackFile]:
    """Yield the templates of an assembly: a stack, then its nested stacks; stages after. Raises CheckError."""
    yield from _stacks(folder, shown or str(folder), Path(os.path.abspath(folder)), 0)


def _stacks(folder: Path, shown: str, root: Path, depth: int) -> Iterator[StackFile]:
    artifacts = _artifacts(folder, shown)
    # An assembly that names itself would have no end.
    if artifacts is None or depth > 10:
        raise CheckError(f"{shown}/manifest.json: no manifest of a cloud assembly")
    for name, artifact in artifacts.items():
        properties = artifact.get("properties")
        if not is_mapping(properties):
            continue
        if artifact.get("type") == _STACK:
            yield from _stack(folder, shown, root, name, artifact, properties)
        elif artifact.get("type") == _NESTED:
            inner = str(properties.get("directoryName", ""))
            yield from _stacks(_inside(folder / inner, root, f"{shown}/{inner}"), f"{shown}/{inner}", root, depth + 1)


def _stack(folder: Path, shown: str, root: Path, name: str, artifact: Any, properties: Any) -> Iterator[StackFile]:
    metadata = _metadata(folder, shown, artifact)
    construct = str(artifact.get("displayName", name)).split(" ")[0]
    region = str(artifact.get("environment", "")).removeprefix(_ENVIRONMENT).partition("/")[2]
    region_known = region if region and region != "unknown-region" else None
    stack_name = str(properties.get("stackName", name))
    templates, file = metadata.templates, str(properties.get("templateFile", ""))
    top = next((path for path in templates if templates[path] == file), construct)
    templates[top] = file
    owned = _by_template(metadata.ids, templates)
    for path in sorted(templates, key=len):
        place = _inside(folder / templates[path], root, f"{shown}/{templates[path]}")
        yield StackFile(place, stack_name if path == top else path.rsplit("/", 1)[-1], region_known, path, owned.get(path, {}),
                        tuple(metadata.acknowledged) if path == top else (), bool(properties.get("tags")))  # fmt: skip


@dataclass
class _Metadata:
    """What a stack's metadata say: template files by construct path, logical ids with their paths, acknowledgements."""

    templates: dict[str, str] = field(default_factory=dict[str, str])
    ids: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    acknowledged: list[Acknowledgement] = field(default_factory=list[Acknowledgement])

    def add(self, path: str, row: Any) -> None:
        kind, data = (row.get("type"), row.get("data")) if is_mapping(row) else (None, None)
        if kind == _LOGICAL_ID:
            self.ids.append((str(data), path))
        elif kind == _TEMPLATE:
            self.templates[path] = str(data)
        elif kind == _ACKNOWLEDGED and is_mapping(data):
            self.acknowledged += [Acknowledgement(str(name), str(reason), path) for name, reason in data.items()]


def _metadata(folder: Path, shown: str, artifact: Any) -> _Metadata:
    """The CDK writes it into the manifest, or into a file beside it."""
    found = _Metadata()
    own = artifact.get("metadata")
    raw = own if is_mapping(own) else {}
    file = artifact.get("additionalMetadataFile")
    if file:
        beside = _json(folder / str(file), f"{shown}/{file}")
        raw = {**raw, **(beside if is_mapping(beside) else {})}
    for path, rows in raw.items():
        for row in rows if is_list(rows) else ():
            found.add(path.lstrip("/"), row)
    return found


def _by_template(ids: list[tuple[str, str]], templates: dict[str, str]) -> dict[str, dict[str, str]]:
    """Construct paths by logical id, for each template: a construct is of the deepest stack above it."""
    if len(templates) == 1:
        return {next(iter(templates)): dict(ids)}
    owners = sorted(templates, key=len, reverse=True)
    found: dict[str, dict[str, str]] = {}
    for name, path in ids:
        owner = next((item for item in owners if path.startswith(f"{item}/")), None)
        if owner is not None:
            found.setdefault(owner, {})[name] = path
    return found


def _artifacts(folder: Path, shown: str = "") -> dict[str, Any] | None:
    raw = _json(folder / "manifest.json", f"{shown or folder}/manifest.json")
    artifacts = raw.get("artifacts") if is_mapping(raw) else None
    if not is_mapping(artifacts):
        return None
    return {name: row for name, row in artifacts.items() if is_mapping(row)}


def _json(path: Path, shown: str) -> Any:
    try:
        return json.loads(read_text(path, shown))
    except (json.JSONDecodeError, RecursionError):
        raise CheckError(f"{shown}: broken JSON") from None


def _inside(path: Path, root: Path, shown: str) -> Path:
    """A manifest may not lead out of its assembly."""
    plain = os.path.abspath(path) if not path.is_symlink() else os.path.realpath(path)
    if not plain.startswith(f"{root}{os.sep}") and plain != str(root):
        raise CheckError(f"{shown}: leads out of the cloud assembly; not read")
    return path
