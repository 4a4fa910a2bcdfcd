"""Builds of projects: waits for a turn, runs the buildspec as the project's role, keeps what the same content gave before."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...catalog.quotas import quota
from ...core.folders import cache_folder
from .. import ministack_api as cloud
from .. import quotas
from .run import Result, Source, run, variables_of

# Of a build's own role; who has no right to push does not push here either.
_AT_ONCE = 2
_turn = threading.Condition()
_running: dict[tuple[str, str], int] = {}


@dataclass(frozen=True)
class Project:
    """A project as CodeBuild has it, with the variables of one build."""

    described: Mapping[str, Any]
    variables: Mapping[str, str]
    account: str
    region: str


def build(project: Project, begun: Callable[[], None], log: Callable[[str], None]) -> list[Result]:
    """Wait for a turn, tell `begun`, and run; the phases with their ends."""
    place = (project.account, project.region)
    with _turn:
        _turn.wait_for(lambda: _running.get(place, 0) < _most())
        _running[place] = _running.get(place, 0) + 1
    try:
        begun()
        return _build(project, log)
    finally:
        with _turn:
            _running[place] -= 1
            _turn.notify_all()


def _most() -> float:
    return max(1.0, quotas.limit(quota("builds").name)) if quotas.enforced() else _AT_ONCE


def _build(project: Project, log: Callable[[str], None]) -> list[Result]:
    described = project.described
    bucket, _, key = str(described["source"].get("location", "")).partition("/")
    content = cloud.s3_object(bucket, key)
    if content is None:
        return [Result("DOWNLOAD_SOURCE", "FAILED", f"CLIENT_ERROR: NoSuchKey: {bucket}/{key}")]
    role = str(described["serviceRole"])
    if not cloud.role_allows(role, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
        return [Result("DOWNLOAD_SOURCE", "FAILED", f"CLIENT_ERROR: the role {role} may not read {bucket}/{key}")]
    variables = {**variables_of(described.get("environment", {}).get("environmentVariables", [])), **project.variables}
    spec = str(described["source"].get("buildspec", ""))
    known = _Known(content, spec, variables)
    if not os.environ.get("GREENSAGE_BUILD_ALWAYS") and known.image:
        log("the same content was built here before: its image is pushed, nothing is run (GREENSAGE_BUILD_ALWAYS=1 runs it)")
        return known.push(role)
    seconds = 60.0 * int(described.get("timeoutInMinutes", 60))
    results = run(Source(content, spec, variables, cloud.role_environment(role), seconds), log)
    if all(row.status == "SUCCEEDED" for row in results):
        known.keep()
    return results


class _Known:
    """What a build of the same content gave on this computer. Of the image only what it is called is kept: what is pushed
    is a manifest, since nothing here runs the image's own files."""

    def __init__(self, content: bytes, spec: str, variables: Mapping[str, str]) -> None:
        self._variables = variables
        named = {name: value for name, value in variables.items() if name not in ("REPOSITORY", "REPOSITORY_URI")}
        text = json.dumps([hashlib.sha256(content).hexdigest(), spec, sorted(named.items())])
        self._file = cache_folder() / "builds" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"

    @property
    def image(self) -> bool:
        """Whether there is one."""
        return self._file.is_file() and "TAG" in self._variables and "REPOSITORY" in self._variables

    def keep(self) -> None:
        """Remember that it was built."""
        repository, tag = self._variables.get("REPOSITORY"), self._variables.get("TAG")
        manifest = cloud.ecr_manifest(repository, tag) if repository and tag else None
        if manifest:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(manifest)

    def push(self, role: str) -> list[Result]:
        """Push it again, as the role."""
        repository, tag = self._variables["REPOSITORY"], self._variables["TAG"]
        arn = f"arn:aws:ecr:{cloud.region()}:{cloud.account()}:repository/{repository}"
        if not cloud.role_allows(role, "ecr:PutImage", arn):
            return [Result("BUILD", "FAILED", f"COMMAND_EXECUTION_ERROR: the role {role} may not ecr:PutImage on {arn}")]
        cloud.put_image(repository, tag, self._file.read_text())
        return [Result(name, "SUCCEEDED") for name in ("DOWNLOAD_SOURCE", "PRE_BUILD", "BUILD")]
