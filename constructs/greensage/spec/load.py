"""Reads model files into ModelSpecs and collects every problem of every file before it says a word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..catalog import limits
from ..core.archive import ArchiveError, look
from ..errors import Problem, SpecError
from .code import code_problem
from .files import MISSING, file_problems, with_absolute_files
from .hosting import SerialPipelineHosting
from .merge import DEFAULTS_FILE, check_environment, environments_of, merged, shared_settings
from .model import ModelSpec
from .model_source import ModelSource, ShadowSpec, VariantSpec
from .network import with_network
from .optimize import optimized_source
from .source import Located, Path_, read_yaml
from .sources import sources_of
from .translate import problems_of

# S3 user guide, "Bucket naming rules".
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_MISSING = "the artifact does not exist"
_HasModel = TypeVar("_HasModel", VariantSpec, ShadowSpec)


def load_spec(file: Path | str, *, assume_artifacts: bool = False, environment: str | None = None) -> tuple[ModelSpec, Located]:
    """Return the spec in `file`, with what `_defaults.yaml` beside it says for all, and where its keys stand.

    `environment` chooses among the `environments` of both files. A relative artifact path is resolved against the folder
    of the file and must exist, unless `assume_artifacts`: then what is missing keeps an unknown size, for which the catalog
    has an assumption.
    Raises SpecError with all problems of the file.
    """
    path = Path(file)
    shared = shared_settings(path.parent, _shown(path.parent / DEFAULTS_FILE))
    own = read_yaml(path, _shown(path))
    located = merged(own, shared, environment)
    spec = _validated(located)
    for other in sorted(environments_of([item for item in (shared, own) if item]) - {environment or ""}):
        # A mistake in another environment would wait for the day on which that is deployed.
        _check_in(other, merged(own, shared, other))
    spec = with_network(spec, path, located)
    looked_at = (_artifact_problem, code_problem)
    problems = [found for at, source in sources_of(spec) for check in looked_at if (found := check(source, at, path, located))]
    problems += file_problems(spec, path, located)
    if problems:
        problems = [item for item in problems if not (assume_artifacts and item.message in (_MISSING, MISSING))]
        if problems:
            raise SpecError(problems)
    found = with_absolute_files(_with_absolute_artifacts(spec, path), path)
    if found.optimize is not None:
        model = optimized_source(found.name, found.model)
        if found.retraining is not None and found.optimize.retrained:
            # What retraining brings is optimized too, and may be code that greensage wrote.
            model = model.model_copy(update={"allow_code": True})
        found = found.model_copy(update={"model": model})
    return found, located


def _validated(located: Located) -> ModelSpec:
    try:
        return ModelSpec.model_validate(located.content)
    except ValidationError as error:
        raise SpecError(problems_of(error, located)) from None


def _check_in(environment: str, located: Located) -> None:
    try:
        _validated(located)
    except SpecError as error:
        problems = [replace(item, message=f"{item.message} (in environment {environment})") for item in error.problems]
        raise SpecError(problems) from None


def load_specs(
    folder: Path | str | Sequence[Path | str],
    *,
    only: str | None = None,
    assume_artifacts: bool = False,
    environment: str | None = None,
) -> list[tuple[ModelSpec, Located]]:
    """Return every *.yaml and *.yml of `folder` (or of several), in the order of their names, each with its positions.

    Parameters
    ----------
    folder:
        A folder or several.
    only:
        Keeps the one model of that name; problems of other files do not stand in its way, unless they leave no
        model of that name. Default: all.
    assume_artifacts:
        Do not look whether archives and data are there; default false.
    environment:
        One of the `environments` that the files name; default none.

    Raises SpecError with the problems of all files.
    """
    roots = [Path(item) for item in ([folder] if isinstance(folder, str | Path) else folder)]
    files = [file for root in roots for file in model_files(root)]
    root = roots[0]
    if not files:
        raise SpecError([Problem(_shown(root), 1, 1, "", "no model file (*.yaml) here", hint="the folder with your model files")])
    specs, problems = _read_all(files, assume_artifacts, environment)
    if not problems:
        _check_environment(environment, files, root)
    problems += _duplicate_names(specs)
    if only is not None:
        return _only(specs, only, problems, root)
    if problems:
        raise SpecError(problems)
    return specs


def model_files(folder: Path) -> list[Path]:
    """Return the model files of `folder` in the order of their names; what begins with an underscore is none."""
    return sorted(file for ending in ("yaml", "yml") for file in folder.glob(f"*.{ending}") if not file.name.startswith("_"))


def load_neighbours(
    folder: Path | str | Sequence[Path | str], *names: str, files: Iterable[Path] = (), environment: str | None = None
) -> tuple[list[tuple[ModelSpec, Located]], list[Problem]]:
    """Return all readable model files of `folder`, or of several, and the problems of the others.

    Models may share an endpoint, so one is planned with its neighbours. `names` and `files` (resolved) are what is asked for.
    Raises SpecError for problems of theirs, and where there is no model of that name.
    """
    roots = [Path(item) for item in ([folder] if isinstance(folder, str | Path) else folder)]
    every = [file for root in roots for file in model_files(root)]
    specs, problems = _read_all(every, False, environment)
    if not problems:
        _check_environment(environment, every, roots[0])
    problems += _duplicate_names(specs)
    for name in names:
        _only(specs, name, problems, roots[0])
    asked = set(files)
    own = [problem for problem in problems if Path(problem.file).resolve() in asked]
    read = {Path(located.file).resolve() for _, located in specs}
    if own or asked - read:
        raise SpecError(own or problems)
    broken = {problem.file for problem in problems}
    return [pair for pair in specs if pair[1].file not in broken], problems


def _check_environment(environment: str | None, files: Sequence[Path], root: Path) -> None:
    if environment is None:
        return
    known: set[str] = set()
    for file in [*files, *{file.parent / DEFAULTS_FILE for file in files}]:
        if file.is_file():
            known |= environments_of([read_yaml(file, _shown(file), may_be_empty=True)])
    check_environment(environment, known, _shown(root))


def _read_all(
    files: Iterable[Path], assume_artifacts: bool, environment: str | None
) -> tuple[list[tuple[ModelSpec, Located]], list[Problem]]:
    specs: list[tuple[ModelSpec, Located]] = []
    problems: list[Problem] = []
    for file in files:
        try:
            specs.append(load_spec(file, assume_artifacts=assume_artifacts, environment=environment))
        except SpecError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    return specs, problems


def _duplicate_names(specs: Iterable[tuple[ModelSpec, Located]]) -> list[Problem]:
    """A model and a group become stacks of that name, so each name stands once over both."""
    first: dict[str, str] = {}
    problems: list[Problem] = []
    for spec, located in specs:
        if spec.name in first:
            message = f"the name stands in {first[spec.name]} too, and each model has a stack of its own"
            problems.append(located.problem(("name",), message, found=spec.name, hint="rename one of the two"))
        first.setdefault(spec.name, located.file)
    # A second round, because a group may be named before the model that has its name.
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
        known = [spec.name for spec, _ in specs]
        near = get_close_matches(name, known, n=1)
        message, hint = f"no model is called {name!r}", f"{near[0]}?" if near else ""
        raise SpecError([Problem(_shown(root), 1, 1, "", message, allowed=", ".join(known), hint=hint), *problems])
    own = [problem for problem in problems if problem.file in {located.file for _, located in chosen}]
    if own:
        raise SpecError(own)
    return chosen


def _artifact_problem(source: ModelSource, place: Path_, file: Path, located: Located) -> Problem | None:
    artifact, at = source.artifact, (*place, "artifact")
    if not artifact:
        return None
    if artifact.startswith("s3://"):
        bucket, _, key = artifact.removeprefix("s3://").partition("/")
        if not _BUCKET.match(bucket) or not key:
            return located.problem(at, "not a full S3 URI", found=artifact, allowed="s3://bucket/key/model.tar.gz")
        if not key.endswith((".tar.gz", ".tgz", "/")):
            message = "SageMaker takes a gzipped tar, or a prefix with an uncompressed model"
            return located.problem(at, message, found=artifact, allowed="a key ending in .tar.gz, or in / for a prefix")
        return None
    path = file.parent / artifact
    if not path.exists():
        hint = "make train" if artifact.startswith("artifacts/") else "train and pack the model first"
        return located.problem(at, _MISSING, found=str(_shown(path)), hint=hint)
    if not artifact.endswith((".tar.gz", ".tgz")):
        return located.problem(at, "SageMaker takes a gzipped tar", found=artifact, allowed="a path ending in .tar.gz")
    if path.stat().st_size > limits.MODEL_SIZE_MB * 1_000_000:
        return located.problem(at, "the artifact is larger than SageMaker takes", found=f"{path.stat().st_size:,} bytes")
    try:
        look(path)
    except ArchiveError as error:
        message, _, way = str(error).partition("; ")
        return located.problem(at, f"the artifact cannot be unpacked: {message}", found=str(_shown(path)), hint=way)
    except OSError as error:
        return located.problem(at, f"the artifact cannot be read: {error.strerror}", found=str(_shown(path)))
    return None


def _with_absolute_artifacts(spec: ModelSpec, file: Path) -> ModelSpec:
    changes: dict[str, Any] = {"model": _absolute(spec.model, file)}
    if spec.variants:
        changes["variants"] = tuple(_with_model(item, file) for item in spec.variants)
    if spec.shadow is not None:
        changes["shadow"] = _with_model(spec.shadow, file)
    if isinstance(spec.hosting, SerialPipelineHosting):
        chain = {key: tuple(_absolute(item, file) for item in getattr(spec.hosting, key)) for key in ("before", "after")}
        changes["hosting"] = spec.hosting.model_copy(update=chain)
    return spec.model_copy(update=changes)


def _with_model(part: _HasModel, file: Path) -> _HasModel:
    return part.model_copy(update={"model": _absolute(part.model, file)})


def _absolute(source: ModelSource, file: Path) -> ModelSource:
    if not source.artifact:
        return source
    code = {"code": str((file.parent / source.code).resolve()), "allow_code": True} if source.code else {}
    if source.artifact.startswith("s3://"):
        return source.model_copy(update=code)
    path = (file.parent / source.artifact).resolve()
    size_mb = source.size_mb or (max(path.stat().st_size / 1_000_000, 0.001) if path.is_file() else None)
    return source.model_copy(update={"artifact": str(path), "size_mb": size_mb, **code})


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
