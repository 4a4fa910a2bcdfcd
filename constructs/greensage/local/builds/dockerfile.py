"""Carries out a Dockerfile in folders: each stage a private root, commands with the local cloud's tools only, layers none.

Instructions that it does not know, base images that nobody has, and files that are not there fail as Docker fails.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dockerfile_parse import DockerfileParser

# The Python images of AWS's public gallery by digest: what greensage's own is made from. Others have to lie in the account's ECR.
_KNOWN_BASE = re.compile(r"^public\.ecr\.aws/docker/library/python:3\.1\d(\.\d+)?-slim-\w+@sha256:[0-9a-f]{64}$")
_OF_ECR = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+$")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
ROOT = "GREENSAGE_BUILD_ROOT"
TARGET = "GREENSAGE_BUILD_PLATFORM"


class BuildError(Exception):
    """The build fails, with Docker's kind of words."""


@dataclass
class Stage:
    """One stage: its root, its working directory in it, its variables, and how it starts."""

    root: Path
    name: str
    platform: str
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict[str, str])
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    entrypoint: list[str] = field(default_factory=list[str])
    command: list[str] = field(default_factory=list[str])

    def path(self, inside: str) -> Path:
        """Return where a path of the image lies; BuildError for one that leaves the root."""
        found = (self.root / os.path.normpath(os.path.join("/", self.folder, inside)).lstrip("/")).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise BuildError(f"{inside} leaves the image")
        return found


@dataclass(frozen=True)
class Asked:
    """What `docker build` was asked for."""

    context: Path
    file: Path
    platform: str
    target: str
    arguments: Mapping[str, str]


def build(asked: Asked, place: Path, has_image: Callable[[str], bool], say: Callable[[str], None]) -> Stage:
    """Return the target stage, built. BuildError when a step fails."""
    with asked.file.open("rb") as content:
        # Its own words ask for bytes, its annotation for text.
        parser = DockerfileParser(fileobj=cast(Any, content), cache_content=True)
        steps = [(row["instruction"].upper(), row["value"]) for row in parser.structure if row["instruction"] != "COMMENT"]
    builder = _Builder(asked, place, has_image, say)
    for number, (instruction, value) in enumerate(steps, start=1):
        say(f"[{number}/{len(steps)}] {instruction} {value}")
        builder.step(instruction, value)
        if builder.reached and instruction == "FROM":
            break
    return builder.finished()


class _Builder:
    def __init__(self, asked: Asked, place: Path, has_image: Callable[[str], bool], say: Callable[[str], None]) -> None:
        self._asked, self._place, self._has_image, self._say = asked, place, has_image, say
        # A build machine is x86_64, as greensage's project asks for.
        machine, target = "linux/amd64", asked.platform
        self._platform = {
            "BUILDPLATFORM": machine, "TARGETPLATFORM": target, "TARGETOS": "linux", "TARGETARCH": target.partition("/")[2],
            "BUILDARCH": "amd64", "BUILDOS": "linux",
        }  # fmt: skip
        # Seen in FROM; a stage sees those only that it declares (Dockerfile reference, "Understand how ARG and FROM interact").
        self._global: dict[str, str] = {**self._platform}
        self._stages: dict[str, Stage] = {}
        self._now: Stage | None = None
        self.reached = False

    def finished(self) -> Stage:
        """Return the stage that was asked for, or the last."""
        wanted = self._stages.get(self._asked.target) if self._asked.target else self._now
        if wanted is None:
            raise BuildError(f'target stage "{self._asked.target}" could not be found')
        return wanted

    def step(self, instruction: str, value: str) -> None:
        """Carry out one instruction."""
        if self._now is None and instruction not in ("ARG", "FROM"):
            raise BuildError(f"no build stage in current context: {instruction}")
        steps: dict[str, Callable[[str], None]] = {
            "ARG": self._arg, "FROM": self._from, "ENV": self._env, "LABEL": self._label, "WORKDIR": self._workdir,
            "COPY": self._copy, "RUN": self._run, "EXPOSE": lambda value: None, "ENTRYPOINT": self._entrypoint, "CMD": self._cmd,
            "USER": lambda value: None, "SHELL": self._refuse("SHELL"), "ADD": self._refuse("ADD"),
        }  # fmt: skip
        if instruction not in steps:
            raise BuildError(f"dockerfile parse error: unknown instruction: {instruction}")
        steps[instruction](value)

    def _refuse(self, name: str) -> Callable[[str], None]:
        def refused(value: str) -> None:
            raise BuildError(f"the local cloud does not carry out {name}")

        return refused

    @property
    def _stage(self) -> Stage:
        assert self._now is not None
        return self._now

    def _arg(self, value: str) -> None:
        name, _, default = value.partition("=")
        # A stage's own default goes before a global value; the platform's are no defaults, BuildKit sets them.
        inherited = self._platform if default else {**self._global, **self._platform}
        given = self._asked.arguments.get(name, inherited.get(name, _unquoted(default)))
        if self._now is None:
            self._global[name] = self._expanded(given)
        else:
            self._now.arguments[name] = self._expanded(given)

    def _from(self, value: str) -> None:
        words = _expanded(value, self._global).split()
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        plain = [word for word in words if not word.startswith("--")]
        if self._asked.target and self._asked.target in self._stages:
            self.reached = True
            return
        name = plain[2] if len(plain) == 3 and plain[1].upper() == "AS" else str(len(self._stages))
        platform = flags.get("platform", self._asked.platform)
        root = self._place / f"stage-{len(self._stages)}"
        if plain[0] in self._stages:
            base = self._stages[plain[0]]
            shutil.copytree(base.root, root, symlinks=True)
            self._now = Stage(root, name, platform, base.folder, {**base.variables}, {**base.arguments}, {**base.labels},
                              [*base.entrypoint], [*base.command])  # fmt: skip
        else:
            self._check_base(plain[0])
            root.mkdir()
            self._now = Stage(root, name, platform)
        self._stages[name] = self._now

    def _check_base(self, image: str) -> None:
        known = image == "scratch" or bool(_KNOWN_BASE.match(image)) or (bool(_OF_ECR.match(image)) and self._has_image(image))
        if not known:
            raise BuildError(
                f"failed to resolve source metadata for {image}: the local cloud knows the Python images of AWS's public gallery "
                "by digest, and what lies in the account's ECR"
            )

    def _env(self, value: str) -> None:
        self._stage.variables.update(self._pairs(value))

    def _label(self, value: str) -> None:
        self._stage.labels.update(self._pairs(value))

    def _pairs(self, value: str) -> dict[str, str]:
        found = dict(re.findall(r"""([^\s=]+)=("[^"]*"|'[^']*'|\S*)""", value))
        return {name: self._expanded(_unquoted(text)) for name, text in found.items()}

    def _workdir(self, value: str) -> None:
        self._stage.folder = os.path.normpath(os.path.join(self._stage.folder, self._expanded(value)))
        self._stage.path(".").mkdir(parents=True, exist_ok=True)

    def _copy(self, value: str) -> None:
        words = self._expanded(value).split()
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        plain = [word for word in words if not word.startswith("--")]
        *sources, target = plain
        origin = self._asked.context
        if "from" in flags:
            if flags["from"] not in self._stages:
                raise BuildError(f"COPY --from={flags['from']}: no such stage")
            origin = self._stages[flags["from"]].root
        for source in sources:
            self._copy_one(origin, source, target, many=len(sources) > 1)

    def _copy_one(self, origin: Path, source: str, target: str, *, many: bool) -> None:
        found = (origin / source.lstrip("/")).resolve()
        if not found.is_relative_to(origin.resolve()) or not found.exists():
            raise BuildError(f'failed to compute cache key: "/{source.lstrip("/")}": not found')
        place = self._stage.path(target)
        if found.is_dir():
            shutil.copytree(found, place, dirs_exist_ok=True, symlinks=True)
            return
        if many or target.endswith("/") or place.is_dir():
            place = place / found.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, place)

    def _run(self, value: str) -> None:
        stage = self._stage
        if stage.platform != self._platform["BUILDPLATFORM"]:
            # Without an emulator, which CodeBuild's machines do not have.
            raise BuildError(f'process "/bin/sh -c {value}" did not complete successfully: exec format error ({stage.platform})')
        variables = {**stage.arguments, **stage.variables}
        kept = {name: text for name, text in os.environ.items() if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                                                               "AWS_SESSION_TOKEN")}  # fmt: skip
        inside = {**kept, **variables, ROOT: str(stage.root), TARGET: self._asked.platform}
        done = subprocess.run(
            ["/bin/sh", "-c", value], cwd=stage.path("."), env=inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            self._say(line)
        if done.returncode:
            raise BuildError(f'process "/bin/sh -c {value}" did not complete successfully: exit code: {done.returncode}')

    def _entrypoint(self, value: str) -> None:
        self._stage.entrypoint, self._stage.command = _words(value), []

    def _cmd(self, value: str) -> None:
        self._stage.command = _words(value)

    def _expanded(self, text: str) -> str:
        return _expanded(text, {**self._now.arguments, **self._now.variables} if self._now else self._global)


def _expanded(text: str, known: Mapping[str, str]) -> str:
    def found(match: re.Match[str]) -> str:
        name, sign, other = match[1] or match[4], match[2], match[3] or ""
        value = known.get(name, "")
        return (other if value else "") if sign == "+" else (value or other)

    return _VARIABLE.sub(found, text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _words(value: str) -> list[str]:
    try:
        found: Any = json.loads(value)
    except ValueError:
        found = None
    return [str(word) for word in found] if isinstance(found, list) else ["/bin/sh", "-c", value]
