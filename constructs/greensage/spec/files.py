"""The files that drift, retraining and optimize name: where they are looked for, and what is said when they are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import Problem
from .model import ModelSpec
from .source import Located, Path_

MISSING = "the file does not exist"
_S3 = "s3://"


def baseline_path(spec: ModelSpec) -> str | None:
    """Return where the baseline of `spec` lies: as it says, or beside the artifact; None without drift."""
    if spec.drift is None:
        return None
    if spec.drift.baseline is not None:
        return spec.drift.baseline
    return spec.model.artifact.removesuffix(".tar.gz").removesuffix(".tgz") + ".statistics.json"


def file_problems(spec: ModelSpec, file: Path, located: Located) -> list[Problem]:
    """Return what is missing of the files that drift and retraining name."""
    return list(_problems(spec, file, located))


def with_absolute_files(spec: ModelSpec, file: Path) -> ModelSpec:
    """Return `spec` with absolute paths for these files; s3:// stays as it is."""
    changes: dict[str, Any] = {}
    if spec.drift is not None:
        baseline = baseline_path(spec) or ""
        changes["drift"] = spec.drift.model_copy(update={"baseline": _absolute(baseline, file)})
    if spec.retraining is not None:
        part = spec.retraining
        holdout = {"holdout": _absolute(part.holdout, file)} if part.holdout else {}
        found = {"source": _absolute(part.source, file), "data": _absolute(part.data, file), **holdout}
        changes["retraining"] = part.model_copy(update=found)
    if spec.recommend is not None:
        changes["recommend"] = spec.recommend.model_copy(update={"sample": _absolute(spec.recommend.sample, file)})
    if spec.optimize is not None and spec.optimize.sample:
        changes["optimize"] = spec.optimize.model_copy(update={"sample": _absolute(spec.optimize.sample, file)})
    return spec.model_copy(update=changes) if changes else spec


def _problems(spec: ModelSpec, file: Path, located: Located) -> Iterator[Problem]:
    baseline = baseline_path(spec)
    if baseline is not None and not baseline.startswith(_S3) and not (file.parent / baseline).is_file():
        # A baseline that is only looked for by default has no key of its own to point at.
        place: Path_ = ("drift", "baseline") if spec.drift and spec.drift.baseline else ("drift",)
        hint = "greensage baseline DATA.csv -o FILE, or write it where you train (greensage.drift.window.of_table)"
        yield located.problem(place, MISSING, found=baseline, hint=hint)
    sample = spec.optimize.sample if spec.optimize else None
    if sample and not (file.parent / sample).is_file():
        yield located.problem(("optimize", "sample"), MISSING, found=sample, hint="a CSV file with a header")
    if spec.recommend is not None and not (file.parent / spec.recommend.sample).is_file():
        yield located.problem(
            ("recommend", "sample"), MISSING, found=spec.recommend.sample, hint="a file with the body of one request"
        )
    part = spec.retraining
    if part is None:
        return
    script = file.parent / part.source / part.script
    if not script.is_file():
        yield located.problem(("retraining", "source"), MISSING, found=str(Path(part.source) / part.script))
    for key, value in (("data", part.data), ("holdout", part.holdout)):
        if value and not value.startswith(_S3) and not (file.parent / value).is_file():
            yield located.problem(("retraining", key), MISSING, found=value, hint="a CSV file with a header, or s3://")


def _absolute(path: str, file: Path) -> str:
    return path if path.startswith(_S3) else str((file.parent / path).resolve())
