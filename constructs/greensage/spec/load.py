"""Reads model files into ModelSpecs and collects every problem of every file before it says a word."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from ..catalog import limits
from ..errors import Problem, SpecError
from .model import ModelSpec
from .source import Located, read_yaml
from .translate import problems_of


def load_spec(file: Path | str) -> tuple[ModelSpec, Located]:
    """Return the spec in `file` and where its keys stand.

    A relative artifact path is resolved against the folder of the file and must exist.
    Raises SpecError with all problems of the file.
    """
    path = Path(file)
    located = read_yaml(path, _shown(path))
    try:
        spec = ModelSpec.model_validate(located.content)
    except ValidationError as error:
        raise SpecError(problems_of(error, located)) from None
    if problem := _artifact_problem(spec, path, located):
        raise SpecError([problem])
    return _with_absolute_artifact(spec, path), located


def load_specs(folder: Path | str, *, only: str | None = None) -> list[tuple[ModelSpec, Located]]:
    """Return every *.yaml and *.yml of `folder`, in the order of their names.

    `only` keeps the one model of that name; problems of other files do not stand in its way, unless they leave
    no model of that name. Raises SpecError with the problems of all files.
    """
    root = Path(folder)
    files = sorted([*root.glob("*.yaml"), *root.glob("*.yml")])
    if not files:
        raise SpecError([Problem(_shown(root), 1, 1, "", "no model file (*.yaml) here", hint="the folder with your model files")])
    specs, problems = _read_all(files)
    problems += _duplicate_names(specs)
    if only is not None:
        return _only(specs, only, problems, root)
    if problems:
        raise SpecError(problems)
    return specs


def _read_all(files: Iterable[Path]) -> tuple[list[tuple[ModelSpec, Located]], list[Problem]]:
    specs: list[tuple[ModelSpec, Located]] = []
    problems: list[Problem] = []
    for file in files:
        try:
            specs.append(load_spec(file))
        except SpecError as error:
            problems += error.problems
    return specs, problems


def _duplicate_names(specs: Iterable[tuple[ModelSpec, Located]]) -> list[Problem]:
    """A model and a group become stacks of that name, so each name stands once over both."""
    first: dict[str, str] = {}
    problems = []
    for spec, located in specs:
        if spec.name in first:
            message = f"the name stands in {first[spec.name]} too, and each model has a stack of its own"
            problems.append(located.problem(("name",), message, found=spec.name, hint="rename one of the two"))
        first.setdefault(spec.name, located.file)
    for spec, located in specs:
        if spec.group in first:
            message = f"the group has the name of the model in {first[spec.group]}; both would be stacks of that name"
            problems.append(located.problem(("group",), message, found=spec.group, hint="rename the group"))
    return problems


def _only(
    specs: list[tuple[ModelSpec, Located]], name: str, problems: list[Problem], root: Path
) -> list[tuple[ModelSpec, Located]]:
    chosen = [pair for pair in specs if pair[0].name == name]
    if not chosen:
        known = ", ".join(spec.name for spec, _ in specs)
        raise SpecError([Problem(_shown(root), 1, 1, "", f"no model is called {name!r}", allowed=known), *problems])
    own = [problem for problem in problems if problem.file in {located.file for _, located in chosen}]
    if own:
        raise SpecError(own)
    return chosen


def _artifact_problem(spec: ModelSpec, file: Path, located: Located) -> Problem | None:
    artifact = spec.model.artifact
    at = ("model", "artifact")
    if artifact.startswith("s3://"):
        bucket, _, key = artifact.removeprefix("s3://").partition("/")
        if not bucket or not key:
            return located.problem(at, "not a full S3 URI", found=artifact, allowed="s3://bucket/key/model.tar.gz")
        return None
    path = file.parent / artifact
    if not path.is_file():
        hint = "make train" if artifact.startswith("artifacts/") else "train and pack the model first"
        return located.problem(at, "the artifact does not exist", found=str(_shown(path)), hint=hint)
    if not artifact.endswith((".tar.gz", ".tgz")):
        return located.problem(at, "SageMaker takes a gzipped tar", found=artifact, allowed="a path ending in .tar.gz")
    if path.stat().st_size > limits.MODEL_SIZE_MB * 1_000_000:
        return located.problem(at, "the artifact is larger than SageMaker takes", found=f"{path.stat().st_size:,} bytes")
    return None


def _with_absolute_artifact(spec: ModelSpec, file: Path) -> ModelSpec:
    artifact = spec.model.artifact
    if artifact.startswith("s3://"):
        return spec
    path = (file.parent / artifact).resolve()
    size_mb = max(path.stat().st_size / 1_000_000, 0.001)
    source = spec.model.model_copy(update={"artifact": str(path), "size_mb": spec.model.size_mb or size_mb})
    return spec.model_copy(update={"model": source})


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
